"""Families of operators, comparisons and conditions."""

from __future__ import annotations

import ast
from random import Random

from editloop_trainer.corruptions.base import Change, Module
from editloop_trainer.corruptions.tables import ARITHMETIC, BITWISE, BOUNDARY, OPPOSITE


def between(m: Module, left: ast.expr, right: ast.expr) -> tuple[int, int, int] | None:
    """Place of the operator between two operands of one line (parentheses left out)."""
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
    return m.put(*place, rng.choice(ARITHMETIC.get(text) or BITWISE[text]))


def division(m: Module, rng: Random) -> Change | None:
    """``/`` for ``//`` and the reverse, also augmented."""
    places = [(p, t) for p, t in _binary(m) if t in ("/", "//")]
    places += [((t.row, t.start, t.end), t.text) for t in m.tokens if t.text in ("/=", "//=")]
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
