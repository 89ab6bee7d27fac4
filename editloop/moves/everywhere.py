"""One change on every line that it applies to: an unknown name, a slip that was made throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from editloop.document.commands import Step, edit_line
from editloop.moves.context import CodeLine, Context
from editloop.moves.keywords import BLOCKS, printed
from editloop.moves.spelling import closest
from editloop.moves.tables import (
    ATTRIBUTES,
    BUILTINS,
    FOREIGN,
    FOREIGN_OPERATORS,
    OPERATORS,
    TYPES,
)
from editloop.python.lexer import Shape

_CONDITIONS = ("if", "elif", "while")


def unknown_names(ctx: Context) -> Iterator[Step]:
    """Every occurrence of a name that does not exist by one that does."""
    for name in sorted(ctx.undefined):
        scope = next((x.scope for x in reversed(ctx.lines) if has(x, name)), None)
        if scope is not None:
            known = (*scope.variables, *scope.functions, *TYPES)
            for other in dict.fromkeys((*closest(name, scope.names), *known)):
                yield _every_line(ctx, partial(_exchanged, old=name, new=other))


def siblings(ctx: Context) -> Iterator[Step]:
    """Steps that put one change into every line that can have it: operator, function, method."""
    for table in (OPERATORS, BUILTINS, ATTRIBUTES):
        words = dict.fromkeys(t.text for x in ctx.lines for t in x.shape.tokens if t.text in table)
        for word in words:
            for other in table[word]:
                yield _every_line(ctx, partial(_exchanged, old=word, new=other))


def slips(ctx: Context) -> Iterator[Step]:
    """One slip on every line that has it."""
    words = {token.text for line in ctx.lines for token in line.shape.tokens}
    for word in sorted(words & (FOREIGN.keys() | FOREIGN_OPERATORS.keys())):
        yield _every_line(ctx, partial(_replaced, word=word))
    for change in (_print, _comment, _uncommented, _colon, _comparison, _triple_quotes):
        yield _every_line(ctx, change)


def _every_line(ctx: Context, change: Callable[[Shape], str | None]) -> Step:
    """A change of every line that it applies to, a command for each."""
    texts = ((line, change(line.shape)) for line in ctx.lines)
    return tuple(
        edit_line(line.number, line.text, text)
        for line, text in texts
        if text and text.strip() and text != line.text
    )


def has(line: CodeLine, word: str) -> bool:
    return any(token.text == word for token in line.shape.tokens)


def _exchanged(sh: Shape, old: str, new: str) -> str:
    text = sh.text
    for token in reversed(sh.tokens):
        if token.text == old and token.kind in ("name", "op"):
            text = text[: token.start] + new + text[token.end :]
    return text


def _replaced(sh: Shape, word: str) -> str:
    text = sh.text
    for token in reversed(sh.tokens):
        if token.text == word and token.kind != "string":
            new = FOREIGN[word] if word in FOREIGN else FOREIGN_OPERATORS[word]
            rest = text[token.end :] if new else text[token.end :].lstrip()
            text = text[: token.start] + new + rest
    return text.rstrip()


def _print(sh: Shape) -> str | None:
    return next(printed(sh), None)


def _comment(sh: Shape) -> str | None:
    return sh.text.replace("//", "#", 1) if sh.first == "//" else None


def _uncommented(sh: Shape) -> str | None:
    """Without the ends of another language's comment."""
    return sh.indent + sh.text.replace("/*", "").replace("*/", "").strip()


def _colon(sh: Shape) -> str | None:
    """The missing colon of a block's header."""
    if sh.first not in BLOCKS or sh.opens_block or sh.loose:
        return None
    at = sh.tokens[sh.code_end - 1].end
    return f"{sh.text[:at]}:{sh.text[at:]}"


def _comparison(sh: Shape) -> str | None:
    """``==`` for every ``=`` of a condition."""
    return _exchanged(sh, "=", "==") if sh.first in _CONDITIONS else None


def _triple_quotes(sh: Shape) -> str | None:
    """Code that was made a string."""
    return sh.text.replace('"""', "").replace("'''", "")
