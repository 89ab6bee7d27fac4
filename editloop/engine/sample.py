"""Several continuations of one prefix, sampled under a constraint as one batch.

Continuations that are equal so far share one row, and tokens without a choice are decoded
together with the next one that has a choice.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .constraint import Constraint
from .context import Ints, Logits
from .errors import DecodeFailed
from .logprob import log_probabilities, log_probability
from .rows import Plan, Row, RowPool

__all__ = ["Sampler"]


@dataclass(eq=False, slots=True)
class _Group:
    """Continuations `members` that are equal so far; `pending` tokens are not decoded yet."""

    members: list[int]
    generated: list[int]
    score: float
    row: Row
    pending: list[int] = field(default_factory=list)
    logits: Logits | None = None
    finished: bool = False


class Sampler:
    """One call of `Engine.sample`; see there for the meaning of the arguments."""

    def __init__(
        self,
        pool: RowPool,
        allowed: Constraint,
        *,
        temperature: float,
        seed: int,
        max_tokens: int,
        constrained: bool,
        cancel: threading.Event | None,
    ) -> None:
        self._pool, self._allowed, self._cancel = pool, allowed, cancel
        self._temperature, self._seed, self._max = temperature, seed, max_tokens
        self._constrained = constrained

    def run(self, prefix: Ints, n: int) -> list[tuple[list[int], float]]:
        """n pairs (token ids, log-probability), in the order of the branches."""
        results: dict[int, tuple[list[int], float]] = {}
        # parents and children hold a sequence each while a step is decoded
        wave = max(1, (self._pool.context.n_seq_max - 2) // 2)
        for start in range(0, n, wave):
            self._wave(prefix, range(start, min(n, start + wave)), results)
        return [results[branch] for branch in range(n)]

    def _wave(
        self, prefix: Ints, members: Sequence[int], results: dict[int, tuple[list[int], float]]
    ) -> None:
        # a stream of its own for each branch: its text does not depend on how many others run
        streams = {m: np.random.default_rng([self._seed, m]) for m in members}
        rows: set[Row] = set()
        try:
            with self._pool.pin(self._pool.prefix(prefix, self._cancel)) as base:
                groups = [_Group(list(members), [], 0.0, base, logits=base.logits)]
                while groups:
                    children = [c for g in groups for c in self._choose(g, streams)]
                    groups = self._decode(children, rows, base)
                    for group in [g for g in groups if g.finished]:
                        for member in group.members:
                            results[member] = (list(group.generated), group.score)
                        groups.remove(group)
        finally:
            for row in rows:
                self._pool.release(row)

    def _choose(self, group: _Group, streams: dict[int, np.random.Generator]) -> list[_Group]:
        """Draws the next token of each member; one child per distinct token."""
        assert group.logits is not None
        ids = self._ids(group.generated, len(group.logits))
        gains = log_probabilities(group.logits, ids, within=self._constrained)
        drawn: dict[int, list[int]] = {}
        if self._temperature <= 0:
            drawn[int(np.argmax(gains))] = list(group.members)
        else:
            weights = np.exp((gains - gains.max()) / self._temperature)
            heights = np.cumsum(weights)
            for member in group.members:
                at = np.searchsorted(heights, streams[member].random() * heights[-1], "right")
                drawn.setdefault(min(int(at), len(ids) - 1), []).append(member)
        return [
            self._follow(
                _Group(
                    members,
                    [*group.generated, int(ids[at])],
                    group.score + float(gains[at]),
                    group.row,
                    pending=[int(ids[at])],
                )
            )
            for at, members in drawn.items()
        ]

    def _follow(self, group: _Group) -> _Group:
        """Appends tokens as long as the constraint leaves one choice."""
        while True:
            if self._allowed.done(group.generated) or len(group.generated) >= self._max:
                group.finished = True
                return group
            only = self._only(group.generated)
            if only is None:
                return group
            group.generated.append(only)
            group.pending.append(only)

    def _only(self, generated: list[int]) -> int | None:
        ids = self._allowed.allowed(generated)
        if ids is None:
            return None
        if isinstance(ids, np.ndarray) and ids.dtype == np.bool_:
            ids = np.flatnonzero(ids[:]).tolist() if int(ids.sum()) == 1 else [0, 0]
        return int(ids[0]) if len(ids) == 1 else None

    def _ids(self, generated: list[int], n_vocab: int) -> npt.NDArray[np.intp]:
        ids: Any = self._allowed.allowed(generated)
        if ids is None:
            return np.arange(n_vocab)
        array = np.asarray(ids)
        if array.dtype == np.bool_ and array.ndim == 1 and len(array) == n_vocab:
            array = np.flatnonzero(array)
        if len(array) == 0:
            raise DecodeFailed(
                f"the constraint allows nothing after {len(generated)} tokens: "
                "let it report done() there, or allow an end token"
            )
        if array.dtype == np.bool_ or array.min() < 0 or array.max() >= n_vocab:
            raise DecodeFailed(
                f"the constraint allows ids outside 0..{n_vocab - 1}: "
                "build it for this model's vocabulary"
            )
        return array.astype(np.intp)

    def _unread(self, group: _Group) -> list[int]:
        """Tokens of a group that have to be decoded: a finished one may only lack scores."""
        if not group.finished:
            return group.pending
        return [] if self._constrained else group.pending[:-1]

    def _decode(self, groups: list[_Group], rows: set[Row], base: Row) -> list[_Group]:
        """Decodes what the groups are waiting for, each in a row of its own."""
        pool, plans, busy = self._pool, list[Plan](), list[_Group]()
        last = {group.row: group for group in groups if self._unread(group)}
        parents = {group.row for group in groups} - {base}
        with contextlib.ExitStack() as pins:
            for parent in parents:
                pins.enter_context(pool.pin(parent))
            for group in groups:
                tokens = self._unread(group)
                if not tokens:
                    continue
                parent = group.row
                if parent is base or last[parent] is not group:
                    group.row = pool.fork(parent, parent.length)
                    rows.add(group.row)
                    pins.enter_context(pool.pin(group.row))
                else:  # the last child takes its parent's row over
                    parents.remove(parent)
                plans.append(Plan(group.row, tokens, 1 if self._constrained else len(tokens)))
                busy.append(group)
            found = pool.extend(plans, self._cancel) if plans else []
        for parent in parents:
            pool.release(parent)
            rows.discard(parent)
        for group, logits in zip(busy, found, strict=True):
            if not self._constrained:
                later = group.pending[1:]
                group.score += log_probability(logits[: len(later)], later)
            group.pending = []
            group.logits = logits[-1]
        return groups
