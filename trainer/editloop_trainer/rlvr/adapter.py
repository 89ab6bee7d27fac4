"""GRPO with an advantage for every answer: all that touches the experimental parts of TRL 1.16.

TRL brings sampling, the loss, the reference model, adapters and processes. Replaced are the
rollouts (``rollout_func``), the advantages (those of turns instead of whole episodes), the division
into micro-batches (by length: rows differ tenfold, and some teach nothing) and the scoring of
tokens (only what the model wrote, a twentieth of a row, goes through the output layer).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from editloop_trainer.files import write_json
from editloop_trainer.keeper import Clock, checkpoint
from editloop_trainer.rlvr.curriculum import Curriculum
from editloop_trainer.run import RunError, RunFolder

CURRICULUM = "curriculum.json"
"""In each checkpoint: what was tried so far."""
_AT_ONCE = 64
"""Rows that are written together; bounds memory. Chosen."""
_METRICS = {
    "kl": "kl",
    "entropy": "entropy",
    "clip_ratio/region_mean": "clipped",
    "loss": "loss",
    "grad_norm": "norm",
    "learning_rate": "rate",
    "step_time": "seconds_step",
}
"""What is kept of TRL's own metrics, and the name that it gets."""


@dataclass(frozen=True, slots=True)
class Row:
    """Ids of a question and of the answer that the model wrote; ``worth`` is its advantage."""

    asked: Sequence[int]
    written: Sequence[int]
    worth: float


Play = Callable[["TurnTrainer", int], tuple[list[Row], dict[str, float]]]
"""Plays episodes of so many rows at most; also returns what was measured, over all processes."""


_Trainer: Any = GRPOTrainer
"""TRL's annotations are partial, and wrong for what an experimental ``rollout_func`` returns."""


