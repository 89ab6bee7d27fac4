"""Free continuations of several prefixes, decoded as one batch.

Continuations of one prefix that are equal so far share one row.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .context import Ints, Logits
from .rows import Plan, Row, RowPool


@dataclass(frozen=True, slots=True)
class Continuation:
    """`log_prob` in nats at temperature 1; `finished` is False where the length cut it off.

    `seconds`: of a greedy one, the second choice at each of its ids, as (id, log-probability of the
    continuation up to it).
    """

    ids: tuple[int, ...]
    log_prob: float
    finished: bool
    seconds: tuple[tuple[int, float], ...] = ()


@dataclass(eq=False, slots=True)
class _Branch:
    """Members (prefix, number) that are equal so far; the last id is not decoded yet."""

    members: list[tuple[int, int]]
    ids: list[int]
    log_prob: float
    row: Row
    owned: bool
    """Whether the row is this branch's own, to extend; else it is forked from."""
    logits: Logits = field(repr=False)
    seconds: tuple[tuple[int, float], ...] = ()


class Generator:
    """Draws continuations by one sequence of the cache each, equal ones by one for all.

    ``ended(ids)`` says after which id one ends, ``refused(ids)`` which ids must not come next;
    ``temperature`` 0 is greedy; equal seeds draw equal continuations.
    """

    def __init__(
        self,
        pool: RowPool,
        ended: Callable[[Sequence[int]], bool],
        *,
        temperature: float,
        seed: int,
        max_tokens: int,
        refused: Callable[[Sequence[int]], Sequence[int]],
        cancel: threading.Event | None,
    ) -> None:
        self._pool, self._ended, self._cancel = pool, ended, cancel
        self._refused = refused
        self._temperature, self._seed, self._max = temperature, seed, max_tokens
        self._found: dict[tuple[int, int], Continuation] = {}

    def run(self, prefixes: Sequence[Ints], n: int) -> list[list[Continuation]]:
        """`n` continuations of each prefix, in the order of the prefixes."""
        members = [(prefix, number) for prefix in range(len(prefixes)) for number in range(n)]
        # Parents and children hold a sequence each while a step is decoded.
        wave = max(1, (self._pool.context.n_seq_max - 2) // 2)
        for start in range(0, len(members), wave):
            self._wave(prefixes, members[start : start + wave])
        return [[self._found[prefix, k] for k in range(n)] for prefix in range(len(prefixes))]

    def _wave(self, prefixes: Sequence[Ints], members: list[tuple[int, int]]) -> None:
        # A stream of its own for each member: its text does not depend on how many others run.
        streams = {m: np.random.default_rng([self._seed, *m]) for m in members}
        rows: set[Row] = set()
        with contextlib.ExitStack() as pins:
            try:
                branches = []
                for prefix in sorted({prefix for prefix, _ in members}):
                    base = self._pool.prefix(prefixes[prefix], self._cancel)
                    pins.enter_context(self._pool.pin(base))
                    assert base.logits is not None
                    mine = [member for member in members if member[0] == prefix]
                    branches.append(_Branch(mine, [], 0.0, base, False, base.logits))
                while branches:
                    children = [c for b in branches for c in self._children(b, streams, rows)]
                    branches = self._decoded(children)
            finally:
                for row in rows:
                    self._pool.release(row)

    def _children(
        self, branch: _Branch, streams: dict[tuple[int, int], np.random.Generator], rows: set[Row]
    ) -> list[_Branch]:
        """A branch for each distinct next id; those that end here are told and left out."""
        gains = log_probabilities(branch.logits, slice(None))
        gains[list(self._refused(branch.ids))] = -np.inf
        drawn: dict[int, list[tuple[int, int]]] = {}
        if self._temperature <= 0:
            second, first = np.argpartition(gains, -2)[-2:]
            first, second = sorted((int(first), int(second)), key=lambda token: -gains[token])
            drawn[first] = branch.members
            branch.seconds += ((second, branch.log_prob + float(gains[second])),)
        else:
            heights = np.cumsum(np.exp((gains - gains.max()) / self._temperature))
            for member in branch.members:
                at = np.searchsorted(heights, streams[member].random() * heights[-1], "right")
                drawn.setdefault(min(int(at), len(gains) - 1), []).append(member)
        going = []
        for token, members in drawn.items():
            ids, log_prob = [*branch.ids, token], branch.log_prob + float(gains[token])
            finished = self._ended(ids)
            if finished or len(ids) >= self._max:
                told = Continuation(tuple(ids), log_prob, finished, branch.seconds)
                self._found.update(dict.fromkeys(members, told))
            else:
                going.append((members, ids, log_prob))
        children = []
        for number, (members, ids, log_prob) in enumerate(going):
            row = branch.row
            if not branch.owned or number < len(going) - 1:  # the last takes the row over
                row = self._pool.fork(branch.row, branch.row.length)
                row.pins += 1
                rows.add(row)
            children.append(
                _Branch(members, ids, log_prob, row, True, branch.logits, branch.seconds)
            )
        if branch.owned and not going:
            rows.discard(branch.row)
            self._pool.release(branch.row)
        return children

    def _decoded(self, branches: list[_Branch]) -> list[_Branch]:
        """The branches with the logits after their last id."""
        if branches:
            plans = [Plan(branch.row, branch.ids[-1:]) for branch in branches]
            for branch, found in zip(branches, self._pool.extend(plans, self._cancel), strict=True):
                branch.logits = found[-1]
        return branches


def log_probabilities(logits: Logits, ids: Any) -> npt.NDArray[np.float64]:
    """Log-probability over all tokens of each of `ids` (k,), in float64."""
    exact = logits.astype(np.float64)
    top = exact.max()
    gains: npt.NDArray[np.float64] = exact[ids] - top - np.log(np.exp(exact - top).sum())
    return gains
