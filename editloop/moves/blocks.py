"""Moves that take several commands at once: what one line alone cannot put right.

A body that lost its indentation, or one slip on every line: each line by itself would change one
syntax error into the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from editloop.commands import Command, edit_line
from editloop.moves import syntax
from editloop.moves.context import CodeLine, Context
from editloop.moves.inserts import levels_at
from editloop.moves.lexer import Shape
from editloop.moves.tables import FOREIGN, FOREIGN_OPERATORS

Block = tuple[Command, ...]
MAX_ENDS = 8
"""Ends that are tried for a run of lines: the next definition and the end of the window first."""
_CONDITIONS = ("if", "elif", "while")


def blocks(context: Context) -> list[Block]:
    """Distinct runs of at least two commands, each on a line of its own."""
    if context.broken:
        found = dict.fromkeys((*_broken_shifts(context), *_everywhere(context)))
    else:
        found = dict.fromkeys(_statement_shifts(context))
    return [block for block in found if len(block) > 1]


def _broken_shifts(ctx: Context) -> Iterator[Block]:
    """Lines from one near the error on, to another level; their own order of levels is kept.

    A body that slid out of its function goes unnoticed up to its ``return``: it may also begin
    wherever the code above the error steps out.
    """
    last = max(ctx.near, default=-1)
    for n, line in enumerate(ctx.lines):
        steps_out = n > 0 and len(line.shape.indent) < len(ctx.lines[n - 1].shape.indent)
        if line.index not in ctx.near and not (steps_out and line.index < last):
            continue
        old = line.shape.indent
        levels = {old + ctx.unit, old.removesuffix(ctx.unit), *levels_at(ctx, n)} - {old}
        for end in _ends(ctx.lines, n):
            for new in sorted(levels):
                yield _shifted(ctx, line.index, end, old, new)


def _ends(lines: Sequence[CodeLine], n: int) -> list[int]:
    """Window indices (excluded) where a run that begins with code line ``n`` may end."""
    width = len(lines[n].shape.indent)
    later = [line for line in lines[n + 1 :] if len(line.shape.indent) <= width]
    definitions = [line.index for line in later if line.shape.first in ("def", "class", "@")]
    outside = [line.index for line in later if len(line.shape.indent) < width]
    likely = [*definitions[:2], *outside[:1], lines[-1].index + 1]
    return list(dict.fromkeys([*likely, *(line.index for line in later)]))[:MAX_ENDS]


def _statement_shifts(ctx: Context) -> Iterator[Block]:
    """A statement that has a body, whole, one level in or out."""
    for n, line in enumerate(ctx.lines):
        old = line.shape.indent
        if not line.shape.opens_block or line.shape.first in ("def", "class", "else", "elif"):
            continue
        later = (x.index for x in ctx.lines[n + 1 :] if len(x.shape.indent) <= len(old))
        end = next(later, ctx.lines[-1].index + 1)
        for new in sorted({old + ctx.unit, old.removesuffix(ctx.unit)} - {old}):
            yield _shifted(ctx, line.index, end, old, new)


def _shifted(ctx: Context, start: int, end: int, old: str, new: str) -> Block:
    """Comments move along; the inside of a string and lines that are further out stay."""
    commands = []
    for index in range(start, end):
        text = ctx.shapes[index].text
        if text.startswith(old) and text.strip() and not ctx.in_string[index]:
            commands.append(edit_line(index + 1, text, new + text.removeprefix(old)))
    return tuple(commands)


def _everywhere(ctx: Context) -> Iterator[Block]:
    """One slip on every line that has it."""
    words = {token.text for line in ctx.lines for token in line.shape.tokens}
    for word in sorted(words & (FOREIGN.keys() | FOREIGN_OPERATORS.keys())):
        yield _rewritten(ctx, partial(_replaced, word=word))
    for change in (_print, _comment, _colon, _comparison, _triple_quotes):
        yield _rewritten(ctx, change)


def _rewritten(ctx: Context, change: Callable[[Shape], str | None]) -> Block:
    texts = ((line, change(line.shape)) for line in ctx.lines)
    return tuple(
        edit_line(line.number, line.text, text)
        for line, text in texts
        if text and text.strip() and text != line.text
    )


def _replaced(sh: Shape, word: str) -> str:
    text = sh.text
    for token in reversed(sh.tokens):
        if token.text == word and token.kind != "string":
            new = FOREIGN[word] if word in FOREIGN else FOREIGN_OPERATORS[word]
            rest = text[token.end :] if new else text[token.end :].lstrip()
            text = text[: token.start] + new + rest
    return text.rstrip()


def _print(sh: Shape) -> str | None:
    return next(syntax.printed(sh), None)


def _comment(sh: Shape) -> str | None:
    return sh.text.replace("//", "#", 1) if sh.first == "//" else None


def _colon(sh: Shape) -> str | None:
    """The missing colon of a block's header."""
    if sh.first not in syntax.BLOCKS or sh.opens_block or sh.loose:
        return None
    at = sh.tokens[sh.code_end - 1].end
    return f"{sh.text[:at]}:{sh.text[at:]}"


def _comparison(sh: Shape) -> str | None:
    """``==`` for every ``=`` of a condition."""
    text = sh.text
    for token in reversed(sh.tokens if sh.first in _CONDITIONS else ()):
        if token.text == "=":
            text = f"{text[: token.start]}=={text[token.end :]}"
    return text


def _triple_quotes(sh: Shape) -> str | None:
    """Code that was made a string."""
    return sh.text.replace('"""', "").replace("'''", "")
