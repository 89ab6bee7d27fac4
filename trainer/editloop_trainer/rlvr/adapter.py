"""GRPO with an advantage for every turn: all that touches the experimental parts of TRL 1.16.

TRL brings the loss, the reference model, adapters, checkpoints and processes. Replaced are the
rollouts (``rollout_func``), the advantages (one for each token instead of one for each row), the
division into micro-batches (by length: rows differ tenfold) and the scoring of tokens (only what
the model wrote, a twentieth of a row, goes through the output layer). The last two suit decoders
whose logits are the output layer's alone, such as Llama's and Qwen's.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import pad

from editloop_trainer.run import RunFolder

_METRICS = {
    "reward": "reward",
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
    """An episode for the loss. All three have one entry for each token; ``worth`` is the
    advantage of the turn in which the model wrote it, 0 elsewhere."""

    ids: Sequence[int]
    written: Sequence[bool]
    worth: Sequence[float]
    reward: float


Play = Callable[["TurnTrainer", int], tuple[list[Row], dict[str, float]]]
"""Plays this many episodes in this process; also returns what was measured, over all processes."""


_Trainer: Any = GRPOTrainer
"""TRL's annotations are partial, and wrong for what an experimental ``rollout_func`` returns."""


@contextmanager
def known_warnings() -> Iterator[None]:
    """Without those that cannot be helped here: peft and TRL ask transformers for gradient
    checkpointing by its former name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


class TurnTrainer(_Trainer):  # type: ignore[misc]  # see above
    """``play`` makes the episodes, ``folder`` takes metrics and checkpoints.

    ``extra_state`` is written beside each checkpoint, by the first process.
    """

    def __init__(
        self,
        *,
        model: Any,
        tokenizer: Any,
        config: GRPOConfig,
        play: Play,
        folder: RunFolder,
        clock: Callable[[], float],
        extra_state: Callable[[Any], None],
        rows: Any,
        callbacks: list[Any],
        peft_config: Any = None,
    ) -> None:
        self._play, self._folder, self._clock = play, folder, clock
        self._extra_state = extra_state
        self._rows: list[Row] = []
        self._measured: dict[str, float] = {}
        self._scored = torch.zeros(0)
        self._buffered_inputs: list[dict[str, Any]] | None
        os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
        super().__init__(
            model=model,
            reward_funcs=_reward,
            args=config,
            train_dataset=rows,
            processing_class=tokenizer,
            rollout_func=_rollout,
            callbacks=callbacks,
            peft_config=peft_config,
        )
        self.remove_callback(PrinterCallback)  # the run folder has the metrics
        for scored in (self.model, self.ref_model):
            if scored is not None:
                _score_written(self.accelerator.unwrap_model(scored), self.temperature)

    def played(self, rows: int) -> dict[str, Any]:
        """One batch in the form that TRL takes from a ``rollout_func``.

        The first token is the prompt and all others the completion: TRL then pads on the right
        alone.
        """
        self._rows, self._measured = self._play(self, rows)
        return {
            "prompt_ids": [list(row.ids[:1]) for row in self._rows],
            "completion_ids": [list(row.ids[1:]) for row in self._rows],
            "env_mask": [[int(flag) for flag in row.written[1:]] for row in self._rows],
            "logprobs": None,
            "episode_reward": [row.reward for row in self._rows],
        }

    def _generate(self, prompts: list[Any]) -> Any:
        before = self.state.num_input_tokens_seen
        result = super()._generate(prompts)
        # TRL counts a row without what its observations say.
        seen = self._measured["row_tokens"] * self._measured["episodes"]
        self.state.num_input_tokens_seen = before + round(seen)
        flags = [torch.tensor(row.written[1:]) for row in self._rows]
        self._scored = pad(flags, padding_value=0, padding_side="right").to(self.args.device)
        return result

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        worth = [torch.tensor(row.worth[1:]) for row in self._rows]
        worth_rows = pad(worth, padding_value=0, padding_side="right").to(self.args.device)
        assert worth_rows.shape == batch["completion_ids"].shape
        return {**batch, "advantages": worth_rows}

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
        return int(self.accelerator.gather(_useful(advantages).sum()[None]).max())

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._scored = inputs["tool_mask"].bool() & inputs["completion_mask"].bool()
        loss: Tensor = super()._compute_loss(model, inputs)
        return loss

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **_: Any,
    ) -> tuple[Tensor, Tensor, None]:
        """Log-probabilities and entropies, (rows, completion tokens), 0 where nothing was written.

        Rows are padded on the right, so that causal attention needs no mask.
        """
        lengths = attention_mask.sum(1)
        logps = torch.zeros(self._scored.shape, device=input_ids.device)
        entropies = torch.zeros_like(logps)
        for rows in lengths.argsort().chunk(-(-len(lengths) // (batch_size or len(lengths)))):
            longest = int(lengths[rows].max())
            scored = self._scored[rows, : longest - 1]
            with self.accelerator.autocast():
                found, spread = model(input_ids=input_ids[rows, :longest], scored=scored)
            at = (rows[:, None].expand_as(scored)[scored], scored.nonzero()[:, 1])
            logps = logps.index_put(at, found.float())
            entropies = entropies.index_put(at, spread.float())
        return logps, entropies, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log(logs, start_time)
        if "loss" not in logs:
            return
        row = {name: logs[key] for key, name in _METRICS.items() if key in logs}
        learning = row.pop("seconds_step") - self._measured["seconds_rollouts"]
        self._folder.log(
            {
                "step": self.state.global_step,
                "tokens": int(self.state.num_input_tokens_seen),
                "seconds": round(self._clock(), 3),
                **{name: round(value, 6) for name, value in {**self._measured, **row}.items()},
                "seconds_learning": round(learning, 6),
            }
        )

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: the run folder says what there is to say."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """All processes write; the checkpoint is complete when the last of them has."""
        step, first = self.state.global_step, self.accelerator.is_main_process
        if self._folder.holds(step):
            return
        writing = self._folder.checkpoint(step, self._clock()) if first else nullcontext()
        with writing as path:
            self.accelerator.wait_for_everyone()
            super()._save_checkpoint(model, trial)
            if first:
                self._extra_state(path)
            self.accelerator.wait_for_everyone()


def micro_batches(batch: dict[str, Any], count: int, kept: int) -> list[dict[str, Any]]:
    """``count`` parts with rows of like length, each cut to its longest row.

    They hold ``kept`` rows, at least one each: those that have an advantage, then the shortest of
    the others. The loss is divided by the tokens of all rows either way.
    """
    mask = batch["completion_mask"]
    lengths, width = mask.sum(1), mask.shape[1]
    useless = ~_useful(batch["advantages"])
    chosen = (lengths + useless * (width + 1)).argsort()[: max(kept, count)]
    order = chosen[lengths[chosen].argsort()]
    parts = []
    for rows in torch.tensor_split(order, count):
        longest = int(lengths[rows].max())
        part = {}
        for name, value in batch.items():
            if isinstance(value, Tensor) and value.dim() == 2:
                value = value[rows]
                value = value[:, :longest] if value.shape[1] == width else value
            part[name] = value
        parts.append(part)
    return parts


def _useful(advantages: Tensor) -> Tensor:
    """Which rows have an advantage anywhere."""
    return advantages.ne(0).any(1)


def _rollout(prompts: list[Any], trainer: TurnTrainer) -> dict[str, Any]:
    return trainer.played(len(prompts))


def _reward(completions: list[Any], episode_reward: list[float], **_: Any) -> list[float]:
    return episode_reward


def _score_written(model: Any, temperature: float) -> None:
    """Let ``model(input_ids=..., scored=mask)`` return log-probabilities and entropies, each (n,),
    of the n tokens where ``mask`` (rows, tokens - 1) is set for the token to come.

    It has to happen in ``forward``: that is where DDP and FSDP watch the parameters.
    """
    inner = model.get_base_model() if hasattr(model, "peft_config") else model
    plain = inner.forward

    def forward(*args: Any, scored: Tensor | None = None, **kwargs: Any) -> Any:
        if scored is None:
            return plain(*args, **kwargs)
        ids = kwargs["input_ids"]
        hidden = inner.base_model(input_ids=ids, use_cache=False).last_hidden_state
        logits = inner.get_output_embeddings()(hidden[:, :-1][scored]).float() / temperature
        shares = logits.log_softmax(-1)
        found = shares.gather(-1, ids[:, 1:][scored][:, None])[:, 0]
        return found, -(shares.exp() * shares).sum(-1).detach()

    inner.forward = forward
