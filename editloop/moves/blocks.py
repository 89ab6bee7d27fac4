"""Moves that take several commands at once: what one line alone cannot put right.

A body that lost its indentation, a line at another place, a statement without its guard: each line
by itself would change one mistake into the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from editloop.document.commands import Command, Step, edit_line
from editloop.moves.context import CodeLine, Context
from editloop.moves.everywhere import siblings, slips, unknown_names
from editloop.moves.inserts import levels_at
from editloop.python.lexer import AUGMENTED, CONSTANTS, Shape

MAX_ENDS = 8
"""Ends that are tried for a run of lines: the next definition and the end of the window first."""
LONGEST = 12
"""Lines that move in together although some of them stand further out than the first."""
REACH = 4
"""Lines of code across which a line is moved or exchanged."""
_HAVE_ELSE = ("if", "elif", "for", "while", "try", "except")
_ASSIGNS = ("=", *sorted(AUGMENTED))
_UNGUARDED = frozenset({"def", "class", "import", "from", "@", "global", "nonlocal", "pass"})
_NEVER_GUARDS = frozenset({"self", "cls"}) | CONSTANTS
_MAX_GUARDS = 4


def blocks(context: Context) -> list[Step]:
    """Distinct runs of commands; one command alone changes its line in several places."""
    whole = (unknown_names, _statement_shifts, _inverted)
    kinds = (_broken_shifts, slips) if context.broken else whole
    return _distinct(context, kinds)


def unlikely_blocks(context: Context) -> list[Step]:
    """Blocks for text that parses which are unlikely, so they come after all moves."""
    kinds = (_exchanges, siblings, _guards, _relocations)
    return [] if context.broken else _distinct(context, kinds)


def _distinct(ctx: Context, kinds: Sequence[Callable[[Context], Iterator[Step]]]) -> list[Step]:
    found = dict.fromkeys(block for kind in kinds for block in kind(ctx))
    return [block for block in found if block]


def _broken_shifts(ctx: Context) -> Iterator[Step]:
    """Lines from one near the error on, to another level; their own order of levels is kept.

    A body that slid out of its function goes unnoticed up to its ``return``: it may also begin
    wherever the code above the error steps out. Or all of them further in, whatever their level.
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
        for last_line in ctx.lines[n + 1 : n + 1 + LONGEST]:
            yield _shifted(ctx, line.index, last_line.index + 1, "", ctx.unit)


def _ends(lines: Sequence[CodeLine], n: int) -> list[int]:
    """Window indices (excluded) where a run that begins with code line ``n`` may end."""
    width = len(lines[n].shape.indent)
    later = [line for line in lines[n + 1 :] if len(line.shape.indent) <= width]
    definitions = [line.index for line in later if line.shape.first in ("def", "class", "@")]
    outside = [line.index for line in later if len(line.shape.indent) < width]
    likely = [*definitions[:2], *outside[:1], lines[-1].index + 1]
    return list(dict.fromkeys([*likely, *(line.index for line in later)]))[:MAX_ENDS]


def _statement_shifts(ctx: Context) -> Iterator[Step]:
    """A statement that has a body, whole, one level in or out; an ``else`` to another header."""
    for n, line in enumerate(ctx.lines):
        old, first = line.shape.indent, line.shape.first
        if not line.shape.opens_block or first in ("def", "class"):
            continue
        later = (x.index for x in ctx.lines[n + 1 :] if len(x.shape.indent) <= len(old))
        end = next(later, ctx.lines[-1].index + 1)
        levels = {old + ctx.unit, old.removesuffix(ctx.unit)}
        if first in ("else", "elif"):
            levels = {x.shape.indent for x in ctx.lines[:n] if x.shape.first in _HAVE_ELSE}
        for new in sorted(levels - {old}):
            yield _shifted(ctx, line.index, end, old, new)


def _inverted(ctx: Context) -> Iterator[Step]:
    """Every truth value that a function returns, by the other one."""
    for start in dict.fromkeys(line.scope.start for line in ctx.lines):
        own = [x for x in ctx.lines if x.scope.start == start and x.shape.first == "return"]
        words = ((x, x.shape.tokens[1].text) for x in own if len(x.shape.tokens) == 2)
        yield tuple(
            edit_line(x.number, x.text, f"{x.shape.indent}return {word == 'False'}")
            for x, word in words
            if word in CONSTANTS - {"None"}
        )


