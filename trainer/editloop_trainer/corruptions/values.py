"""Families about values and statements: constants, initial values, assignments, returns."""

from __future__ import annotations

import ast
from random import Random

from editloop_trainer.corruptions.base import Change, Module

_EMPTY: dict[str, tuple[str, ...]] = {
    "[]": ("{}", "None", "0", "''"),
    "{}": ("[]", "None", "set()"),
    "set()": ("{}", "[]"),
    "''": ("' '", "None", "[]"),
    '""': ('" "', "None", "[]"),
    "0": ("1", "1", "-1"),
    "1": ("0", "0", "2"),
    "-1": ("0", "1"),
    "True": ("False",),
    "False": ("True",),
    "None": ("0", "[]"),
    "float('inf')": ("0", "float('-inf')", "1"),
    "float('-inf')": ("0", "float('inf')"),
    'float("inf")': ("0", 'float("-inf")', "1"),
    'float("-inf")': ("0", 'float("inf")'),
}


def _in_docstring(m: Module, node: ast.Constant) -> bool:
    return node.lineno - 1 not in m.code_rows


def constant(m: Module, rng: Random) -> Change | None:
    """Another number, truth value or text."""
    nodes = [n for n in m.of(ast.Constant) if not _in_docstring(m, n)]
    nodes = [n for n in nodes if isinstance(n.value, int | float | str) and len(m.text(n)) < 30]
    if not nodes:
        return None
    node = rng.choice(nodes)
    return _other_constant(m, node, rng)


def _other_constant(m: Module, node: ast.Constant, rng: Random) -> Change | None:
    value, text = node.value, m.text(node)
    if isinstance(value, bool):
        return m.replace(node, str(not value))
    if isinstance(value, int):
        if not text.isdigit():
            return None
        options = {value + 1, abs(value - 1), value * 10, value // 10, value * 2}
        if rng.random() < 0.6:
            options = {value + 1, abs(value - 1)}
        return m.replace(node, str(rng.choice(sorted(options - {value}))))
    if isinstance(value, float):
        return m.replace(node, rng.choice((str(int(value)), repr(value + 1), repr(value / 2))))
    if (
        not isinstance(value, str)
        or text[:1] not in "'\""
        or "\\" in text
        or text[:3] in ("'''", '"""')
    ):
        return None
    quote, body = text[0], text[1:-1]
    if not body:
        return m.replace(node, f"{quote} {quote}")
    options_ = [body[:-1], f"{body} ", body.swapcase(), ""]
    return m.replace(node, quote + rng.choice([o for o in options_ if o != body]) + quote)


def quoted_number(m: Module, rng: Random) -> Change | None:
    """``'0'`` for ``0`` and the reverse: a text where a number is needed, a number for a text."""
    nodes = [n for n in m.of(ast.Constant) if not _in_docstring(m, n)]
    texts = [n for n in nodes if isinstance(n.value, str) and m.text(n)[1:-1].isdigit()]
    numbers = [n for n in nodes if type(n.value) is int and m.text(n).isdigit()]
    if texts and (not numbers or rng.random() < 0.8):
        node = rng.choice(texts)
        return m.replace(node, m.text(node)[1:-1])
    return m.replace(node := rng.choice(numbers), f"'{m.text(node)}'") if numbers else None


def _assignments(m: Module) -> list[ast.Assign]:
    return [n for n in m.statements if isinstance(n, ast.Assign)]


def initial_value(m: Module, rng: Random) -> Change | None:
    """A variable starts with the wrong value."""
    found = [n.value for n in _assignments(m) if m.text(n.value) in _EMPTY]
    values = [n.value for n in _assignments(m) if isinstance(n.value, ast.Tuple)]
    found += [e for t in values if isinstance(t, ast.Tuple) for e in t.elts if m.text(e) in _EMPTY]
    if not found:
        return None
    node = rng.choice(found)
    return m.replace(node, rng.choice(_EMPTY[m.text(node)]))


def augmented(m: Module, rng: Random) -> Change | None:
    """``=`` for ``+=``, ``-=`` for ``+=``, ``+=`` for ``=``."""
    nodes: list[ast.stmt] = [n for n in m.statements if isinstance(n, ast.AugAssign)]
    plain: list[ast.stmt] = [n for n in _assignments(m) if len(n.targets) == 1]
    if not nodes or (plain and rng.random() < 0.25):
        nodes = plain
    if not nodes:
        return None
    node = rng.choice(nodes)
    tokens = [t for t in m.by_line[node.lineno - 1] if t.kind == "op" and t.text.endswith("=")]
    t = next((t for t in tokens if t.text not in ("==", "<=", ">=", "!=")), None)
    if t is None:
        return None
    if t.text == "=":
        return m.put(t.row, t.start, t.end, "+=")
    others = {"+=": "-=", "-=": "+=", "*=": "+=", "//=": "/=", "/=": "*=", "%=": "//="}
    options = ["=", "=", others.get(t.text, "+="), others.get(t.text, "+=")]
    if t.text == "+=" and rng.random() < 0.2:
        options = ["=+", "*="]
    return m.put(t.row, t.start, t.end, rng.choice(options))


def _returns(m: Module) -> list[ast.Return]:
    return [n for n in m.statements if isinstance(n, ast.Return) and n.value is not None]


def missing_return(m: Module, rng: Random) -> Change | None:
    """The word ``return`` is forgotten, or its value."""
    nodes = _returns(m)
    if not nodes:
        return None
    node = rng.choice(nodes)
    assert node.value is not None
    if rng.random() < 0.25:
        return m.replace(node, "return")
    row, start, end = m.columns(node)
    text = m.lines[row][start:end]
    return m.put(row, start, end, text.removeprefix("return").lstrip())


def wrong_return(m: Module, rng: Random) -> Change | None:
    """Something else comes back: another variable, the opposite, a part of it, or is printed."""
    nodes = _returns(m)
    if not nodes:
        return None
    node = rng.choice(nodes)
    value = node.value
    assert value is not None
    text = m.text(value)
    if text in ("True", "False"):
        return m.replace(value, "False" if text == "True" else "True")
    options = [n for n in m.names_at(node.lineno - 1) if n != text]
    options = rng.sample(options, min(4, len(options)))
    if isinstance(value, ast.Tuple | ast.BinOp | ast.Call):
        inner = [c for c in ast.iter_child_nodes(value) if isinstance(c, ast.expr)]
        options += [m.text(c) for c in inner if c.lineno == c.end_lineno][-3:]
    options += ["None", "-1", "0", "True", "False", "[]"] if rng.random() < 0.3 else []
    if rng.random() < 0.1 and not isinstance(value, ast.Tuple):
        return m.replace(node, f"print({text})")
    return m.replace(value, rng.choice(options)) if options else None


def loop_jump(m: Module, rng: Random) -> Change | None:
    """``break`` for ``continue`` and the reverse, or ``pass`` for either."""
    nodes = [n for n in m.statements if isinstance(n, ast.Break | ast.Continue)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    other = "continue" if isinstance(node, ast.Break) else "break"
    return m.replace(node, rng.choice((other, other, other, "pass", "return")))
