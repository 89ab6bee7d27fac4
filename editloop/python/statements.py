"""What became of each statement of a module after an edit: kept, rewritten, moved or removed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from editloop.python.syntax import parse_quietly

_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
_LIKENESS = 0.3
"""Statements that share less than this part of their text are no versions of one another."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """``own``: its text without what is nested below; ``above``: what it is nested in, the
    outermost first; ``block``: the list of statements that it stands in, at ``index``.
    """

    node: ast.stmt
    own: str
    above: tuple[Statement, ...]
    block: tuple[int, str]
    index: int

    @property
    def jumps(self) -> bool:
        """Whether nothing after it in its block is reached."""
        if isinstance(self.node, ast.Return | ast.Raise | ast.Continue | ast.Break):
            return True
        call = self.node.value if isinstance(self.node, ast.Expr) else None
        name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
        return name in ("exit", "quit", "sys.exit", "os._exit", "os.abort")


@dataclass(frozen=True, slots=True)
class Changes:
    """Statements of two versions of a module, and which of the second is which of the first.

    ``became`` has an entry for every old one, None where it is gone; ``new`` are those that come
    from no old one, ``now`` all of the second version.
    """

    old: tuple[Statement, ...]
    became: dict[Statement, Statement | None]
    new: tuple[Statement, ...]
    now: tuple[Statement, ...]

    def at(self, line: int) -> Statement | None:
        """The innermost old statement on a line (0-based)."""
        inside = (s for s in self.old if s.node.lineno <= line + 1 <= (s.node.end_lineno or 0))
        return max(inside, key=lambda s: len(s.above), default=None)


def changes(before: str, after: str) -> Changes | None:
    """None where one of the two does not parse."""
    try:
        old, now = _statements(before), _statements(after)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    became: dict[Statement, Statement | None] = dict.fromkeys(old)
    match = SequenceMatcher(None, [s.own for s in old], [s.own for s in now], autojunk=False)
    left, new = [], []
    for kind, i1, i2, j1, j2 in match.get_opcodes():
        if kind == "equal":
            became.update(zip(old[i1:i2], now[j1:j2], strict=True))
        else:
            paired = dict(_paired(old[i1:i2], now[j1:j2]))
            became.update(paired)
            left += [s for s in old[i1:i2] if s not in paired]
            new += [s for s in now[j1:j2] if s not in paired.values()]
    for statement in left:  # moved elsewhere
        same = next((s for s in new if s.own == statement.own), None)
        if same is not None:
            became[statement] = same
            new.remove(same)
    return Changes(old, became, tuple(new), now)


def _paired(
    old: tuple[Statement, ...], now: tuple[Statement, ...]
) -> Iterator[tuple[Statement, Statement]]:
    """Of statements that stand in one another's place the most alike, none twice."""
    ranked = sorted(
        ((_likeness(a, b), -i, -j) for i, a in enumerate(old) for j, b in enumerate(now)),
        reverse=True,
    )
    alone = len(old) == len(now) == 1
    taken_old: set[int] = set()
    taken_now: set[int] = set()
    for likeness, i, j in ranked:
        if -i in taken_old or -j in taken_now or (likeness < _LIKENESS and not alone):
            continue
        taken_old.add(-i)
        taken_now.add(-j)
        yield old[-i], now[-j]


def _likeness(a: Statement, b: Statement) -> float:
    return SequenceMatcher(None, a.own, b.own, autojunk=False).ratio()


def _statements(source: str) -> tuple[Statement, ...]:
    """All statements in their order."""
    return tuple(_below(parse_quietly(source), ()))


def _below(node: ast.AST, above: tuple[Statement, ...]) -> Iterator[Statement]:
    for name in _BODIES:
        for index, child in enumerate(getattr(node, name, ())):
            if isinstance(child, ast.stmt):
                block = (id(node), name)
                statement = Statement(child, _own(child), above, block, index)
                yield statement
                yield from _below(child, (*above, statement))
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                yield from _below(child, above)


def _own(node: ast.stmt) -> str:
    """A statement's text, of one with a body the head alone."""
    if not hasattr(node, "body"):
        return ast.unparse(node)
    parts = [type(node).__name__, str(getattr(node, "name", ""))]
    for name, value in ast.iter_fields(node):
        if name in _BODIES or name == "name":
            continue
        values = value if isinstance(value, list) else [value]
        parts += [ast.unparse(part) for part in values if isinstance(part, ast.AST)]
    return " ".join(parts)


def own_children(part: ast.AST) -> Iterator[ast.AST]:
    """What belongs to a node, without the statements below it."""
    nested = (ast.stmt, ast.ExceptHandler, ast.match_case)
    return (child for child in ast.iter_child_nodes(part) if not isinstance(child, nested))
