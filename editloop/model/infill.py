"""A place in a document as a gap for a code model, and what it wrote there as lines.

These models repair what they are shown the place of: the faulty lines are left out, what failed and
what stood there are comments before the gap (Xia, Wei, Zhang, arXiv 2210.14179, fill-in and single
line; the comments are an untrained form of instruction-aware fill-in, arXiv 2509.24637).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from editloop.model.backend import Gap

_BEFORE_CHARACTERS = 1000
"""Characters before a gap that are shown, at most: about 280 tokens, whose reading takes half of
the time to the first answer. The 1.5B fills as many given places rightly with 800 as with 1600,
fewer with the definition around the place alone (docs/results.md)."""
_LEAST_CHARACTERS = 300
"""Characters before a gap that are shown, at least, where the text has as many."""
_AFTER_CHARACTERS = 120
"""Characters after a gap that are shown. They are read anew for each place, which takes most of its
time; more help little (docs/results.md)."""
_COMMENT_CHARACTERS = 160
_HEAD = re.compile(
    r"\s*(?:(?:return|if|elif|while|raise|yield|assert|with|except|for\s.*?\sin)\b"
    r"|[^=()#'\"]*?[^=!<>()#'\"]=(?!=)|[\w.]+\()"
)
_PART_HEAD = re.compile(r"\s*(?:\w+|\"[^\"\\]*\"|'[^'\\]*')\s*(?::|=(?!=))")


@dataclass(frozen=True, slots=True)
class Place:
    """Lines `first` to `stop` (0-based, `stop` excluded) to be written anew; none where both are
    equal: the text goes before line `first`. `head` is what is kept of the first line. `part`: one
    line within a statement, so a reply ends where it does."""

    first: int
    stop: int
    head: str = ""
    part: bool = False

    @property
    def inserts(self) -> bool:
        return self.first == self.stop


def gap(
    lines: Sequence[str],
    place: Place,
    failed: Sequence[str] | None = None,
    *,
    bare: bool = False,
    begin: int | None = None,
) -> Gap:
    """The question for a place: `lines` without terminators, `failed` what the checks say.

    Before the gap stand comments on what failed and on what was there, unless `failed` is None.
    `bare`: the gap begins with its line, not even the indentation is given. `begin`: the line from
    which on the text before it is shown (None: as `begin_of` says).
    """
    old = lines[place.first : place.stop]
    near = [line for line in (*old, *lines[place.stop :]) if line.strip()]
    indent = near[0][: len(near[0]) - len(near[0].lstrip())] if near else ""
    notes: list[str] = []
    if failed is not None:
        notes += [f"fixed: {short(text)}" for text in failed]
        notes += [f"was: {line.strip()}" for line in old if line.strip()]
    before = lines[begin_of(lines, place.first, []) if begin is None else begin : place.first]
    after = _first(lines[place.stop :], _AFTER_CHARACTERS)
    comments = [f"{indent}# {note}" for note in notes]
    given = "" if bare else place.head or indent
    return Gap(_text([*before, *comments]) + given, _text(after))


def head(line: str) -> str:
    """The beginning of a line that may well be right where its rest is wrong: up to the sign of an
    assignment, a keyword, or the bracket of a call; "" where it has none.

    A small model that is shown what the line begins with does not skip it.
    """
    found = _HEAD.match(line)
    return found[0].rstrip() if found and found.end() < len(line) else ""


def part_head(line: str) -> str:
    """What a line within a statement begins with, up to the value: the key of a dictionary or the
    name of an argument; "" where it has none of these."""
    found = _PART_HEAD.match(line)
    return found[0].rstrip() if found and found.end() < len(line) else ""


def begun(question: Gap) -> str:
    """The text before the gap on the gap's own line."""
    return question.before.rpartition("\n")[2]


def stops(lines: Sequence[str], place: Place) -> tuple[str, ...]:
    """Texts that end a reply: it has reached what stands behind the gap, or the end of a part, or
    begins a comment behind its code where the old lines had none."""
    following = next((line for line in lines[place.stop :] if len(line.strip()) > 3), None)
    commented = any("#" in line for line in lines[place.first : place.stop])
    return (
        *(() if following is None else (f"\n{following}\n",)),
        *(("\n",) if place.part else ()),
        *(() if commented else ("  #",)),
    )


def written(begun: str, text: str) -> list[tuple[str, ...]]:
    """The replacements that a reply can mean, in lines: all of it, and its first line alone.

    ``begun``: what the gap's text before ends with. Comments and empty lines are left out.
    """
    text = begun + text
    lines = [line.rstrip() for line in text.replace("\r", "").split("\n")]
    code = [line for line in lines if line and not line.lstrip().startswith("#")]
    return [tuple(code[:length]) for length in dict.fromkeys((len(code), min(1, len(code))))]


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def short(text: str) -> str:
    """What a check says in one line, cut to what a small model reads of it."""
    line = " ".join(text.split())
    return line if len(line) <= _COMMENT_CHARACTERS else line[: _COMMENT_CHARACTERS - 1] + "…"


def begin_of(lines: Sequence[str], gap: int, known: list[int]) -> int:
    """The line from which on the text before line `gap` is shown: one of those `known` where it
    fits, so that what a model has read is shared, else another, which is added to them."""

    def characters(begin: int) -> int:
        return sum(len(line) + 1 for line in lines[begin:gap])

    for begin in known:
        least = 0 if begin == 0 else _LEAST_CHARACTERS
        if begin <= gap and least <= characters(begin) <= 2 * _BEFORE_CHARACTERS:
            return begin
    begin = gap
    while begin > 0 and characters(begin - 1) <= _BEFORE_CHARACTERS:
        begin -= 1
    known.append(begin)
    return begin


def _first(lines: Sequence[str], characters: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        characters -= len(line) + 1
        if characters < 0:
            break
        kept.append(line)
    return kept
