"""Token rows held in the key/value cache, one sequence each, sharing the cells of what they share.

A row is only ever a cache: any unpinned one may be evicted, and whoever wanted it computes it
again.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from editloop.policy import Cancelled

from .context import Context, Ints, Logits, NoRoom

_NOTHING = np.zeros(0, np.int32)


@dataclass(eq=False, slots=True)
class Row:
    """`length` tokens from position 0 in sequence `seq`; `tokens` only for kept prefixes."""

    seq: int
    length: int = 0
    tokens: Ints = field(default_factory=lambda: _NOTHING)
    logits: Logits | None = None  # (n_vocab,) after the last token
    used: int = 0
    pins: int = 0
    alive: bool = True


@dataclass(slots=True)
class Plan:
    """Tokens to append to a row; the logits of the last `wanted` of them are asked for."""

    row: Row
    tokens: Sequence[int]
    wanted: int = 1


class RowPool:
    """All rows of one context; the `keep` most recently used prefixes stay."""

    def __init__(self, context: Context, *, keep: int = 8) -> None:
        self.context = context
        self._keep = keep
        self._free = list(range(context.n_seq_max))[::-1]
        self._rows: set[Row] = set()
        self._kept: list[Row] = []
        self._clock = itertools.count(1)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def kept(self) -> int:
        """Prefixes held for later calls."""
        return len(self._kept)

    def release(self, row: Row) -> None:
        if not row.alive:
            return
        row.alive = False
        self.context.remove(row.seq)
        self._rows.discard(row)
        if row in self._kept:
            self._kept.remove(row)
        self._free.append(row.seq)

    def clear(self) -> None:
        """Forgets every row, in use or not."""
        for row in list(self._rows):
            self.release(row)

    def restart(self) -> None:
        """After a failure: a new native context, no rows."""
        for row in self._rows:
            row.alive = False
        self._rows.clear()
        self._kept.clear()
        self._free = list(range(self.context.n_seq_max))[::-1]
        self.context.restart()

    @contextlib.contextmanager
    def pin(self, row: Row) -> Iterator[Row]:
        """Keeps a row from being evicted."""
        row.pins += 1
        row.used = next(self._clock)
        try:
            yield row
        finally:
            row.pins -= 1

    def fork(self, source: Row | None, length: int = 0) -> Row:
        """A new row with the first `length` tokens of `source`; evicts when no sequence is free.

        Raises NoRoom when every sequence is pinned.
        """
        if not self._free:
            keep = self.pin(source) if source is not None else contextlib.nullcontext()
            with keep:
                if not self._evict():
                    raise NoRoom("every sequence is in use: ask for fewer continuations")
        row = Row(self._free.pop(), length, used=next(self._clock))
        self._rows.add(row)
        if source is not None and length:
            self.context.copy(source.seq, row.seq, length)
        return row

    def _evict(self) -> bool:
        idle = [row for row in self._rows if not row.pins]
        if idle:
            self.release(min(idle, key=lambda row: row.used))
        return bool(idle)

    def extend(
        self, plans: Sequence[Plan], cancel: threading.Event | None = None
    ) -> list[list[Logits]]:
        """Decodes several rows' new tokens in one go.

        Returns per plan its `wanted` logits (n_vocab,) in order. Evicts idle rows when cells run
        out; raises NoRoom when that is not enough, Cancelled, EngineCrashed.
        """
        sizes = [len(plan.tokens) for plan in plans]
        tokens = np.array([t for plan in plans for t in plan.tokens], np.int32)
        seqs = np.repeat(np.array([plan.row.seq for plan in plans], np.int32), sizes)
        spans = [np.arange(plan.row.length, plan.row.length + len(plan.tokens)) for plan in plans]
        wants = [np.arange(size) >= size - p.wanted for size, p in zip(sizes, plans, strict=True)]
        owner = np.repeat(np.arange(len(plans)), sizes)
        while True:
            found: list[list[Logits]] = [[] for _ in plans]

            def sink(i: int, logits: Logits, found: list[list[Logits]] = found) -> None:
                found[owner[i]].append(logits.copy())

            try:
                self.context.decode(
                    tokens,
                    np.concatenate(spans).astype(np.int32),
                    seqs,
                    np.concatenate(wants),
                    sink,
                    cancel,
                )
            except NoRoom:
                if not self._evict():
                    raise
                continue
            for plan, size in zip(plans, sizes, strict=True):
                plan.row.length += size
            return found

    def prefix(self, tokens: Ints, cancel: threading.Event | None = None) -> Row:
        """The row of exactly these tokens (n > 0), its `logits` filled; computes what is new."""
        best, common = self._longest(tokens)
        if best is not None and common == len(tokens) == best.length and best.logits is not None:
            best.used = next(self._clock)
            return best
        # the logits of the last token are needed, so that one is always decoded
        common = min(common, len(tokens) - 1)
        if best is not None:
            best.used = next(self._clock)  # what others begin with stays longest
        row = self.fork(best if common else None, common)
        with self.pin(row):
            try:
                self._prefill(row, tokens, cancel)
            except Cancelled:
                self._retain(row, tokens[: row.length])  # the part that is done serves next time
                raise
            except NoRoom:
                self.release(row)
                raise
        self._retain(row, tokens)
        return row

    def _prefill(self, row: Row, tokens: Ints, cancel: threading.Event | None) -> None:
        while row.length < len(tokens):
            part = tokens[row.length : row.length + self.context.n_batch]
            last = row.length + len(part) == len(tokens)
            (found,) = self.extend([Plan(row, part.tolist(), int(last))], cancel)
            if last:
                row.logits = found[0]

    def _longest(self, tokens: Ints) -> tuple[Row | None, int]:
        best, common = None, 0
        for row in self._kept:
            n = min(len(row.tokens), len(tokens))
            differ = np.flatnonzero(row.tokens[:n] != tokens[:n])
            shared = int(differ[0]) if len(differ) else n
            if shared > common or (shared == common and shared == row.length == len(tokens)):
                best, common = row, shared
        return best, common

    def _retain(self, row: Row, tokens: Ints) -> None:
        if len(tokens) == 0:
            self.release(row)
            return
        row.tokens = tokens.copy()
        self._kept.append(row)
        while len(self._kept) > self._keep:
            idle = [r for r in self._kept if not r.pins and r is not row]
            if not idle:
                return
            self.release(min(idle, key=lambda r: r.used))
