"""Kinds of moves that insert a line: copies, statements, assignments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from editloop.document.commands import Command
from editloop.moves.context import CodeLine, Context
from editloop.python.scope import Scope, bound_names, plain_names

FAR = 6
"""In long windows lines are copied only this far: the number of pairs grows with the square."""
LONG = 16
_INITIAL = ("0", "1", "[]", "{}", '""', "None", "set()")
_RESULTS = ("", " True", " False", " None", " 0", " -1", " []")
_MAX_NAMES = 8
_LEAVES = frozenset({"return", "break", "continue", "raise"})
_NEVER = frozenset({"self", "cls", "_"})
_FIXED = frozenset({"def", "class", "import", "from", "@", "async", '"', "else", "except", "try"})


@dataclass(frozen=True, slots=True)
class Place:
    """Before the window's line ``index`` a statement may stand at these indentations."""

    index: int
    indents: tuple[str, ...]
    above: CodeLine
    below: CodeLine | None
    scope: Scope
    loop: str | None
    """The indentation of the innermost loop that may enclose the place."""


def may_copy(line: CodeLine) -> bool:
    return line.shape.first not in _FIXED


def copies(ctx: Context) -> Iterator[Command]:
    """A copy of another line before each line and at the end."""
    far = FAR if len(ctx.lines) > LONG else len(ctx.shapes)
    for place in places(ctx):
        for other in ctx.lines:
            if abs(other.index - place.index) > far or not may_copy(other):
                continue
            if other.scope.start != place.scope.start or other in (place.above, place.below):
                continue
            body = other.text.lstrip()
            for indent in place.indents:
                yield Command("ADDL", place.index + 1, indent + body)


def statements(ctx: Context) -> Iterator[Command]:
    """``return NAME``, ``break``, ``else:`` and the like before each line and at the end."""
    for place in places(ctx):
        above = place.above.shape
        for indent in place.indents:
            words = ["pass"] if above.opens_block and len(indent) > len(above.indent) else []
            if place.loop is not None and len(indent) > len(place.loop):
                words += ["break", "continue"]
            if place.scope.start >= 0 and len(indent) > len(ctx.shapes[place.scope.start].indent):
                words += [f"return{value}" for value in _RESULTS]
                words += [f"return {name}" for name in _names(ctx, place)]
            if len(indent) < len(above.indent):
                words += ["else:", "finally:", "except Exception:"]
            for word in words:
                yield Command("ADDL", place.index + 1, indent + word)


def _names(ctx: Context, place: Place) -> list[str]:
    """Names of the function that are bound before a place."""
    own = [n for n in place.scope.variables if n not in _NEVER]
    bound = {
        name
        for line in ctx.lines
        if place.scope.start <= line.index < place.index
        for name in (*bound_names(line.shape), *plain_names(line.shape))
    }
    return [n for n in own if n in bound][:_MAX_NAMES]


def branches(ctx: Context) -> Iterator[Command]:
    """``else:`` that makes two blocks of one."""
    for n, below in enumerate(ctx.lines[1:], 1):
        width = len(below.shape.indent)
        outer = (x for x in reversed(ctx.lines[:n]) if len(x.shape.indent) < width)
        header = next(outer, None)
        if header is None or header is ctx.lines[n - 1]:
            continue
        if header.shape.first in ("if", "elif", "for", "while"):
            yield Command("ADDL", below.number, f"{header.shape.indent}else:")


def assignments(ctx: Context) -> Iterator[Command]:
    """``NAME = 0`` and so on where a name lacks a first value; ``NAME += 1`` for counters."""
    undefined = sorted(ctx.undefined)[:3]
    for place in places(ctx):
        scope = place.scope
        names = [n for n in scope.variables if n not in _NEVER]
        first = place.above.shape.first
        entry = first in ("def", "async", "for", "while")
        before_loop = place.below is not None and place.below.shape.first in ("for", "while")
        lacking = undefined
        if entry or before_loop:
            lacking = [*undefined, *_lacking(ctx, place, names, in_loop=first in ("for", "while"))]
        for indent in place.indents:
            for name in dict.fromkeys(lacking):
                for value in _INITIAL:
                    yield Command("ADDL", place.index + 1, f"{indent}{name} = {value}")
            if scope.start >= 0 and place.loop is not None and len(indent) > len(place.loop):
                for name in [n for n in names if n in ctx.counters][:_MAX_NAMES]:
                    yield Command("ADDL", place.index + 1, f"{indent}{name} += 1")
                    yield Command("ADDL", place.index + 1, f"{indent}{name} -= 1")


