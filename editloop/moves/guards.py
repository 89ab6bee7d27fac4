"""What a type checker calls possibly None: a guard above its use, as a person would write one."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterator, Sequence

from editloop.document.commands import Command, Step, edit_line
from editloop.document.transcript import Finding
from editloop.moves.context import Context
from editloop.python.syntax import parse_quietly

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_NAME = "found"
"""Of a value that a function gives, where the function's own name says nothing."""


def guards(ctx: Context, findings: Sequence[Finding]) -> Iterator[Step]:
    """Steps that put ``if value is None:`` before the statement of a finding: it returns None where
    the function may, raises, or goes on with the loop. A call is given a name first.
    """
    told = [f for f in findings if f.kind == "possibly None" and f.line is not None]
    if not told:
        return
    try:
        tree = parse_quietly(ctx.state.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for finding in told:
        assert finding.line is not None
        above = _way(tree, finding.line + 1)
        if above and not isinstance(above[-1], ast.While):
            for value in _values(above[-1], finding):
                yield from _guarded(ctx, above, value)


def _way(tree: ast.Module, line: int) -> list[ast.stmt]:
    """The statements around a line (1-based), the innermost last."""
    found: list[ast.stmt] = []
    for node in ast.walk(tree):  # from the outside to the inside
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found.append(node)
    return found


def _values(statement: ast.stmt, finding: Finding) -> Iterator[ast.expr]:
    """What may be None: the object of an attribute of the finding's name, or that name itself."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and node.attr == finding.name:
            yield node.value
        elif isinstance(node, ast.Name) and node.id == finding.name:
            yield node


def _guarded(ctx: Context, above: Sequence[ast.stmt], value: ast.expr) -> Iterator[Step]:
    statement = above[-1]
    first = ctx.state.number_of(statement.lineno - 1)
    number = ctx.state.number_of(value.lineno - 1)
    if first is None or number is None or value.end_lineno != value.lineno:
        return
    head = ctx.state.window[first - 1]
    indent = head[: len(head) - len(head.lstrip())]
    if head.lstrip().startswith("elif"):
        return
    line = ctx.state.window[number - 1]
    start, stop = (_characters(line, at or 0) for at in (value.col_offset, value.end_col_offset))
    name, text = line[start:stop], line[start:stop]
    before: list[str] = []
    if not _is_plain(value):
        name = _name_of(value, ctx)
        before.append(f"{indent}{name} = {text}")
    for way_out in _ways_out(above, name):
        added = [*before, f"{indent}if {name} is None:", f"{indent}{ctx.unit}{way_out}"]
        commands = [Command("ADDL", first + i, new) for i, new in enumerate(added)]
        if before:
            at = number + len(added)
            commands.append(edit_line(at, line, line[:start] + name + line[stop:]))
        yield tuple(commands)


def _ways_out(above: Sequence[ast.stmt], name: str) -> Iterator[str]:
    """What a person would do without a value."""
    inside = [i for i, node in enumerate(above) if isinstance(node, _FUNCTIONS)]
    function = above[inside[-1]] if inside else None
    if isinstance(function, _FUNCTIONS) and function.returns is not None:
        returns = ast.unparse(function.returns)
        if returns == "None":
            yield "return"
        elif "None" in returns or "Optional" in returns:
            yield "return None"
    if any(isinstance(node, _LOOPS) for node in above[inside[-1] if inside else 0 : -1]):
        yield "continue"
    yield f'raise ValueError("{name} is None")'


def _is_plain(value: ast.expr) -> bool:
    """Whether it is a name, or an attribute of one, which gives the same when asked again."""
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name)


def _name_of(value: ast.expr, ctx: Context) -> str:
    """A name for what a call gives: that of its function, where nothing else has it."""
    function = value.func if isinstance(value, ast.Call) else None
    name = function.attr if isinstance(function, ast.Attribute) else ""
    taken = name in {word for scope in ctx.scopes for word in scope.names}
    return name if name and not keyword.iskeyword(name) and not taken else _NAME


def _characters(line: str, offset: int) -> int:
    """Characters of a column of ``ast``, which counts bytes of UTF-8."""
    return len(line.encode()[:offset].decode(errors="ignore"))
