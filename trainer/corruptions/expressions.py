"""Families inside of expressions: operators, comparisons, conditions, bounds, indices, calls."""

from __future__ import annotations

import ast
import re
from random import Random

from trainer.corruptions.base import Change, Module
from trainer.corruptions.tables import (
    ARITHMETIC,
    BITWISE,
    BOUNDARY,
    BUILTINS,
    CONVERSIONS,
    METHODS,
    OPPOSITE,
)


def between(m: Module, left: ast.expr, right: ast.expr) -> tuple[int, int, int] | None:
    """Where the operator between two operands of one line stands (parentheses left out)."""
    row, _, start = m.columns(left)
    other, end, _ = m.columns(right)
    if row != other:
        return None
    text = m.lines[row][start:end]
    bare = text.strip(" )(")
    at = start + text.find(bare)
    return (row, at, at + len(bare)) if bare else None


def _binary(m: Module) -> list[tuple[tuple[int, int, int], str]]:
    found = []
    for node in m.of(ast.BinOp):
        if _is_text(node.left) or _is_text(node.right):
            continue
        place = between(m, node.left, node.right)
        if place:
            found.append((place, m.lines[place[0]][place[1] : place[2]]))
    return found


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def operator(m: Module, rng: Random) -> Change | None:
    """``+`` for ``-``, ``*`` for ``+``, ``%`` for ``//``, ``&`` for ``|`` ..."""
    places = [(p, t) for p, t in _binary(m) if t in ARITHMETIC or t in BITWISE]
    if not places:
        return None
    place, text = rng.choice(places)
    return m.put(*place, rng.choice((ARITHMETIC.get(text) or BITWISE[text])))


def division(m: Module, rng: Random) -> Change | None:
    """``/`` for ``//`` and the reverse, also augmented."""
    places = [(p, t) for p, t in _binary(m) if t in ("/", "//")]
    places += [
        ((t.row, t.start, t.end), t.text) for t in m.tokens if t.text in ("/=", "//=")
    ]
    if not places:
        return None
    place, text = rng.choice(places)
    return m.put(*place, text.replace("//", "\0").replace("/", "//").replace("\0", "/"))


def _comparisons(m: Module) -> list[tuple[ast.Compare, tuple[int, int, int], str]]:
    found = []
    for node in m.of(ast.Compare):
        if len(node.ops) == 1 and (place := between(m, node.left, node.comparators[0])):
            text = m.lines[place[0]][place[1] : place[2]]
            found.append((node, place, " ".join(text.split())))
    return found


def boundary(m: Module, rng: Random) -> Change | None:
    """``<`` for ``<=`` and the like: the same direction, the bound in or out."""
    places = [(p, t) for _, p, t in _comparisons(m) if t in BOUNDARY]
    if not places:
        return None
    place, text = rng.choice(places)
    return m.put(*place, BOUNDARY[text])


def comparison(m: Module, rng: Random) -> Change | None:
    """The opposite comparison: ``==`` for ``!=``, ``<`` for ``>``, ``in`` for ``not in``."""
    places = [(p, t) for _, p, t in _comparisons(m) if t in OPPOSITE]
    if not places:
        return None
    place, text = rng.choice(places)
    return m.put(*place, rng.choice(OPPOSITE[text]))


def _conditions(m: Module) -> list[ast.expr]:
    tests = [n.test for n in m.nodes if isinstance(n, ast.If | ast.While | ast.IfExp)]
    tests += [test for n in m.nodes if isinstance(n, ast.comprehension) for test in n.ifs]
    return [t for t in tests if t.lineno == t.end_lineno]


def negate(m: Module, rng: Random) -> Change | None:
    """A ``not`` too many, or one forgotten."""
    nots = [n for n in m.of(ast.UnaryOp) if isinstance(n.op, ast.Not)]
    simple = (ast.Name, ast.Call, ast.Attribute, ast.Subscript)
    plain = [t for t in _conditions(m) if isinstance(t, simple)]
    if nots and (not plain or rng.random() < 0.6):
        node = rng.choice(nots)
        return m.replace(node, m.text(node)[3:].lstrip())
    if not plain:
        return None
    test = rng.choice(plain)
    return m.replace(test, f"not {m.text(test)}")


def and_or(m: Module, rng: Random) -> Change | None:
    """``and`` for ``or`` and the reverse."""
    tokens = [t for t in m.tokens if t.text in ("and", "or")]
    if not tokens:
        return None
    t = rng.choice(tokens)
    return m.put(t.row, t.start, t.end, "or" if t.text == "and" else "and")


