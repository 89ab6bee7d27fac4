"""A place in a document as a gap for a code model, and what it wrote there as lines.

These models repair what they are shown the place of: the faulty lines are left out, what failed and what stood there
are comments before the gap (Xia, Wei, Zhang, arXiv 2210.14179, fill-in and single line; the comments are an untrained
form of instruction-aware fill-in, arXiv 2509.24637).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from editloop.model.backend import Gap

_BEFORE_CHARACTERS = 2400
"""Of the text before a gap, from its end; about 700 tokens."""
_AFTER_CHARACTERS = 900
"""Of the text after a gap. It is read anew for each place, since it follows what differs."""
_COMMENT_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Place:
    """Lines `first` to `stop` (0-based, `stop` excluded) to be written anew; none where both are
    equal: the text goes before line `first`."""

    first: int
    stop: int

    @property
    def inserts(self) -> bool:
        return self.first == self.stop


def gap(lines: Sequence[str], place: Place, failed: Sequence[str] = ()) -> Gap:
    """The question for a place: `lines` without terminators, `failed` what the checks say.

    The comments are indented as the lines that they stand for, or as what follows an insertion.
    """
    old = lines[place.first : place.stop]
    near = [line for line in (*old, *lines[place.stop :]) if line.strip()]
    indent = near[0][: len(near[0]) - len(near[0].lstrip())] if near else ""
    notes = [f"fixed: {_short(text)}" for text in failed]
    notes += [f"was: {line.strip()}" for line in old if line.strip()]
    before = _last(lines[: place.first], _BEFORE_CHARACTERS)
    after = _first(lines[place.stop :], _AFTER_CHARACTERS)
    comments = [f"{indent}# {note}" for note in notes]
    return Gap(_text([*before, *comments]) + indent, _text(after))


def stops(lines: Sequence[str], place: Place) -> tuple[str, ...]:
    """Texts that end a reply: it has reached what stands behind the gap."""
    following = next((line for line in lines[place.stop :] if len(line.strip()) > 3), None)
    return () if following is None else (f"\n{following}\n",)


def written(text: str) -> list[tuple[str, ...]]:
    """The replacements that a reply can mean, in lines: all of it, and its first line alone."""
    lines = [line.rstrip() for line in text.replace("\r", "").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    found = [tuple(lines)]
    if len(lines) > 1:
        found.append((lines[0],))
    return found


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _COMMENT_CHARACTERS else line[: _COMMENT_CHARACTERS - 1] + "…"


def _last(lines: Sequence[str], characters: int) -> list[str]:
    kept: list[str] = []
    for line in reversed(lines):
        characters -= len(line) + 1
        if characters < 0:
            break
        kept.append(line)
    return kept[::-1]


def _first(lines: Sequence[str], characters: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        characters -= len(line) + 1
        if characters < 0:
            break
        kept.append(line)
    return kept
