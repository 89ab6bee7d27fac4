"""Families of calls: arguments, builtins, methods, conversions, and what a loop goes over."""

from __future__ import annotations

import ast
from random import Random

from editloop_trainer.corruptions.base import Change, Module
from editloop_trainer.corruptions.tables import BUILTINS, CONVERSIONS, METHODS


def swapped_arguments(m: Module, rng: Random) -> Change | None:
    """Two arguments, or the operands of ``-``, ``/``, ``%`` and the like, in the wrong order."""
    pairs = [(n.args[i], n.args[i + 1]) for n in m.of(ast.Call) for i in range(len(n.args) - 1)]
    order = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
    pairs += [(n.left, n.right) for n in m.of(ast.BinOp) if isinstance(n.op, order)]
    if not pairs:
        return None
    return m.swap(*rng.choice(pairs))


def argument_count(m: Module, rng: Random) -> Change | None:
    """An argument is missing, or there is one too many."""
    calls = [n for n in m.of(ast.Call) if n.args and not n.keywords and m.text(n).endswith(")")]
    if not calls:
        return None
    node = rng.choice(calls)
    if any(isinstance(a, ast.GeneratorExp | ast.Starred) for a in node.args):
        return None
    texts = [m.text(a) for a in node.args]
    if (len(texts) > 1 and rng.random() < 0.7) or not (names := m.names_at(node.lineno - 1)):
        del texts[rng.randrange(len(texts))]
    else:
        texts.append(rng.choice([*names, "0", "1", "True"]))
    return m.replace(node, f"{m.text(node.func)}({', '.join(texts)})")


def same_operand(m: Module, rng: Random) -> Change | None:
    """Both sides of an operator, or two arguments, are one and the same: what was copied was not
    changed."""
    pairs = [(n.left, n.right) for n in m.of(ast.BinOp)]
    pairs += [(n.left, n.comparators[0]) for n in m.of(ast.Compare)]
    pairs += [(n.args[i], n.args[i + 1]) for n in m.of(ast.Call) for i in range(len(n.args) - 1)]
    pairs = [(a, b) for a, b in pairs if type(a) is type(b) and m.text(a) != m.text(b)]
    pairs = [(a, b) for a, b in pairs if not isinstance(a, ast.Constant | ast.Starred)]
    if not pairs:
        return None
    one, other = rng.sample(rng.choice(pairs), 2)
    return m.replace(one, m.text(other))


def builtin(m: Module, rng: Random) -> Change | None:
    """``min`` for ``max``, ``any`` for ``all``, ``sorted`` for ``reversed`` ..."""
    nodes = [n.func for n in m.of(ast.Call) if isinstance(n.func, ast.Name)]
    nodes = [n for n in nodes if isinstance(n, ast.Name) and n.id in BUILTINS]
    if not nodes:
        return None
    node = rng.choice(nodes)
    return m.replace(node, rng.choice(BUILTINS[m.text(node)]))


def method(m: Module, rng: Random) -> Change | None:
    """``append`` for ``extend``, ``keys`` for ``values``, ``upper`` for ``lower`` ..."""
    nodes = [n.func for n in m.of(ast.Call) if isinstance(n.func, ast.Attribute)]
    nodes = [n for n in nodes if isinstance(n, ast.Attribute) and n.attr in METHODS]
    if not nodes:
        return None
    node = rng.choice(nodes)
    if not isinstance(node, ast.Attribute):
        return None
    row, _, end = m.columns(node)
    return m.put(row, end - len(node.attr), end, rng.choice(METHODS[node.attr]))


def conversion(m: Module, rng: Random) -> Change | None:
    """``int()``, ``str()``, ``list()`` ... dropped, exchanged, or the call's brackets forgotten."""
    calls = [n for n in m.of(ast.Call) if isinstance(n.func, ast.Name) and len(n.args) == 1]
    calls = [n for n in calls if m.text(n.func) in CONVERSIONS and not n.keywords]
    if not calls:
        return None
    node = rng.choice(calls)
    if rng.random() < 0.7 and not isinstance(node.args[0], ast.GeneratorExp | ast.Starred):
        inner = m.text(node.args[0])
        return m.replace(node, inner if _atom(node.args[0]) else f"({inner})")
    return m.replace(node.func, rng.choice(CONVERSIONS[m.text(node.func)]))


def _atom(node: ast.expr) -> bool:
    return isinstance(
        node, ast.Name | ast.Call | ast.Attribute | ast.Subscript | ast.List | ast.ListComp
    )


def iterated(m: Module, rng: Random) -> Change | None:
    """A loop over the wrong thing: ``range(len(x))`` for ``x``, a forgotten ``range`` ..."""
    loops: list[ast.For | ast.comprehension] = [n for n in m.nodes if isinstance(n, ast.For)]
    loops += [n for n in m.nodes if isinstance(n, ast.comprehension)]
    loops = [n for n in loops if n.iter.lineno == n.iter.end_lineno]
    if not loops:
        return None
    node = rng.choice(loops).iter
    text = m.text(node)
    match node:
        case ast.Call(
            func=ast.Name(id="range"), args=[ast.Call(func=ast.Name(id="len"), args=[x])]
        ):
            return m.replace(node, rng.choice((m.text(x), f"len({m.text(x)})")))
        case ast.Call(func=ast.Name(id="range"), args=[x]):
            return m.replace(node, m.text(x))
        case ast.Call(func=ast.Name(id="range"), args=[x, y, *_]):
            return m.replace(node, rng.choice((f"range({m.text(y)})", f"range({m.text(x)})")))
        case ast.Call(func=ast.Name(id="enumerate" | "reversed" | "sorted" | "set"), args=[x, *_]):
            return m.replace(node, m.text(x))
        case ast.Call(func=ast.Attribute(value=x, attr="items" | "values" | "keys")):
            return m.replace(node, m.text(x))
        case ast.Name():
            others = [n for n in m.names_at(node.lineno - 1) if n != text]
            options = [
                f"range(len({text}))",
                f"range({text})",
                *rng.sample(others, min(2, len(others))),
            ]
            return m.replace(node, rng.choice(options))
    return None
