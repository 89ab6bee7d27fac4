"""Kinds of moves on whole lines: indent, delete, duplicate, replace, leave, uncomment, join."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, permutations

from editloop.document.commands import Command, edit_line
from editloop.moves.context import CodeLine, Context
from editloop.moves.inserts import FAR, LONG, levels_at, may_copy
from editloop.python.lexer import OPENERS
from editloop.python.scope import bound_names

_RESULTS = ("", " True", " False", " None", " 0", " 1", " -1", " []", " {}", ' ""')
_LEAVING = frozenset({"return", "pass", "break", "continue", "print"})


def indents(ctx: Context) -> Iterator[Command]:
    """One line one level to either side; the last of a block to any level further out; near a
    syntax error to any level of the window."""
    for n, line in enumerate(ctx.lines):
        sh = line.shape
        body = sh.text[len(sh.indent) :]
        levels = {sh.indent + ctx.unit, sh.indent.removesuffix(ctx.unit)}
        if sh.indent and len(sh.indent) % len(ctx.unit):
            levels.add(sh.indent[: len(sh.indent) // len(ctx.unit) * len(ctx.unit)])
        if ctx.broken:
            levels.update(levels_at(ctx, n), ctx.indents)
            if n:
                levels.add(ctx.lines[n - 1].shape.indent + "    ")
        else:
            below = ctx.lines[n + 1].shape.indent if n + 1 < len(ctx.lines) else ""
            levels.update(x for x in ctx.indents if len(below) <= len(x) < len(sh.indent))
        for indent in sorted(levels - {sh.indent}):
            yield edit_line(line.number, sh.text, indent + body)


def deletions(ctx: Context) -> Iterator[Command]:
    for line in ctx.lines:
        yield Command("DELL", line.number)


def duplicates(ctx: Context) -> Iterator[Command]:
    for line in ctx.lines:
        if line.shape.first not in ("def", "class", "return", "import", "from"):
            yield Command("ADDL", line.number + 1, line.text)


def replacements(ctx: Context) -> Iterator[Command]:
    """A line by another line of the window, at its own indentation."""
    far = FAR if len(ctx.lines) > LONG else len(ctx.shapes)
    for line in ctx.lines:
        for other in ctx.lines:
            if abs(other.index - line.index) <= far and may_copy(other):
                new = line.shape.indent + other.text.lstrip()
                if new != line.text:
                    yield edit_line(line.number, line.text, new)


def leaves(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Another way to leave, for a line that is a return or one of its kin."""
    if line.shape.first not in _LEAVING:
        return
    names = [n for n in line.scope.variables if n not in ("self", "cls", "_")][:8]
    pairs = (f"({a}, {b})" for a, b in permutations(names[:5], 2))
    for value in (*_RESULTS, *(f" {name}" for name in (*names, *ctx.strings[:4], *pairs))):
        yield f"{line.shape.indent}return{value}"
    for word in ("pass", "break", "continue"):
        yield line.shape.indent + word


def returns(ctx: Context, line: CodeLine) -> Iterator[str]:
    """The value of a bare expression, returned."""
    sh = line.shape
    first = sh.tokens[0]
    value = first.kind in ("name", "number", "string", "const") or first.text in OPENERS
    if value and not sh.opens_block and not bound_names(sh):
        yield f"{sh.indent}return {sh.text[len(sh.indent) :]}"


def comments(ctx: Context) -> Iterator[Command]:
    """Code behind a ``#`` back to code: a line that was commented out, or the end of one."""
    for i, sh in enumerate(ctx.shapes):
        if ctx.in_string[i] or not sh.tokens or sh.tokens[-1].kind != "comment":
            continue
        comment = sh.tokens[-1]
        body = comment.text.lstrip("#").strip()
        if not body or not (len(sh.tokens) > 1 or _looks_like_code(body)):
            continue
        if len(sh.tokens) == 1:
            for indent in dict.fromkeys(
                (sh.indent, *levels_at(ctx, sum(line.index < i for line in ctx.lines)))
            ):
                yield Command("REPL", i + 1, indent + body)
        elif ctx.broken or _looks_like_code(body):
            yield edit_line(i + 1, sh.text, f"{sh.text[: comment.start].rstrip()} {body}")
            yield Command("ADDL", i + 2, sh.indent + body)


def _looks_like_code(text: str) -> bool:
    return (
        any(c in text for c in "=()[]")
        or text[0] in "+-*/%<>&|^."
        or text.endswith(":")
        or text.split()[0]
        in (*("return", "break", "continue", "pass", "else", "import", "yield", "raise", "del"),)
    )


def joins(ctx: Context) -> Iterator[Command]:
    """A header and the line below it on one line: a body whose indentation was lost."""
    for a, b in pairwise(ctx.lines):
        if (
            b.index == a.index + 1
            and len(b.shape.indent) > len(a.shape.indent)
            and a.shape.opens_block
        ):
            yield edit_line(a.number, a.text, f"{a.text.rstrip()} {b.text.lstrip()}")
