"""Families that break the syntax or the layout: colons, brackets, quotes, indentation, comments."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from random import Random

from editloop_trainer.corruptions.base import Change, Module, children

_OPEN, _CLOSE = "([{", ")]}"


def missing_colon(m: Module, rng: Random) -> Change | None:
    """The colon at the end of a clause is missing, or a ``;`` stands there."""
    rows = [row for row in m.code_rows if m.by_line[row][-1].text == ":"]
    if not rows:
        return None
    t = m.by_line[rng.choice(rows)][-1]
    return m.put(t.row, t.start, t.end, rng.choice(("", "", "", "", ";", " {")))


def missing_bracket(m: Module, rng: Random) -> Change | None:
    """One bracket is missing."""
    tokens = [t for t in m.tokens if t.text in ("(", ")", "[", "]", "{", "}")]
    # The closing one is forgotten far more often.
    tokens = [t for t in tokens if t.text in _CLOSE] if rng.random() < 0.8 else tokens
    if not tokens:
        return None
    t = rng.choice(tokens)
    return m.put(t.row, t.start, t.end, "")


def extra_bracket(m: Module, rng: Random) -> Change | None:
    """One bracket too many, or one of the wrong kind."""
    tokens = [t for t in m.tokens if t.text in ("(", ")", "[", "]", "{", "}")]
    if not tokens:
        return None
    t = rng.choice(tokens)
    if rng.random() < 0.5:
        return m.put(t.row, t.start, t.end, t.text * 2)
    kinds = _OPEN if t.text in _OPEN else _CLOSE
    return m.put(t.row, t.start, t.end, rng.choice([c for c in kinds if c != t.text]))


def unclosed_string(m: Module, rng: Random) -> Change | None:
    """A quote is missing, or the two differ."""
    tokens = [t for t in m.tokens if t.kind == "string" and len(t.text) >= 2]
    if not tokens:
        return None
    t = rng.choice(tokens)
    body, quote = t.text[:-1], t.text[-1]
    kind = rng.random()
    if kind < 0.6:
        new = body
    elif kind < 0.8:
        new = body + ("'" if quote == '"' else '"')
    else:
        new = t.text.replace(quote, "", 1)
    return m.put(t.row, t.start, t.end, new)


def missing_operator(m: Module, rng: Random) -> Change | None:
    """A comma, a dot or an operator between two things is missing."""
    tokens = [t for t in m.tokens if t.text in (",", ".", "+", "-", "*", "==", "=", "in", "<", ">")]
    if not tokens:
        return None
    t = rng.choice(tokens)
    line = m.lines[t.row]
    spaced = line[t.start - 1 : t.start] == " " and line[t.end : t.end + 1] == " "
    return m.put(t.row, t.start, t.end + spaced, "" if t.text in ",." or spaced else " ")


def equals(m: Module, rng: Random) -> Change | None:
    """``=`` for ``==`` in a condition, ``==`` for ``=`` in an assignment."""
    tokens = [t for t in m.tokens if t.text == "=="]
    rows = {n.lineno - 1 for n in m.statements if isinstance(n, ast.Assign)}
    plain = [t for t in m.tokens if t.text == "=" and t.row in rows]
    if not tokens or (plain and rng.random() < 0.4):
        tokens = plain
    if not tokens:
        return None
    t = rng.choice(tokens)
    return m.put(t.row, t.start, t.end, "==" if t.text == "=" else "=")


def _unit(line: str) -> str:
    return "\t" if line.startswith("\t") else "    "


def indentation(m: Module, rng: Random) -> Change | None:
    """A line is a step, or a blank, too far in or out."""
    rows = [row for row in m.code_rows if row > 0]
    if not rows:
        return None
    row = rng.choice(rows)
    line = m.lines[row]
    indent = line[: len(line) - len(line.lstrip())]
    outer = sorted(
        {len(x) - len(x.lstrip()) for x in m.lines if x.strip()} & set(range(len(indent)))
    )
    kind = rng.random()
    if indent and kind < 0.55:
        new = _dedent(line, outer)
    elif kind < 0.85:
        new = _unit(line) + line
    else:
        new = " " + line if rng.random() < 0.5 or not indent else line[1:]
    return Change(row, row + 1, (new,))


def _dedent(line: str, outer: list[int]) -> str:
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    return indent[: outer[-1] if outer else 0] + body


def block_end(m: Module, rng: Random) -> Change | None:
    """The last statement of a block slips out of it, or the next one into it."""
    pairs = []
    for node in m.nodes:
        for block in children(node):
            for first, second in pairwise(block):
                if hasattr(first, "body") and second in m.statements:
                    pairs.append(second.lineno - 1)
            inside = isinstance(node, ast.For | ast.While | ast.If) and len(block) > 1
            if inside and block[-1] in m.statements:
                pairs.append(-block[-1].lineno)
    if not pairs:
        return None
    place = rng.choice(pairs)
    if place >= 0:
        row, line = place, m.lines[place]
        before = next((m.lines[r] for r in range(row - 1, 0, -1) if m.lines[r].strip()), "")
        inner = before[: len(before) - len(before.lstrip())]
        new = inner + line.lstrip() if len(inner) > len(line) - len(line.lstrip()) else ""
    else:
        row = -place - 1
        line = m.lines[row]
        depth = len(line) - len(line.lstrip())
        outer = sorted({len(x) - len(x.lstrip()) for x in m.lines[:row] if x.strip()})
        new = _dedent(line, [n for n in outer if n < depth])
    return Change(row, row + 1, (new,)) if new and new != line else None


def commented_out(m: Module, rng: Random) -> Change | None:
    """A line of code is a comment."""
    rows = [row for row in m.code_rows if row > 0]
    if not rows:
        return None
    row = rng.choice(rows)
    line = m.lines[row]
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    return Change(row, row + 1, (f"{indent}#{rng.choice((' ', ' ', ''))}{body}",))


def comment_swallows(m: Module, rng: Random) -> Change | None:
    """Code stands behind the comment above it, or a comment has lost its ``#``."""
    above = [
        row
        for row in m.code_rows
        if row > 0
        and re.match(r"\s*#", m.lines[row - 1])
        and _indent(m, row) == _indent(m, row - 1)
    ]
    comments = [t for t in m.tokens if t.kind == "comment" and len(t.text) > 3]
    if above and rng.random() < 0.5:
        row = rng.choice(above)
        joined = f"{m.lines[row - 1].rstrip()} {m.lines[row].lstrip()}"
        return Change(row - 1, row + 1, (joined,))
    if comments and rng.random() < 0.7:
        t = rng.choice(comments)
        mark = rng.choice(("", "// ", "/* ", "-- "))
        return m.put(t.row, t.start, t.end, mark + t.text.lstrip("# "))
    tokens = [t for t in m.tokens if t.kind in ("op", "name") and t.start > _indent(m, t.row) + 3]
    if not tokens:
        return None
    t = rng.choice(tokens)
    return m.put(t.row, t.start, t.start, "# ")


def _indent(m: Module, row: int) -> int:
    return len(m.lines[row]) - len(m.lines[row].lstrip())