def _exchanges(ctx: Context) -> Iterator[Step]:
    """Two neighbours on one level, whole or what they assign or return, each for the other."""
    for n, a in enumerate(ctx.lines[:-1]):
        for b in (x for x in ctx.lines[n + 1 : n + 1 + REACH] if _like(a, x)):
            if a.shape.indent == b.shape.indent:
                yield _two(a, b.text, b, a.text)
            (left, value), (other, second) = _value(a.shape), _value(b.shape)
            if value and second and value != second:
                yield _two(a, left + second, b, other + value)


def _like(a: CodeLine, b: CodeLine) -> bool:
    plain = not (a.shape.opens_block or b.shape.opens_block or a.shape.loose or b.shape.loose)
    return plain and a.text != b.text


def _value(sh: Shape) -> tuple[str, str]:
    """What stands before the value that a line assigns or returns, and the value."""
    start = 1 if sh.first == "return" else _after_sign(sh)
    if not 0 < start < sh.code_end:
        return sh.text, ""
    at = sh.tokens[start].start
    return sh.text[:at], sh.text[at : sh.tokens[sh.code_end - 1].end]


def _after_sign(sh: Shape) -> int:
    """Where the value of an assignment begins; 0 where nothing is assigned."""
    return next((i + 1 for i, t in enumerate(sh.tokens) if t.text in _ASSIGNS), 0)


def _two(a: CodeLine, first: str, b: CodeLine, second: str) -> Step:
    return edit_line(a.number, a.text, first), edit_line(b.number, b.text, second)


def _guards(ctx: Context) -> Iterator[Step]:
    """A statement, or two like it in a row, where something that it uses is there."""
    for n, line in enumerate(ctx.lines):
        below = [x for x in ctx.lines[n + 1 : n + 2] if _outline(x) == _outline(line)]
        for at, condition in enumerate(_guards_of(line)):
            block = _guarded(ctx, line, condition)
            yield block
            for other in below:
                for its in _guards_of(other)[at : at + 1]:
                    yield (*block, *_guarded(ctx, other, its, below=1))


def _guards_of(line: CodeLine) -> tuple[str, ...]:
    """Names and attributes that a plain statement uses."""
    sh = line.shape
    if sh.opens_block or sh.loose or sh.first in _UNGUARDED:
        return ()
    start = _after_sign(sh)
    used = (sh.slice(span) for span in sh.primaries if span.start >= start)
    names = (x for x in used if x.replace(".", "").isidentifier() and x not in _NEVER_GUARDS)
    called = {t.text for t, after in pairwise(sh.tokens) if after.text == "("}
    kept = (name for name in dict.fromkeys(names) if name.rpartition(".")[2] not in called)
    return tuple(kept)[:_MAX_GUARDS]


def _guarded(ctx: Context, line: CodeLine, condition: str, below: int = 0) -> Step:
    """``below``: how many lines commands before these have added above."""
    sh, number = line.shape, line.number + below
    body = Command("ADDL", number + 1, ctx.unit + sh.text)
    return Command("REPL", number, f"{sh.indent}if {condition}:"), body


def _outline(line: CodeLine) -> tuple[str, ...]:
    """A line by its kinds of tokens, and its signs."""
    return tuple(t.text if t.kind == "op" else t.kind for t in line.shape.tokens)


def _relocations(ctx: Context) -> Iterator[Step]:
    """A line to another place close by, on the level of one of the lines beside it there."""
    for n, line in enumerate(ctx.lines):
        if line.shape.opens_block or line.shape.loose:
            continue
        rest = [other for other in ctx.lines if other is not line]
        for m in sorted(range(1, len(rest) + 1), key=lambda m: abs(m - n)):
            if m == n or abs(m - n) > REACH:
                continue
            above, below = rest[m - 1], rest[m] if m < len(rest) else None
            if above.shape.loose:
                continue
            levels = {above.shape.indent + (ctx.unit if above.shape.opens_block else "")}
            if below is not None and not above.shape.opens_block:
                levels.add(below.shape.indent)
            number = above.number + 1 - (above.index > line.index)
            for level in sorted(levels):
                yield (
                    Command("DELL", line.number),
                    Command("ADDL", number, level + line.text.lstrip()),
                )


def _shifted(ctx: Context, start: int, end: int, old: str, new: str) -> Step:
    """Comments move along; the inside of a string and lines that are further out stay."""
    commands = []
    for index in range(start, end):
        text = ctx.shapes[index].text
        if text.startswith(old) and text.strip() and not ctx.in_string[index]:
            commands.append(edit_line(index + 1, text, new + text.removeprefix(old)))
    return tuple(commands)
