"""Candidates in order of probability, lazily: uniform-cost search over their trie.

Scores only fall along a path, so what is popped first is final (Dijkstra's argument). Only nodes
where there is a choice are decoded, several of the most promising in one batch.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from .context import Ints, Logits, NoRoom
from .logprob import log_probabilities, log_probability
from .rows import Plan, Row, RowPool
from .trie import Node, build, edge

__all__ = ["RankSearch"]

# Decoding a node before its turn pays when its turn is likely to come: within this many nats of
# the best one. Measured by an earlier benchmark; wider margins decode nodes nobody asks for.
_MARGIN = 1.0


@dataclass(eq=False, slots=True)
class _Branch:
    """An edge of the trie with the state at its end.

    `score` belongs to the first token of the edge (a bound) until the edge is decoded.
    """

    parent: _Branch | None
    tokens: list[int]
    node: Node
    score: float
    row: Row | None = None
    waiting: int = 0  # children that still need this row

    def plan(self, unscored: bool) -> list[int]:
        """Tokens of this edge to decode: the last only when children follow."""
        return self.tokens if self.node.children or not unscored else self.tokens[:-1]


class RankSearch:
    """One ranking. `step` gives the next (index, score), None at the end.

    `constrained`: probabilities among the trie's children at every node, so that a run without
    a choice costs nothing; otherwise over the whole vocabulary. All calls but `close` happen
    under the engine's lock.
    """

    def __init__(
        self,
        pool: RowPool,
        prefix: Ints,
        candidates: Sequence[Sequence[int]],
        *,
        constrained: bool,
        batch: int,
        cancel: threading.Event | None,
    ) -> None:
        self._pool, self._prefix, self._cancel = pool, prefix, cancel
        self._constrained = constrained
        # each decoded node takes a sequence, beside its parents' and the kept prefixes
        self._batch = max(1, min(batch, pool.context.n_seq_max // 2 - 1))
        self._order = itertools.count()
        self._heap: list[tuple[float, int, _Branch | None, int]] = []
        self._open: set[_Branch] = set()
        self._root: _Branch | None = _Branch(None, [], build(candidates), 0.0)

    def step(self) -> tuple[int, float] | None:
        """The most probable candidate not yet given. Raises Cancelled, DecodeFailed."""
        if self._root is not None:
            row = self._pool.prefix(self._prefix, self._cancel)
            root, self._root = self._root, None
            assert row.logits is not None
            self._expand(root, row.logits)
        while self._heap:
            minus, _, branch, index = self._heap[0]
            if branch is None:
                heapq.heappop(self._heap)
                return index, 0.0 - minus
            self._decode(self._take())
        return None

    def close(self) -> None:
        """Gives the sequences back; safe from any thread."""
        for branch in list(self._open):
            if branch.row is not None:
                self._pool.release_later(branch.row)
        self._open.clear()
        self._heap.clear()
        self._root = None

    def _push(self, score: float, branch: _Branch | None, index: int = -1) -> None:
        heapq.heappush(self._heap, (-score, next(self._order), branch, index))

    def _take(self) -> list[_Branch]:
        """The best branch and those close behind it, off the heap."""
        group: list[_Branch] = []
        aside = []
        floor = -self._heap[0][0] - _MARGIN
        while self._heap and len(group) < self._batch and -self._heap[0][0] >= floor:
            entry = heapq.heappop(self._heap)
            if entry[2] is None:
                aside.append(entry)
            else:
                group.append(entry[2])
        for entry in aside:
            heapq.heappush(self._heap, entry)
        return group

    def _decode(self, group: list[_Branch]) -> None:
        """Decodes the group's edges and pushes what follows; halves the group when cells lack."""
        unscored = not self._constrained
        try:
            found = self._extend(group)
        except NoRoom:
            for branch in group:
                self._drop(branch)
            if len(group) == 1:
                self._push(group[0].score, group[0])
                raise
            half = len(group) // 2
            for branch in group[half:]:
                self._push(branch.score, branch)
            self._decode(group[:half])
            return
        except BaseException:
            for branch in group:  # cancelled or failed: the search can go on from here
                self._drop(branch)
                self._push(branch.score, branch)
            raise
        for branch, logits in zip(group, found, strict=True):
            if unscored:
                later = branch.tokens[1:]
                if later:  # else the score was exact and its ends were pushed already
                    branch.score += log_probability(logits[: len(later)], later)
                    for index in branch.node.ends:
                        self._push(branch.score, None, index)
            if branch.node.children:
                self._expand(branch, logits[-1])
            self._settle(branch)

    def _extend(self, group: list[_Branch]) -> list[list[Logits]]:
        pool, unscored = self._pool, not self._constrained
        with contextlib.ExitStack() as pins:
            base = pins.enter_context(pool.pin(pool.prefix(self._prefix, self._cancel)))
            plans = []
            for branch in group:
                own = branch.plan(unscored)
                source, missing = self._nearest(branch, base)
                branch.row = pins.enter_context(pool.pin(pool.fork(source, source.length)))
                self._open.add(branch)
                plans.append(Plan(branch.row, [*missing, *own], len(own) if unscored else 1))
            return pool.extend(plans, self._cancel)

    def _nearest(self, branch: _Branch, base: Row) -> tuple[Row, list[int]]:
        """The closest ancestor's row that still lives, and the tokens between it and the edge."""
        missing: list[int] = []
        parent = branch.parent
        while parent is not None:
            if parent.row is not None and parent.row.alive:
                return parent.row, missing
            missing = parent.tokens + missing
            parent = parent.parent
        return base, missing

    def _expand(self, parent: _Branch, logits: Logits) -> None:
        """Pushes the children of a node whose logits (n_vocab,) are known."""
        if parent.parent is None and parent.node.ends:  # an empty candidate
            for index in parent.node.ends:
                self._push(parent.score, None, index)
        firsts = list(parent.node.children)
        if not firsts:
            return
        gains = log_probabilities(logits, firsts, within=self._constrained)
        for first, gain in zip(firsts, gains.tolist(), strict=True):
            tokens, node = edge(first, parent.node.children[first])
            child = _Branch(parent, tokens, node, parent.score + gain)
            exact = self._constrained or len(tokens) == 1
            if exact:
                for index in node.ends:
                    self._push(child.score, None, index)
            if node.children or not exact:
                parent.waiting += 1
                self._push(child.score, child)

    def _settle(self, branch: _Branch) -> None:
        """Frees rows that no child will ask for any more."""
        if branch.waiting == 0:
            self._drop(branch)
        parent = branch.parent
        if parent is not None:
            parent.waiting -= 1
            if parent.waiting == 0:
                self._drop(parent)

    def _drop(self, branch: _Branch) -> None:
        self._pool.release(branch.row)
        branch.row = None
        self._open.discard(branch)