class TurnTrainer(_Trainer):  # type: ignore[misc]  # see above
    """``play`` makes the episodes, ``run`` takes metrics and checkpoints, ``end`` is the token
    that ends an answer. Raises RunError for sharded weights."""

    def __init__(
        self,
        *,
        play: Play,
        run: RunFolder,
        clock: Clock,
        curriculum: Curriculum,
        end: int,
        config: GRPOConfig,
        **named: Any,
    ) -> None:
        self._play, self._run, self._clock, self._curriculum = play, run, clock, curriculum
        self._worth: list[float] = []
        self._measured: dict[str, float] = {}
        self._buffered_inputs: list[dict[str, Any]] | None
        os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
        super().__init__(args=config, reward_funcs=_unused, rollout_func=_rollout, **named)
        if self.is_fsdp_enabled:
            raise RunError("processes that share one model cannot play by themselves: use DDP")
        self.remove_callback(PrinterCallback)  # the run folder has the metrics
        self.eos_token_ids = [end]
        self.generation_config.eos_token_id = self.generation_kwargs["eos_token_id"] = [end]

    def write(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """What the model in training writes after each row of ids, its end included."""
        written: dict[int, list[int]] = {}
        order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
        self.model.train(False)
        # One context for all of it: the weights are cast once, not at each token.
        with self.accelerator.autocast():
            for start in range(0, len(order), _AT_ONCE):
                chosen = order[start : start + _AT_ONCE]
                asked = [list(prompts[at]) for at in chosen]
                made, _ = self._generate_single_turn(asked, None, {}, 1)
                written |= zip(chosen, made, strict=True)
        self.model.train()
        return [written[at] for at in range(len(prompts))]

    def played(self, count: int) -> dict[str, Any]:
        """A batch of ``count`` rows in the form that TRL takes from a ``rollout_func``.

        TRL wants a fixed number: rows that no episode needed hold one token that is not learned.
        """
        rows, self._measured = self._play(self, count)
        lacking = count - len(rows)
        self._worth = [*(row.worth for row in rows), *[0.0] * lacking]
        nothing = [self.eos_token_ids] * lacking
        return {
            "prompt_ids": [*(list(row.asked) for row in rows), *nothing],
            "completion_ids": [*(list(row.written) for row in rows), *nothing],
            "env_mask": [*([1] * len(row.written) for row in rows), *[[0]] * lacking],
            "logprobs": None,
        }

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return {**batch, "advantages": torch.tensor(self._worth, device=self.args.device)}

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """A micro-batch; a new batch is played when the last one is used up."""
        per_batch = self.args.steps_per_generation
        if self._step % (per_batch * self.num_iterations) == 0 or self._buffered_inputs is None:
            batch = self._generate_and_score_completions(generation_batch)
            self._buffered_inputs = micro_batches(batch, per_batch, self._kept(batch))
        return self._buffered_inputs[self._step % per_batch]

    def _kept(self, batch: dict[str, Any]) -> int:
        """How many rows are learned from: those with an advantage, of the process that has most.

        What TRL gathers has an entry a row, so all processes need the same number. With a
        distance to a reference model to pay for, rows without an advantage have a gradient, too.
        """
        advantages: Tensor = batch["advantages"]
        if self.beta != 0.0:
            return len(advantages)
        return int(self.accelerator.gather(advantages.ne(0).sum()[None]).max())

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **_: Any,
    ) -> tuple[Tensor, Tensor, None]:
        """Log-probabilities and entropies, (rows, completion tokens).

        Rows of like length are computed together, without columns that are padding in all of them,
        and no logits of a question. TRL's own way scores whole rows on a processor.
        """
        order, found = attention_mask.sum(1).argsort(), []
        width = attention_mask.shape[1]
        for rows in torch.split(order, batch_size or len(order)):
            used = attention_mask[rows].any(0).nonzero()
            first, stop = int(used.min()), int(used.max()) + 1
            kept = stop - (width - logits_to_keep)
            ids, mask = input_ids[rows, first:stop], attention_mask[rows, first:stop]
            with self.accelerator.autocast():
                out = model(
                    input_ids=ids, attention_mask=mask, logits_to_keep=kept + 1, use_cache=False
                )
            shares = (out.logits[:, :-1].float() / self.temperature).log_softmax(-1)
            logps = shares.gather(-1, ids[:, -kept:, None])[..., 0]
            entropies = -(shares.exp() * shares).sum(-1).detach()
            found.append([pad(part, (0, width - stop)) for part in (logps, entropies)])
        back = order.argsort()
        logps, entropies = (torch.cat(parts)[back] for parts in zip(*found, strict=True))
        return logps, entropies, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write a line of metrics into the run folder."""
        super().log(logs, start_time)
        if "loss" not in logs:
            return
        row = {name: logs[key] for key, name in _METRICS.items() if key in logs}
        learning = row.pop("seconds_step") - self._measured["seconds_rollouts"]
        self._run.log(
            {
                "step": self.state.global_step,
                "tokens": int(self.state.num_input_tokens_seen),
                "seconds": round(self._clock.seconds, 3),
                **{name: round(value, 6) for name, value in {**self._measured, **row}.items()},
                "seconds_learning": round(learning, 6),
            }
        )

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: the run folder says what there is to say."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        with checkpoint(self, self._run, self._clock) as folder:
            super()._save_checkpoint(model, trial)
            if folder is not None:
                write_json(folder / CURRICULUM, self._curriculum.state())


def micro_batches(batch: dict[str, Any], count: int, kept: int) -> list[dict[str, Any]]:
    """``count`` parts with rows of like length.

    They hold ``kept`` rows, at least one each: those that have an advantage, then the shortest of
    the others. The loss is divided by the tokens of all rows either way.
    """
    lengths = batch["prompt_mask"].sum(1) + batch["completion_mask"].sum(1)
    useless = batch["advantages"] == 0
    chosen = (lengths + useless * (lengths.max() + 1)).argsort()[: max(kept, count)]
    order = chosen[lengths[chosen].argsort()]
    return [
        {
            name: value[rows] if isinstance(value, Tensor) and value.dim() else value
            for name, value in batch.items()
        }
        for rows in torch.tensor_split(order, count)
    ]


def _rollout(prompts: list[Any], trainer: TurnTrainer) -> dict[str, Any]:
    return trainer.played(len(prompts))


def _unused(completions: list[Any], **_: Any) -> list[float]:
    """TRL wants a reward function; advantages come from the turns."""
    return [0.0] * len(completions)
