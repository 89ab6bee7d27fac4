"""How long a fix may take, and when it has to stop."""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, replace

SECONDS, SECONDS_WITH_MODEL = 10.0, 60.0
"""Budgets where a person gives none. Chosen: moves find nearly all they find in 10 seconds, a model
of a billion parameters on two cores answers about ten questions in 60."""


class Cancelled(Exception):
    """Raised by work that was asked to stop or whose time is up; it is no fault of the work."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits, None for no limit; ``turns`` is the depth in steps, 1 means a single command."""

    seconds: float | None = SECONDS
    candidates: int | None = None
    turns: int = 6

    def after(self, seconds: float) -> Budget:
        """The budget that is left ``seconds`` later; other limits stay."""
        return replace(self, seconds=None if self.seconds is None else self.seconds - seconds)

    def half(self) -> Budget:
        """Half of the seconds and candidates."""
        seconds = None if self.seconds is None else self.seconds / 2
        candidates = None if self.candidates is None else (self.candidates + 1) // 2
        return replace(self, seconds=seconds, candidates=candidates)


class Stop(threading.Event):
    """An event that is set when ``cancel`` is, too, and from a moment of ``time.monotonic`` on."""

    def __init__(self, cancel: threading.Event | None, at: float = math.inf) -> None:
        super().__init__()
        self._cancel, self._at = cancel, at

    @property
    def left(self) -> float | None:
        """Seconds until that moment, at least 0; None where there is none."""
        return None if self._at == math.inf else max(0.0, self._at - time.monotonic())

    def is_set(self) -> bool:
        asked = self._cancel is not None and self._cancel.is_set()
        return asked or super().is_set() or time.monotonic() >= self._at

    def wait(self, timeout: float | None = None) -> bool:
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            super().wait(min(left, 0.05))  # what sets ``cancel`` does not wake this one
        return self.is_set()


def raise_if_set(stop: threading.Event | None) -> None:
    """Raises Cancelled where ``stop`` is set; between the parts of what may take long."""
    if stop is not None and stop.is_set():
        raise Cancelled


def raise_if_too_long(stop: threading.Event | None, seconds: float) -> None:
    """Raises Cancelled where ``stop`` is set, or will be before ``seconds`` have passed: those of
    work that cannot be stopped once it has begun."""
    left = stop.left if isinstance(stop, Stop) else None
    if left is not None and left < seconds:
        raise Cancelled
    raise_if_set(stop)


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
