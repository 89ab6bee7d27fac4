"""The model's side of a batch of episodes: sampling one command of each, turn after turn.

All live rows are decoded as one batch and keep their keys and values from turn to turn, so that a
token is computed once. Rows have lengths of their own: nothing is padded in the cache. Works for
decoders with full attention on every layer, on any device of torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

PREFILL_TOKENS = 8192
"""Padded tokens of one pass over observations; bounds its memory."""
_STEP = 256
"""The cache grows by this many positions at a time."""

Written = Iterator[tuple[int, list[int]]]
"""(row, the ids that the model wrote in this turn) in the order in which rows come to their end."""


class Writer(Protocol):
    """Writes the commands of many episodes. Rows are numbered by ``start``."""

    def start(self, prompts: Sequence[Sequence[int]], copies: int) -> Written:
        """A new batch: row ``i * copies + j`` begins with ``prompts[i]``."""
        ...

    def go_on(self, news: Mapping[int, Sequence[int]]) -> Written:
        """One more turn of the rows in ``news``, after these ids; other rows have ended."""
        ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """``temperature`` 0 is greedy; ``command`` is the most tokens of one turn."""

    end: int
    pad: int
    command: int
    temperature: float = 1.0


class TorchWriter:
    """Generation with the model in training itself: what is sampled is what is trained.

    ``model`` is a causal language model of transformers, or a PEFT model around one.
    """

    def __init__(self, model: Any, sampling: Sampling, generator: torch.Generator) -> None:
        self._model, self._sampling, self._generator = model, sampling, generator
        self._cache = RowCache(0)
        self._slots: dict[int, int] = {}
        self._unfed: dict[int, int] = {}

    def start(self, prompts: Sequence[Sequence[int]], copies: int) -> Written:
        self._cache = RowCache(len(prompts))
        self._feed({slot: prompt[:-1] for slot, prompt in enumerate(prompts)})
        # The episodes of a group share their first observation: it was computed once.
        sources = [slot for slot in range(len(prompts)) for _ in range(copies)]
        self._cache.select(sources)
        self._slots = {row: row for row in range(len(sources))}
        self._unfed = {row: prompts[source][-1] for row, source in enumerate(sources)}
        yield from self._decode(list(self._slots))

    def go_on(self, news: Mapping[int, Sequence[int]]) -> Written:
        if 2 * len(news) <= self._cache.rows:
            self._cache.select([self._slots[row] for row in news])
            self._slots = {row: slot for slot, row in enumerate(news)}
        self._feed({self._slots[row]: [self._unfed[row], *ids[:-1]] for row, ids in news.items()})
        self._unfed = {row: ids[-1] for row, ids in news.items()}
        yield from self._decode(list(news))

    def _decode(self, rows: list[int]) -> Written:
        written: dict[int, list[int]] = {row: [] for row in rows}
        while rows:
            for row, token in zip(rows, self._sample(self._step(rows)), strict=True):
                written[row].append(token)
                self._unfed[row] = token
            ended = [row for row in rows if self._ended(written[row])]
            rows = [row for row in rows if not self._ended(written[row])]
            for row in ended:
                yield row, written[row]

    def _ended(self, ids: list[int]) -> bool:
        return ids[-1] == self._sampling.end or len(ids) == self._sampling.command

    def _sample(self, logits: Tensor) -> list[int]:
        """One token for each row of logits (rows, vocabulary)."""
        if self._sampling.temperature <= 0:
            return list(logits.argmax(-1).tolist())
        shares = torch.softmax(logits.float() / self._sampling.temperature, -1)
        return list(torch.multinomial(shares, 1, generator=self._generator).flatten().tolist())

    def _step(self, rows: list[int]) -> Tensor:
        """Logits (rows, vocabulary) after the one token of each that was not fed yet."""
        slots = [self._slots[row] for row in rows]
        tokens = [self._unfed[row] for row in rows]
        if 2 * len(rows) <= self._cache.rows:
            return self._forward(slots, [[token] for token in tokens])[:, -1]
        # Most rows go on: the others get a token that leaves no trace, and nothing is copied.
        column = [self._sampling.pad] * self._cache.rows
        for slot, token in zip(slots, tokens, strict=True):
            column[slot] = token
        logits = self._forward(None, [[token] for token in column], keep=slots)
        return logits[slots, -1]

    def _feed(self, news: Mapping[int, Sequence[int]]) -> None:
        """Read new tokens of slots, those of like length together."""
        waiting = sorted((len(ids), slot) for slot, ids in news.items() if ids)
        while waiting:
            width = waiting[-1][0]
            size = max(1, PREFILL_TOKENS // width)
            slots = [slot for _, slot in waiting[-size:]]
            del waiting[-size:]
            self._forward(slots, [news[slot] for slot in slots])

    @torch.no_grad()
    def _forward(
        self,
        slots: list[int] | None,
        ids: Sequence[Sequence[int]],
        keep: list[int] | None = None,
    ) -> Tensor:
        """Logits after the last column; slots None: all. Lengths grow for ``keep`` alone."""
        device = self._model.device
        width = max(map(len, ids))
        padded = [[*row, *[self._sampling.pad] * (width - len(row))] for row in ids]
        tokens = torch.tensor(padded, device=device)
        mask, positions = self._cache.place(slots, width, device)
        result = self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        slots = list(range(self._cache.rows)) if slots is None else slots
        grown = set(slots if keep is None else keep)
        self._cache.grow({s: len(row) for s, row in zip(slots, ids, strict=True) if s in grown})
        logits: Tensor = result.logits
        return logits


class RowCache:
    """Keys and values of rows with lengths of their own; a cache for models of transformers.

    ``place`` says where the next forward pass writes. What lies beyond a row's length is never
    read: it is masked, and overwritten by the row's next tokens.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.lengths = [0] * rows
        self._layers: list[tuple[Tensor, Tensor]] = []
        """Keys and values, each (rows, heads, capacity, head size)."""
        self._slots: Tensor | None = None
        self._positions = torch.zeros(0, dtype=torch.long)
        self._longest = 0
        self._fresh = True

    def place(
        self, slots: list[int] | None, width: int, device: torch.device
    ) -> tuple[Tensor | None, Tensor]:
        """Mask (rows, 1, width, longest) and positions (rows, width) for ``width`` new columns.

        No mask where the rows are empty: plain causal attention is faster.
        """
        chosen = range(self.rows) if slots is None else slots
        starts = torch.tensor([self.lengths[slot] for slot in chosen], device=device)
        self._positions = starts[:, None] + torch.arange(width, device=device)
        self._longest = int(starts.max()) + width
        self._slots = None if slots is None else torch.tensor(slots, device=device)
        self._fresh = self._longest == width
        if self._fresh:
            return None, self._positions
        seen = torch.arange(self._longest, device=device)
        return (seen <= self._positions[:, :, None])[:, None], self._positions

    def grow(self, added: Mapping[int, int]) -> None:
        """The rows are longer by what was read."""
        for slot, count in added.items():
            self.lengths[slot] += count

    def select(self, slots: Iterable[int]) -> None:
        """Keep these rows, in this order; one may come several times."""
        order = list(slots)
        self.lengths = [self.lengths[slot] for slot in order]
        self.rows = len(order)
        longest = max(self.lengths, default=0)
        for at, (keys, values) in enumerate(self._layers):
            index = torch.tensor(order, device=keys.device)
            kept = (part[:, :, :longest].index_select(0, index) for part in (keys, values))
            self._layers[at] = (next(kept), next(kept))

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Called by each layer: keep (rows, heads, width, head size), return what it attends to."""
        # Under autocast keys come in float32 from their norm; attention casts them anyway.
        key_states = key_states.to(value_states.dtype)
        keys, values = self._reserve(layer_idx, value_states)
        slots = torch.arange(self.rows) if self._slots is None else self._slots
        at = (slots.to(keys.device)[:, None], slice(None), self._positions)
        keys[at] = key_states.transpose(1, 2)
        values[at] = value_states.transpose(1, 2)
        if self._fresh:
            return key_states, value_states
        keys, values = keys[:, :, : self._longest], values[:, :, : self._longest]
        return (keys, values) if self._slots is None else (keys[slots], values[slots])

    def _reserve(self, layer: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """The layer's tensors, with room for what is to come; what is there stays."""
        if layer == len(self._layers):
            empty = like.new_zeros((self.rows, like.shape[1], 0, like.shape[3]))
            self._layers.append((empty, empty))
        short = self._longest - self._layers[layer][0].shape[2]
        if short > 0:
            room = (0, 0, 0, -(-short // _STEP) * _STEP)
            keys, values = self._layers[layer]
            self._layers[layer] = nn.functional.pad(keys, room), nn.functional.pad(values, room)
        return self._layers[layer]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._longest - self._positions.shape[-1]

    def get_query_offset(self, layer_idx: int = 0) -> int:
        return self.get_seq_length()

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        return self._longest, 0
