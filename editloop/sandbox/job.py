"""A job for one child and what it answered, as values and as the frames that carry them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from editloop.sandbox.inner import wire
from editloop.sandbox.launch import framed

BAD_FRAME: Any = object()
"""Stands for a frame that was not JSON."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job for one child.

    `message` is JSON data whose "kind" names the runner, `cap` the bytes it may answer in all,
    `answers` the frames after the first one, where they are counted: more end it.
    `warm`: a child that ran others before may do it, which costs a fraction of a new one. They can
    have changed how it answers, so what it says is good enough to look for a candidate, and never
    to believe one.
    """

    message: dict[str, Any]
    cpu_seconds: float = 1.0
    wall_seconds: float = 5.0
    cap: int = wire.ANSWER_CAP
    warm: bool = False
    answers: int | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What one child answered. Frames are untrusted data.

    `end`: "exit", "crash", "cpu", "wall", "flood" (over the cap), "cancelled", "stopped" (by the
    host), "killed", "ready" (a warm child did its job), or "lost" (the zygote died). `times`: of
    the start, of each frame and of the end, by a clock that only runs forward.
    """

    frames: tuple[Any, ...]
    end: str
    signal: str = ""
    cpu_seconds: float = 0.0
    times: tuple[float, ...] = (0.0,)

    def seconds(self, first: int, stop: int) -> float:
        """Seconds that the answers `first` to `stop` (excluded) took; -1 is the first frame, that
        the module is loaded."""
        last = len(self.times) - 1
        return self.times[min(stop + 1, last)] - self.times[min(first + 1, last)]

    @property
    def timed_out(self) -> bool:
        """Whether a time limit ended it."""
        return self.end in ("cpu", "wall")


def parse(frame: bytes) -> Any:
    """One frame as JSON, or BAD_FRAME."""
    try:
        return json.loads(frame)
    except (ValueError, RecursionError):
        return BAD_FRAME


def frame_job(job: Job, number: int | None = None) -> bytes:
    """The job as the frame that its child reads; a warm one counts them."""
    return framed(job.message if number is None else {**job.message, "number": number})


END = framed({"end": True})
"""Tells a player that nothing else will be asked."""
