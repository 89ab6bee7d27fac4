"""Commands written by vLLM, for models that are too slow in ``generate``. Needs a GPU and vLLM.

Written against the interface that TRL documents for ``rollout_func``; not tested. One engine lives
beside the model in each process (``vllm_mode="colocate"``), TRL sends it the weights of each step.
Whole rows are sent every turn: vLLM's prefix cache knows what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from editloop_trainer.rlvr.generate import Sampling, Written


class VllmWriter:
    """``generation`` is the ``vllm_generation`` of TRL's trainer, whose settings hold temperature
    and the length of a command."""

    def __init__(self, generation: Any, sampling: Sampling) -> None:
        self._generation, self._sampling = generation, sampling
        self._rows: dict[int, list[int]] = {}

    def start(self, prompts: Sequence[Sequence[int]], copies: int) -> Written:
        rows = [prompt for prompt in prompts for _ in range(copies)]
        self._rows = {row: list(prompt) for row, prompt in enumerate(rows)}
        yield from self._write(list(self._rows))

    def go_on(self, news: Mapping[int, Sequence[int]]) -> Written:
        for row, ids in news.items():
            self._rows[row] += ids
        yield from self._write(list(news))

    def _write(self, rows: list[int]) -> Written:
        prompts = [self._rows[row] for row in rows]
        _, completions, *_ = self._generation.generate(
            prompts=prompts, images=None, num_generations=1
        )
        for row, ids in zip(rows, completions, strict=True):
            cut = ids.index(self._sampling.end) + 1 if self._sampling.end in ids else len(ids)
            written = list(ids[:cut])
            self._rows[row] += written
            yield row, written
