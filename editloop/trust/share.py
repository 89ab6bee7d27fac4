"""Of fixes like one, how many were right, as counted on programs with hidden tests."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

SHARES = Path(__file__).parents[1] / "data" / "trust.json"
"""Made by ``benchmarks/trust.py``, whose docstring has the commands."""
LEAST = 30
"""Fixes of a group below which nothing is said of it; chosen: a share of half is then known to 17
in a hundred."""

Others = Literal["none", "same", "differ"]


class Group(NamedTuple):
    """``examples``: how many examples or tests a fix satisfies, 3 for three or more; ``others``:
    whether other fixes were found that do too, and answer some call differently."""

    examples: int
    others: Others


def group_of(examples: int, others: int, differing: int) -> Group:
    """The group of a fix: ``others`` satisfy its examples too, ``differing`` of them differ."""
    kind: Others = "differ" if differing else "same" if others else "none"
    return Group(min(examples, 3), kind)


def rows(right: Counter[Group], every: Counter[Group]) -> list[dict[str, Any]]:
    """The groups as JSON data."""
    return [
        {**group._asdict(), "right": right[group], "of": number}
        for group, number in sorted(every.items())
    ]


def share(group: Group) -> str:
    """``of fixes like this, 12 of 40 were right``, "" where too few were counted."""
    right, number = _known().get(group, (0, 0))
    return f"of fixes like this, {right} of {number} were right" if number >= LEAST else ""


@cache
def _known() -> dict[Group, tuple[int, int]]:
    found = json.loads(SHARES.read_text(encoding="utf-8"))
    return {Group(one["examples"], one["others"]): (one["right"], one["of"]) for one in found}
