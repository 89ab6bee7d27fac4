"""How long a search goes on that has found a fix: for a smaller one, or for another to choose
from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from editloop.budget import Budget

LINGER, LINGER_MOST = 4.0, 20.0
"""Seconds that the search goes on after a fix which few tests confirm, for others to choose from
where a model can say which of them a person would have written: the least, and the most where the
model is still to be heard. Chosen."""
JUDGING = 0.15
"""Share of a budget that is left for the model to say which of the fixes it finds likeliest."""
POLISH_SECONDS = 5.0
"""The longest that the search goes on after a fix that more tests confirm; chosen: who has waited
for a model does not wait half as long again."""


@dataclass(slots=True)
class Lingering:
    """Ends a search after ``polish`` times the candidates and seconds spent until the first fix.

    ``asks``: whether a model is asked, which then has some of the budget left for its word.
    """

    budget: Budget
    polish: float
    asks: bool
    heard: bool = False
    """Whether the model has said what it would have written."""
    begun: bool = False
    last_candidate: int | None = None
    last_second: float = math.inf
    hears_until: float = 0.0
    """The second until which the model is to be heard, as few tests confirm the first fix."""

    def begin(self, candidates: int, seconds: float, *, few: bool) -> None:
        """The first fix was found after so many candidates and seconds; ``few``: few tests confirm
        it, so a model is to be heard."""
        self.begun = True
        most = self.budget.seconds
        if few and most is not None:
            self.hears_until = seconds + LINGER_MOST
        else:
            extra = max(10, math.ceil(self.polish * candidates)) if self.polish > 0 else 0
            self.last_candidate = candidates + extra
        if most is not None:
            more = min(self.polish * seconds, POLISH_SECONDS)
            self.last_second = seconds + max(more, LINGER if few else 0.25)
            if self.asks:
                until = most * (1 - JUDGING)
                self.last_second = min(self.last_second, until)
                self.hears_until = min(self.hears_until, until)

    def is_over(self, candidates: int, seconds: float) -> bool:
        """Whether the search has gone on for long enough."""
        if self.last_candidate is not None and candidates >= self.last_candidate:
            return True
        return seconds >= self.last_second and (self.heard or seconds >= self.hears_until)
