"""Which tasks come next: those that are solved about half of the time teach the most.

A group whose episodes all fail or all succeed has no advantages. The chance of neither is largest
at a solve rate of one half, so a task is drawn in proportion to p (1 - p).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

PRIOR = 1.0
"""Episodes solved, and as many failed, that a task is credited with before it was tried."""
FORGET = 0.7
"""What an older try counts after a newer one: the model that it was made with is gone."""
LEAST = 0.05
"""Share of the largest weight that every task keeps: what was too hard may be no longer."""


@dataclass(frozen=True, slots=True)
class Record:
    """Tries of one task, discounted by age."""

    solved: float = 0.0
    failed: float = 0.0

    @property
    def rate(self) -> float:
        return (self.solved + PRIOR) / (self.solved + self.failed + 2 * PRIOR)

    @property
    def weight(self) -> float:
        return max(4 * self.rate * (1 - self.rate), LEAST)

    def after(self, solved: int, tried: int) -> Record:
        return Record(FORGET * self.solved + solved, FORGET * self.failed + tried - solved)


class Curriculum:
    """Records of tasks by id. The same records and seed give the same choice in every process."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._records = {identity: Record() for identity in ids}

    def choose(self, count: int, seed: str) -> list[str]:
        """``count`` task ids, distinct as long as there are enough."""
        rng = random.Random(seed)
        # Efraimidis and Spirakis: the largest of u ** (1 / weight) are a weighted sample.
        keys = {i: rng.random() ** (1 / record.weight) for i, record in self._records.items()}
        order = sorted(keys, key=lambda identity: -keys[identity])
        return [order[at % len(order)] for at in range(count)]

    def learn(self, results: Sequence[tuple[str, int, int]]) -> None:
        """Take in (task id, episodes solved, episodes played)."""
        for identity, solved, tried in results:
            self._records[identity] = self._records[identity].after(solved, tried)

    def state(self) -> dict[str, Any]:
        """What was tried so far, as JSON data."""
        return {i: [r.solved, r.failed] for i, r in self._records.items() if r != Record()}

    def restore(self, state: dict[str, Any]) -> None:
        for identity, (solved, failed) in state.items():
            if identity in self._records:
                self._records[identity] = Record(solved, failed)
