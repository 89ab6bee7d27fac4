"""What a version of a module answers to some calls. They run in the sandbox, nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from editloop.budget import Stop
from editloop.sandbox import SandboxPool, plain
from editloop.sandbox.inner.decode import BadValue, ForeignValue
from editloop.sandbox.inner.show import show
from editloop.sandbox.job import Job

_CPU_SECONDS = 0.4
"""For all calls to one version; one without an end costs all of it. Chosen: some ten versions are
asked within a second."""
_WALL_SECONDS = 2.0
_STARTS = 3
"""Children that a version gets: after a call without an end the next ones are asked of another."""
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: a plain value, or the name of an exception."""

    text: str
    """``2`` or ``raises IndexError``."""
    value: Any = None
    raised: bool = False

    def differs(self, other: Answer) -> bool:
        """Whether the two cannot both be right; rounding of numbers is no difference, and which of
        two exceptions comes is none."""
        if self.raised or other.raised:
            return self.raised != other.raised
        if isinstance(self.value, float) and isinstance(other.value, float):
            same = math.isclose(self.value, other.value, rel_tol=1e-9)
            return not same and self.text != other.text
        return self.text != other.text and not bool(self.value == other.value)


def ask(
    pool: SandboxPool, source: str, calls: Sequence[str], stop: Stop
) -> tuple[Answer | None, ...]:
    """An answer to each call; None where none came in time, or none that can be shown whole."""
    found: list[Answer | None] = [None] * len(calls)
    first = 0
    for _ in range(_STARTS):
        if stop.is_set() or first >= len(calls):
            break
        items = [{"e": call} for call in calls[first:]]
        message = {"kind": "calls", "source": source, "prelude": "", "items": items}
        frames = pool.run(Job(message, _CPU_SECONDS, _WALL_SECONDS), stop).frames[1:]
        for number, frame in enumerate(frames):
            if isinstance(frame, dict) and frame.get("n") == number < len(items):
                found[first + number] = _answer(frame)
        first += len(frames) + 1
    return tuple(found)


def _answer(frame: dict[str, Any]) -> Answer | None:
    told = frame.get("exc")
    if told is not None:
        try:
            name = str(told["mro"][0])
        except (KeyError, IndexError, TypeError):
            return None
        return Answer(f"raises {name[:_LONGEST]}", raised=True) if name.isidentifier() else None
    try:
        value = plain.decode_plain(frame.get("ret"))
    except (ForeignValue, BadValue):
        return None
    text = show(value, _LONGEST + 1)
    return Answer(text, value) if len(text) <= _LONGEST and "..." not in text else None
