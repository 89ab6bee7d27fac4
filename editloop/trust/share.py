"""Of fixes like one, how many were right, as counted on programs with hidden tests."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

SHARES = Path(__file__).parents[1] / "data" / "trust.json"
"""Made by ``benchmarks/trust.py``, whose docstring has the commands."""
LEAST = 20
"""Fixes of a group below which nothing is said of it; chosen: a share of half is then known to 21
in a hundred."""


class Group(NamedTuple):
    """``examples``: how many examples or tests a fix satisfies, 3 for three or more; ``differ``:
    whether another fix was found that does too, and answers some call differently."""

    examples: int
    differ: bool

    @staticmethod
    def of(examples: int, differing: int) -> Group:
        """The group of a fix from which ``differing`` others differ."""
        return Group(min(examples, 3), differing > 0)


class Share(NamedTuple):
    """``right`` fixes ``of`` those that were counted."""

    right: int
    of: int

    @property
    def value(self) -> float:
        """Between 0 and 1."""
        return self.right / self.of

    @property
    def words(self) -> str:
        return f"of fixes like this, {self.right} of {self.of} were right"


def rows(right: Counter[Group], every: Counter[Group]) -> list[dict[str, Any]]:
    """The groups as JSON data."""
    return [
        {**group._asdict(), "right": right[group], "of": number}
        for group, number in sorted(every.items())
    ]


def share(group: Group) -> Share | None:
    """What was counted of a group; None where that is too little."""
    found = _known().get(group)
    return found if found is not None and found.of >= LEAST else None


@cache
def _known() -> dict[Group, Share]:
    found = json.loads(SHARES.read_text(encoding="utf-8"))
    return {Group(one["examples"], one["differ"]): Share(one["right"], one["of"]) for one in found}