def bases(ctx: Context) -> Iterator[Command]:
    """The first entry of a table, below the line that makes it."""
    for line in ctx.lines:
        sh = line.shape
        words = [token.text for token in sh.tokens[: sh.code_end]]
        if words[1:3] != ["=", "["] or sh.loose or {"*", "for"}.isdisjoint(words):
            continue
        entries = ("[0][0]", "[0]") if words[3] == "[" else ("[0]", "[1]")
        for entry in entries:
            for value in ("1", "0", "True"):
                yield Command("ADDL", line.number + 1, f"{sh.indent}{words[0]}{entry} = {value}")


def _lacking(ctx: Context, place: Place, names: list[str], *, in_loop: bool) -> list[str]:
    """Names used after a place and not set before it; in a loop those that it changes."""
    set_before: set[str] = set()
    used_after: set[str] = set()
    for line in ctx.lines:
        if line.scope.start not in (place.scope.start, -1) and line.index != place.scope.start:
            continue
        if line.index >= place.index:
            used_after.update(plain_names(line.shape))
        elif line.index > place.scope.start and "=" in line.text:
            set_before.update(bound_names(line.shape))
    if in_loop:
        return [n for n in names if n in used_after and n in set_before][:3]
    return [n for n in names if n in used_after and n not in set_before][:_MAX_NAMES]


def places(ctx: Context) -> Iterator[Place]:
    """Where a statement may be inserted, in order; nothing follows a return on its own level."""
    code = {line.index: n for n, line in enumerate(ctx.lines)}
    for index in range(len(ctx.shapes) + 1):
        end = index == len(ctx.shapes)
        if not end and index not in code:
            continue
        n = len(ctx.lines) if end else code[index]
        if n == 0:
            continue  # nothing but an import makes sense before everything
        above = ctx.lines[n - 1]
        below = None if end else ctx.lines[n]
        levels = levels_at(ctx, n)
        if above.shape.first in _LEAVES:
            levels = tuple(level for level in levels if len(level) < len(above.shape.indent))
        if levels and not any(above.shape.tokens[i].text in "([{" for i in above.shape.loose):
            scope = _scope_at(ctx, above, below, levels)
            yield Place(index, levels, above, below, scope, _loop(ctx, n, levels))


def _scope_at(
    ctx: Context, above: CodeLine, below: CodeLine | None, levels: tuple[str, ...]
) -> Scope:
    """Of the line above, unless the place is outside of its function; of a header its body's."""
    if above.shape.first in ("def", "async") and above.shape.opens_block:
        return below.scope if below is not None else above.scope
    scope = above.scope
    if scope.start >= 0 and below is not None:
        deepest = max(map(len, levels))
        if deepest <= len(ctx.shapes[scope.start].indent):
            return below.scope
    return scope


def _loop(ctx: Context, n: int, levels: tuple[str, ...]) -> str | None:
    deepest = max(map(len, levels))
    for line in reversed(ctx.lines[:n]):
        indent = len(line.shape.indent)
        if indent < deepest:
            if line.shape.first in ("for", "while"):
                return line.shape.indent
            if line.shape.first in ("def", "class"):
                return None
            deepest = indent
    return None


def levels_at(ctx: Context, n: int) -> tuple[str, ...]:
    """Indentations that make sense before code line ``n``: from the code above to that below."""
    above = ctx.lines[n - 1].shape if n else None
    below = ctx.lines[n].shape.indent if n < len(ctx.lines) else ""
    if above is None:
        return ()
    levels: dict[str, None] = {}
    if above.opens_block:
        levels[above.indent + ctx.unit] = None
        if len(below) > len(above.indent):
            levels = {below: None}
    width = len(above.indent) + (0 if above.opens_block else 1)
    for line in reversed(ctx.lines[:n]):
        indent = line.shape.indent
        if len(indent) < len(below) or (above.opens_block and len(below) > len(above.indent)):
            break
        if len(indent) < width:
            levels[indent] = None
            width = len(indent)
        if not indent:
            break
    if n == len(ctx.lines) and len(levels) > 1:
        levels.pop("", None)  # statements at the module level are not what a function lacks
    return tuple(levels)