def condition_part(m: Module, rng: Random) -> Change | None:
    """One operand of ``and``/``or`` or one link of ``a < b < c`` is missing."""
    nodes: list[ast.BoolOp | ast.Compare] = [*m.of(ast.BoolOp)]
    nodes += [n for n in m.of(ast.Compare) if len(n.ops) == 2]
    if not nodes:
        return None
    node = rng.choice(nodes)
    if isinstance(node, ast.BoolOp):
        kept = list(node.values)
        del kept[rng.randrange(len(kept))]
        first, last = kept[0], kept[-1]
        if len(kept) != len(node.values) - 1:
            return None
        row, start, _ = m.columns(node.values[0] if first is node.values[0] else first)
        _, _, end = m.columns(last)
        if len(kept) > 1 and first is node.values[0] and last is node.values[-1]:
            return None
    elif rng.random() < 0.5:
        (row, start, _), (_, _, end) = m.columns(node.left), m.columns(node.comparators[0])
    else:
        (row, start, _), (_, _, end) = m.columns(node.comparators[0]), m.columns(node)
    text = m.lines[row][start:end]
    if text.count("(") != text.count(")"):
        return None
    return m.replace(node, text)


_SMALL = re.compile(r"\s*[-+]\s*1$")


def off_by_one(m: Module, rng: Random) -> Change | None:
    """``+ 1`` or ``- 1`` forgotten, turned round, or put where none belongs."""
    ones = [n for n in m.of(ast.BinOp) if isinstance(n.op, ast.Add | ast.Sub) and _one(n.right)]
    if ones and rng.random() < 0.65:
        node = rng.choice(ones)
        text = m.text(node)
        if rng.random() < 0.6 and _SMALL.search(text):
            return m.replace(node, _SMALL.sub("", text))
        place = between(m, node.left, node.right)
        return m.put(*place, "-" if isinstance(node.op, ast.Add) else "+") if place else None
    places = [s for s in _bounds(m) if not isinstance(s, ast.BinOp | ast.Starred)]
    if not places:
        return None
    node_ = rng.choice(places)
    text, sign = m.text(node_), rng.choice("+-")
    if isinstance(node_, ast.Constant):
        if not isinstance(node_.value, int) or isinstance(node_.value, bool):
            return None
        return m.replace(node_, str(abs(node_.value + (1 if sign == "+" else -1))))
    space = " " if rng.random() < 0.6 else ""
    return m.replace(node_, f"{text}{space}{sign}{space}1")


def _one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _bounds(m: Module) -> list[ast.expr]:
    """Arguments of ``range``, indices, slice bounds, and right sides of orderings."""
    found: list[ast.expr] = []
    for node in m.nodes:
        match node:
            case ast.Call(func=ast.Name(id="range"), args=args):
                found += args * 2
            case ast.Subscript(slice=ast.Slice(lower=low, upper=up)):
                found += [n for n in (low, up) if n is not None]
            case ast.Subscript(slice=(ast.Name() | ast.BinOp() | ast.Constant()) as index):
                found.append(index)
            case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()], comparators=[x]):
                found.append(x)
    return [n for n in found if n.lineno == n.end_lineno]


def index(m: Module, rng: Random) -> Change | None:
    """``i`` for ``j``, ``[0]`` for ``[-1]``, two indices exchanged."""
    nodes = [n for n in m.of(ast.Subscript) if not isinstance(n.slice, ast.Slice)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    inner, text = node.slice, m.text(node.slice)
    if isinstance(node.value, ast.Subscript) and rng.random() < 0.4:
        return m.swap(node.value.slice, inner)
    if text in ("0", "-1", "1"):
        return m.replace(inner, rng.choice([c for c in ("0", "-1", "1") if c != text]))
    if isinstance(inner, ast.Name):
        names = [n for n in m.names_at(inner.lineno - 1) if n != text]
        short = [n for n in names if len(n) <= 2] or names
        return m.replace(inner, rng.choice(short)) if short else None
    return None


def slice_bounds(m: Module, rng: Random) -> Change | None:
    """A bound forgotten, moved to the other side, or a step turned round."""
    nodes = [n for n in m.of(ast.Subscript) if isinstance(n.slice, ast.Slice)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    text = m.text(node.slice)
    if text == "::-1":
        return m.replace(node.slice, rng.choice((":", ":-1", "::1")))
    parts = text.split(":")
    if len(parts) != 2 or "[" in text or "(" in text:
        return None
    low, high = (p.strip() for p in parts)
    options = [f"{high}:{low}", f"{low}:{high} + 1", f"{low}:{high} - 1"]
    options += [f":{high}", f"{low}:"] if low and high else []
    options = [o for o in options if o != text and not o.startswith(": ") and ": " not in o]
    return m.replace(node.slice, rng.choice(options)) if options else None


def swapped_arguments(m: Module, rng: Random) -> Change | None:
    """Two arguments, or the operands of ``-``, ``/``, ``%`` and the like, in the wrong order."""
    pairs = [
        (n.args[i], n.args[i + 1]) for n in m.of(ast.Call) for i in range(len(n.args) - 1)
    ]
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
    if len(texts) > 1 and rng.random() < 0.7 or not (names := m.names_at(node.lineno - 1)):
        del texts[rng.randrange(len(texts))]
    else:
        texts.append(rng.choice([*names, "0", "1", "True"]))
    return m.replace(node, f"{m.text(node.func)}({', '.join(texts)})")


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
        case ast.Call(func=ast.Name(id="range"), args=[ast.Call(func=ast.Name(id="len"), args=[x])]):
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
            options = [f"range(len({text}))", f"range({text})", *rng.sample(others, min(2, len(others)))]
            return m.replace(node, rng.choice(options))
    return None
