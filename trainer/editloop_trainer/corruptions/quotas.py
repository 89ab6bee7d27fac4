"""Shares of the groups of families in what is kept, not in what is tried."""

from __future__ import annotations

from collections.abc import Sequence

from editloop_trainer.corruptions.base import Family

_SHARES = {"logic": 0.6, "syntax": 0.2, "name": 0.12, "random": 0.08}
_PATIENCE = 8


class Quotas:
    """Which group of families is next, so that faults which few checks see are not crowded out.

    Without tests hardly any fault of logic is seen: then the weights of the families decide.
    """

    def __init__(self, families: Sequence[Family], tested: bool) -> None:
        self.families: dict[str, list[Family]] = {}
        for family in families:
            self.families.setdefault(family.group if tested else "all", []).append(family)
        self.tries = dict.fromkeys(self.families, 0)
        self.found = dict.fromkeys(self.families, 0)

    def next(self) -> str:
        """The group furthest behind its share; one that yields too little is passed over."""
        total = sum(self.found.values()) + 1
        open_ = [g for g in self.families if self.tries[g] < _PATIENCE * (self.found[g] + 1)]
        group = max(
            open_ or list(self.families),
            key=lambda g: _SHARES.get(g, 1.0) * total - self.found[g],
        )
        self.tries[group] += 1
        return group
