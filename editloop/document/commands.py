"""The five commands of the line editor: parsing, rendering, and the canonical command for an edit.

Syntax (Chain-of-Edits, arXiv 2507.05065, section 3; what follows ``>>>`` is verbatim):

    ### REPL 3 >>>    return a + b        replace line 3
    ### ADDL 3 >>>    total = 0           insert before line 3 (n + 1 appends)
    ### DELL 3                            delete line 3
    ### REPW 3 >>>a - b >>>a + b          replace text that occurs exactly once on line 3
    ### EXIT                              stop
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from editloop.document.edits import common_ends

Verb = Literal["REPL", "ADDL", "DELL", "REPW", "EXIT"]
_SEPARATOR = " >>>"
_PATTERN = re.compile(
    r"### (REPL|ADDL|DELL|REPW|EXIT)(?: ([1-9][0-9]{0,6}))?(?: >>>(.*))?", re.DOTALL
)
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


class CommandError(ValueError):
    """The text is not a command, or not one that the state allows. The message is feedback."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command; ``line`` is 1-based in the window, ``source`` is used by REPW alone."""

    verb: Verb
    line: int = 0
    text: str = ""
    source: str = ""

    def __str__(self) -> str:
        return render(self)


Step = tuple[Command, ...]
"""Commands that are taken together."""
EXIT = Command("EXIT")


def render(command: Command) -> str:
    """The wire form; ``parse(render(c)) == c`` for every legal command."""
    match command.verb:
        case "EXIT":
            return "### EXIT"
        case "DELL":
            return f"### DELL {command.line}"
        case "REPW":
            return f"### REPW {command.line} >>>{command.source} >>>{command.text}"
        case verb:
            return f"### {verb} {command.line} >>>{command.text}"


def parse(text: str) -> Command:
    """Read one command. Raises CommandError with the reason."""
    text = text.removesuffix("\n")
    if "\n" in text or "\r" in text:
        raise CommandError("a command is one line")
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise CommandError("not a command: expected ### REPL, ADDL, DELL, REPW or EXIT")
    verb, number, rest = match.groups()
    if verb == "EXIT":
        if number or rest is not None:
            raise CommandError("EXIT takes nothing")
        return EXIT
    if number is None:
        raise CommandError(f"{verb} needs a line number")
    if verb == "DELL":
        if rest is not None:
            raise CommandError("DELL takes a line number only")
        return Command("DELL", int(number))
    if rest is None:
        raise CommandError(f"{verb} needs >>> and a text")
    if verb == "REPW":
        source, found, target = rest.partition(_SEPARATOR)
        if not found:
            raise CommandError("REPW needs two >>>")
        return Command("REPW", int(number), target, source)
    return Command("REPL" if verb == "REPL" else "ADDL", int(number), rest)


def edit_line(number: int, old: str, new: str) -> Command:
    """The canonical command that turns line ``number`` from ``old`` into ``new``.

    REPW of the smallest run of whole tokens that holds the change and occurs once; REPL where the
    indentation changes, where more than half of the line changes, or where REPW cannot say it.
    One canonical form for demonstrations and generated moves.
    """
    words = _smallest(old, new)
    if words is None:
        return Command("REPL", number, new)
    return Command("REPW", number, words[1], words[0])


@lru_cache(maxsize=8192)
def _smallest(old: str, new: str) -> tuple[str, str] | None:
    """What REPW takes and brings, None for REPL; remembered, since most lines of a state are those
    of the one before."""
    indent_old, indent_new = (len(s) - len(s.lstrip()) for s in (old, new))
    if old[:indent_old] != new[:indent_new] or old == new or not old.strip():
        return None
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    head, tail = common_ends(a, b)
    start, stop = head, len(a) - tail
    while True:
        source = "".join(a[start:stop])
        if source.strip() and occurs_once(old, source):
            break
        # Grow to the left first: what stands before a place names it better than what follows.
        if start > 0 and (stop == len(a) or head - start <= stop - (len(a) - tail)):
            start -= 1
        elif stop < len(a):
            stop += 1
        else:
            return None
    target = "".join(a[start:head] + b[head : len(b) - tail] + a[len(a) - tail : stop])
    if _SEPARATOR in source or 2 * len(source) > len(old.strip()) + 8:
        return None
    return source, target


def occurs_once(line: str, source: str) -> bool:
    """Whether ``source`` is in ``line`` exactly once, counting overlaps."""
    first = line.find(source)
    return bool(source) and first >= 0 and line.find(source, first + 1) < 0


def effect(command: Command, window: Sequence[str]) -> tuple[str, int, str]:
    """What a command makes of which line: equal for commands that leave the same text."""
    match command.verb:
        case "REPW":
            old = "".join(window[command.line - 1 : command.line])
            return "line", command.line, old.replace(command.source, command.text, 1)
        case "REPL":
            return "line", command.line, command.text
        case verb:
            return verb, command.line, command.text


def without(commands: Sequence[Command], dropped: int) -> Step | None:
    """The commands but one, later line numbers adjusted; None where a later one needs it."""
    gone = commands[dropped]
    shift = {"ADDL": -1, "DELL": 1}.get(gone.verb, 0)
    kept = list(commands[:dropped])
    at = gone.line
    for command in commands[dropped + 1 :]:
        if gone.verb == "ADDL" and command.line == at and command.verb != "ADDL":
            return None
        moved = command.line > at or (gone.verb == "DELL" and command.line == at)
        if not moved:
            at += {"ADDL": 1, "DELL": -1}.get(command.verb, 0)
        kept.append(replace(command, line=command.line + shift) if moved else command)
    return tuple(kept)
