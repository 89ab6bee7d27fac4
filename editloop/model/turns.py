"""A turn of the loop as a place and a text: how a model that was trained for it is asked, and what
its answers mean. Training and serving render a turn here, so what was taught is what is met.

The model names the place first, in a short closed form ("replace 3", "replace 3-4", "insert 3",
"delete 3"), then fills it in: fill in the middle after what the checks say and what stood there
(instruction-aware fill-in, arXiv 2509.24637). It writes the line with its indentation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from editloop.model.backend import Gap, Plain
from editloop.model.infill import Place, gap, short

RENDERING: Final = "places"
"""The name of this rendering in a model file (`editloop.rendering`)."""
TOLD = 2
"""Failing checks that are told; of more the first ones are enough to know what is wrong."""
NAMING_TOKENS = 12
"""Of the name of a place, its end included."""
_NAMED = re.compile(r" ?(replace|insert|delete) ([0-9]{1,3})(?:-([0-9]{1,3}))?\n?")

Verb = Literal["replace", "insert", "delete"]


@dataclass(frozen=True, slots=True)
class Named:
    """What is to be done where. Lines of ``place`` are counted in the document, from 0."""

    verb: Verb
    place: Place


def ask_place(lines: Sequence[str], view: Sequence[int], failed: Sequence[str]) -> Plain:
    """The question for a place: the numbered lines of the window (``view``), then what the checks
    say (``failed``)."""
    numbered = [f"{number}|{lines[at]}\n" for number, at in enumerate(view, 1)]
    told = [f"# fixed: {short(text)}\n" for text in failed]
    return Plain("".join([*numbered, *told, "# change:"]))


def say_place(place: Place, view: Sequence[int], *, deletes: bool = False) -> str:
    """The answer to `ask_place` that names a place within the window, or at its end.

    Raises ValueError for any other place.
    """
    lines = list(view)
    if place.inserts:
        at = lines.index(place.first) if place.first in lines else lines.index(place.first - 1) + 1
        return f" insert {at + 1}\n"
    first, last = lines.index(place.first) + 1, lines.index(place.stop - 1) + 1
    span = f"{first}" if first == last else f"{first}-{last}"
    return f" {'delete' if deletes else 'replace'} {span}\n"


def read_place(text: str, view: Sequence[int]) -> Named | None:
    """What an answer to `ask_place` names; None where it names no place of the window."""
    found = _NAMED.fullmatch(text)
    if found is None:
        return None
    first, last = int(found[2]), int(found[3] or found[2])
    if found[1] == "insert":
        if found[3] or not 1 <= first <= len(view) + 1:
            return None
        at = view[first - 1] if first <= len(view) else (view[-1] + 1 if view else 0)
        return Named("insert", Place(at, at))
    if not 1 <= first <= last <= len(view) or view[last - 1] - view[first - 1] != last - first:
        return None
    return Named("delete" if found[1] == "delete" else "replace", _span(view, first, last))


def ask_text(
    lines: Sequence[str], place: Place, failed: Sequence[str], begin: int | None = None
) -> Gap:
    """The question for the text of a place that was named; ``begin``: see `gap`."""
    return gap(lines, place, failed, bare=True, begin=begin)


def say_text(lines: Sequence[str]) -> str:
    """The answer to `ask_text` that means these lines."""
    return "".join(f"{line}\n" for line in lines)


def _span(view: Sequence[int], first: int, last: int) -> Place:
    return Place(view[first - 1], view[last - 1] + 1)
