"""What a file does with its own functions and classes and cannot be right, which ruff does not see:
TypeErrors of calls, attributes that do not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from editloop.checks.calls import Wrong, wrong_calls
from editloop.checks.diagnostic import Diagnostic
from editloop.checks.members import missing_members
from editloop.document.text import Line, split_lines
from editloop.python.module import Module
from editloop.python.syntax import parse_quietly

MAX_CHARACTERS = 500_000
"""Characters of a text that is looked through; so many take a second and a half, for every
candidate."""


@lru_cache(maxsize=4)
def check_uses(source: str) -> tuple[Diagnostic, ...]:
    """Diagnostics in order of place; none for a text that does not parse, or is longer than
    MAX_CHARACTERS.

    Remembered for the last texts: one repair asks several times about the document.
    """
    if len(source) > MAX_CHARACTERS:
        return ()
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    module = Module(tree)
    found = [*wrong_calls(module), *missing_members(module)]
    found.sort(key=lambda wrong: (wrong[0].lineno, wrong[0].col_offset))
    lines = split_lines(source) if found else ()
    return tuple(_diagnostic(wrong, lines) for wrong in found)


def _diagnostic(wrong: Wrong, lines: Sequence[Line]) -> Diagnostic:
    """A diagnostic with columns that count characters; those of ``ast`` count bytes of UTF-8.

    Of a call its name is the place: arguments may go on over many lines.
    """
    place, code, message = wrong
    line, column = place.lineno - 1, place.col_offset
    end_line = (place.end_lineno or place.lineno) - 1
    end = place.end_col_offset or column

    def characters(line: int, column: int) -> int:
        return len(lines[line].text.encode()[:column].decode(errors="ignore"))

    return Diagnostic(
        code, message, line, characters(line, column), end_line, characters(end_line, end)
    )
