"""What corruption families work on, and what they give.

A family looks at a valid module and proposes one ``Change`` of a run of lines, or none.
"""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal, NamedTuple, TypeVar

T = TypeVar("T", bound=ast.AST)


class Token(NamedTuple):
    """A token within one line; rows are 0-based, columns in code points."""

    kind: Literal["name", "keyword", "number", "string", "op", "comment"]
    text: str
    row: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Change:
    """Lines ``start`` to ``stop`` (excluded) of the module become ``lines``."""

    start: int
    stop: int
    lines: tuple[str, ...]


class Module:
    """A module that parses, with what the families need; everything is computed once."""

    def __init__(self, source: str) -> None:
        """Raises SyntaxError where the source does not parse."""
        self.source = source
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.tree = ast.parse(source)
        self.final_newline = source.endswith("\n")
        self.lines = tuple(source.removesuffix("\n").split("\n"))
        self._names: dict[ast.AST, list[str]] = {}

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Tokens that lie within one line, in order, without layout."""
        found = []
        for t in tokenize.generate_tokens(io.StringIO(self.source).readline):
            if t.start[0] != t.end[0] or t.type in _LAYOUT:
                continue
            found.append(Token(_kind(t), t.string, t.start[0] - 1, t.start[1], t.end[1]))
        return tuple(found)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    @cached_property
    def by_line(self) -> dict[int, list[Token]]:
        """Row -> its tokens without comments."""
        rows: dict[int, list[Token]] = {}
        for token in self.tokens:
            if token.kind != "comment":
                rows.setdefault(token.row, []).append(token)
        return rows

    @cached_property
    def code_rows(self) -> tuple[int, ...]:
        """Rows that hold code: no blanks, comments, nor lines of multi-line or docstrings."""
        texts: set[int] = set()
        for node in self.nodes:
            if (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) or (
                isinstance(node, ast.Constant | ast.JoinedStr) and _rows(node) > 1
            ):
                texts.update(range(node.lineno - 1, node.end_lineno or node.lineno))
        return tuple(row for row in self.by_line if row not in texts)

    @cached_property
    def statements(self) -> tuple[ast.stmt, ...]:
        """Simple statements that fill one line by themselves."""
        rows = set(self.code_rows)
        return tuple(
            node
            for node in self.nodes
            if isinstance(node, ast.stmt)
            and not hasattr(node, "body")
            and _rows(node) == 1
            and node.lineno - 1 in rows
            and self.lines[node.lineno - 1].strip() == self.text(node)
        )

    @cached_property
    def functions(self) -> tuple[ast.FunctionDef, ...]:
        return tuple(n for n in self.nodes if isinstance(n, ast.FunctionDef))

    @cached_property
    def imported(self) -> frozenset[str]:
        nodes = [n for n in self.nodes if isinstance(n, ast.Import | ast.ImportFrom)]
        return frozenset(a.asname or a.name.partition(".")[0] for n in nodes for a in n.names)

    def of(self, kind: type[T]) -> list[T]:
        """Nodes of a type that lie within one line."""
        return [n for n in self.nodes if isinstance(n, kind) and _rows(n) == 1]

    def columns(self, node: ast.AST) -> tuple[int, int, int]:
        """(row, start, end) of a node that lies within one line."""
        row: int = node.lineno - 1  # type: ignore[attr-defined]
        start: int = node.col_offset  # type: ignore[attr-defined]
        end: int = node.end_col_offset  # type: ignore[attr-defined]
        line = self.lines[row]
        if not line.isascii():
            data = line.encode()
            start, end = len(data[:start].decode()), len(data[:end].decode())
        return row, start, end

    def text(self, node: ast.AST) -> str:
        row, start, end = self.columns(node)
        return self.lines[row][start:end]

    def put(self, row: int, start: int, end: int, new: str) -> Change:
        """Replace columns of one line."""
        line = self.lines[row]
        return Change(row, row + 1, (line[:start] + new + line[end:],))

    def replace(self, node: ast.AST, new: str) -> Change:
        return self.put(*self.columns(node), new)

    def swap(self, first: ast.AST, second: ast.AST) -> Change | None:
        """Exchange the texts of two nodes on one line, the first of which stands before."""
        row, a, b = self.columns(first)
        other, c, d = self.columns(second)
        line = self.lines[row]
        if row != other or b > c or line[a:b] == line[c:d]:
            return None
        return Change(row, row + 1, (line[:a] + line[c:d] + line[b:c] + line[a:b] + line[d:],))

    def function_at(self, row: int) -> ast.FunctionDef | None:
        """The innermost function that holds a row."""
        inside = [f for f in self.functions if f.lineno - 1 <= row < (f.end_lineno or 0)]
        return max(inside, key=lambda f: f.lineno, default=None)

    def names_at(self, row: int) -> list[str]:
        """Variables and parameters of the function at a row, without ``self``, in order."""
        owner: ast.AST = self.function_at(row) or self.tree
        if owner not in self._names:
            self._names[owner] = self._bound_in(owner)
        return self._names[owner]

    def _bound_in(self, owner: ast.AST) -> list[str]:
        found: dict[str, None] = {}
        for node in ast.walk(owner):
            if isinstance(node, ast.arg):
                found[node.arg] = None
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = None
        return [name for name in found if name not in ("self", "cls", "_")]

    def render(self, changes: list[Change]) -> str:
        """The text after changes that do not overlap."""
        lines = list(self.lines)
        for change in sorted(changes, key=lambda c: c.start, reverse=True):
            lines[change.start : change.stop] = change.lines
        return "\n".join(lines) + "\n" * self.final_newline


_LAYOUT = frozenset(
    {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


def _kind(t: tokenize.TokenInfo) -> Literal["name", "keyword", "number", "string", "op", "comment"]:
    match t.type:
        case tokenize.NAME:
            return "keyword" if keyword.iskeyword(t.string) else "name"
        case tokenize.NUMBER:
            return "number"
        case tokenize.STRING:
            return "string"
        case tokenize.COMMENT:
            return "comment"
        case _:
            return "op"


def _rows(node: ast.AST) -> int:
    first = getattr(node, "lineno", None)
    return 0 if first is None else getattr(node, "end_lineno", first) - first + 1


FamilyFunction = Callable[[Module, Random], Change | None]
Group = Literal["syntax", "name", "logic", "random"]


@dataclass(frozen=True, slots=True)
class Family:
    """``weight`` is its share in a mixture; ``held_out`` ones are for measuring generalization."""

    name: str
    propose: FamilyFunction
    group: Group
    weight: float = 1.0
    held_out: bool = False


def children(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The statement lists of a node."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
