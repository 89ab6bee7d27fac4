"""Families of whole lines: the paper's random edits, statement order, forgotten lines."""

from __future__ import annotations

import ast
from itertools import pairwise
from random import Random

from editloop_trainer.corruptions.base import Change, Module, children


def _code_row(m: Module, rng: Random) -> int | None:
    rows = [row for row in m.code_rows if row > 0]
    return rng.choice(rows) if rows else None


def delete_line(m: Module, rng: Random) -> Change | None:
    """A random line is missing (Chain-of-Edits, section 3)."""
    row = _code_row(m, rng)
    return None if row is None else Change(row, row + 1, ())


def duplicate_line(m: Module, rng: Random) -> Change | None:
    """A random line stands twice, the second time right after or further down."""
    row = _code_row(m, rng)
    if row is None:
        return None
    at = row + 1 if rng.random() < 0.7 else rng.randrange(1, len(m.lines) + 1)
    return Change(at, at, (m.lines[row],))


def insert_line(m: Module, rng: Random) -> Change | None:
    """A line from elsewhere in the module, with the indentation of its new place."""
    row, other = _code_row(m, rng), _code_row(m, rng)
    if row is None or other is None:
        return None
    line = m.lines[row]
    body = m.lines[other].lstrip()
    new = line[: len(line) - len(line.lstrip())] + body
    return Change(row, row, (new,)) if rng.random() < 0.8 else Change(row, row, (m.lines[other],))


def replace_line(m: Module, rng: Random) -> Change | None:
    """A line is replaced by another line of the module, indentation kept."""
    row, other = _code_row(m, rng), _code_row(m, rng)
    if row is None or other is None or m.lines[row].strip() == m.lines[other].strip():
        return None
    line = m.lines[row]
    return Change(row, row + 1, (line[: len(line) - len(line.lstrip())] + m.lines[other].lstrip(),))


def missing_statement(m: Module, rng: Random) -> Change | None:
    """A statement that others need is forgotten: an assignment, a call, a return, a break."""
    nodes = [n for n in m.statements if not isinstance(n, ast.Import | ast.ImportFrom | ast.Pass)]
    if not nodes:
        return None
    row = rng.choice(nodes).lineno - 1
    return Change(row, row + 1, ())


def statement_order(m: Module, rng: Random) -> Change | None:
    """Two neighbouring statements of a block in the wrong order."""
    pairs = []
    for node in m.nodes:
        for block in children(node):
            for a, b in pairwise(block):
                if a in m.statements and b in m.statements and b.lineno == a.lineno + 1:
                    pairs.append(a.lineno - 1)
    if not pairs:
        return None
    row = rng.choice(pairs)
    first, second = m.lines[row], m.lines[row + 1]
    return Change(row, row + 2, (second, first)) if first != second else None


def missing_import(m: Module, rng: Random) -> Change | None:
    """An import is forgotten, or one of the names that it brings."""
    nodes = [n for n in m.statements if isinstance(n, ast.Import | ast.ImportFrom)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    row = node.lineno - 1
    if len(node.names) > 1 and rng.random() < 0.5:
        names = list(node.names)
        del names[rng.randrange(len(names))]
        if isinstance(node, ast.Import):
            return m.replace(node, ast.unparse(ast.Import(names)))
        return m.replace(node, ast.unparse(ast.ImportFrom(node.module, names, 0)))
    return Change(row, row + 1, ())


def missing_else(m: Module, rng: Random) -> Change | None:
    """The line ``else:`` is missing; its block follows the one before."""
    rows = [
        t.row
        for t in m.tokens
        if t.text == "else" and [x.text for x in m.by_line[t.row]] == ["else", ":"]
    ]
    if not rows:
        return None
    row = rng.choice(rows)
    return Change(row, row + 1, ())


def elif_if(m: Module, rng: Random) -> Change | None:
    """``if`` for ``elif`` and the reverse, ``else`` for ``elif``."""
    tokens = [t for t in m.tokens if t.text == "elif"]
    heads = [t for t in m.tokens if t.text == "if" and m.by_line[t.row][0] == t]
    follows = [t for t in heads if _after_if(m, t.row)]
    if tokens and (not follows or rng.random() < 0.6):
        t = rng.choice(tokens)
        return m.put(t.row, t.start, t.end, rng.choice(("if", "if", "else")))
    if not follows:
        return None
    t = rng.choice(follows)
    return m.put(t.row, t.start, t.end, "elif")


def _after_if(m: Module, row: int) -> bool:
    for node in m.nodes:
        for block in children(node):
            for a, b in pairwise(block):
                if b.lineno - 1 == row and isinstance(a, ast.If) and isinstance(b, ast.If):
                    return True
    return False


def loop_kind(m: Module, rng: Random) -> Change | None:
    """``if`` for ``while`` and the reverse."""
    tokens = [t for t in m.tokens if t.text in ("while", "if") and m.by_line[t.row][0] == t]
    whiles = [t for t in tokens if t.text == "while"]
    tokens = whiles if whiles and rng.random() < 0.7 else tokens
    if not tokens:
        return None
    t = rng.choice(tokens)
    return m.put(t.row, t.start, t.end, "if" if t.text == "while" else "while")
