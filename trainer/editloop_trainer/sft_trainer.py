"""TRL's trainer within a run folder: its checkpoints, its budget, its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import broadcast  # type: ignore[import-untyped]  # it has no stubs
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.sft_trainer import SFTTrainer

from editloop_trainer.run import Budget, RunFolder, rate_factor

OnStep = Callable[[float], None]
"""Called after each step with the share of the budget that is spent."""
_NAMES = {
    "loss": "loss",
    "mean_token_accuracy": "accuracy",
    "entropy": "entropy",
    "grad_norm": "grad_norm",
    "learning_rate": "rate",
}
"""TRL's names of what is logged, and those of the metrics file."""


@dataclass(frozen=True, slots=True)
class SftSettings:
    """One fine-tuning. A step has ``batch`` packed rows of ``context`` tokens.

    ``rate`` None: 2e-4 for an adapter, 2e-5 for all weights. It warms up, stays, and falls to zero
    from ``decay_from`` of the budget on, which is the first of ``minutes``, ``steps``, ``epochs``.
    """

    minutes: float | None = None
    steps: int | None = None
    epochs: float = 1.0
    full: bool = False
    rank: int = 64
    alpha: int = 16
    context: int = 2048
    batch: int = 8
    accumulate: int = 1
    rate: float | None = None
    warmup: float = 0.03
    decay_from: float = 0.3
    seed: int = 0
    log_steps: int = 10
    checkpoint_seconds: float = 300.0
    report_to: str = "tensorboard"

    @property
    def peak_rate(self) -> float:
        return self.rate or (2e-5 if self.full else 2e-4)


class Clock:
    """Seconds and tokens of all parts of an interrupted run, and the share of the budget."""

    def __init__(self, settings: SftSettings) -> None:
        self.seconds, self.tokens = 0.0, 0
        self.budget = Budget(settings.minutes, settings.steps)
        self._mark: float | None = None

    @property
    def running(self) -> bool:
        """Whether training has begun: the checkpoint was read."""
        return self._mark is not None

    def start(self) -> None:
        self._mark = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        if self._mark is not None:
            self.seconds += now - self._mark
        self._mark = now

    def spent(self, step: int) -> float:
        return self.budget.spent(step, self.seconds)


class RunTrainer(SFTTrainer):
    """TRL's trainer with the run folder's checkpoints and the budget's learning rate."""

    def __init__(self, run: RunFolder, settings: SftSettings, **arguments: Any) -> None:
        self.run, self.settings, self.clock = run, settings, Clock(settings)
        super().__init__(**arguments)

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> Any:
        self.clock.budget = Budget(self.settings.minutes, num_training_steps)
        if self.lr_scheduler is None:
            chosen = optimizer or self.optimizer
            assert chosen is not None  # the trainer makes it before
            self.lr_scheduler = LambdaLR(chosen, self._factor)
        return self.lr_scheduler

    def _factor(self, step: int) -> float:
        return rate_factor(self.clock.spent(step), self.settings.warmup, self.settings.decay_from)

    def training_step(self, model: Any, inputs: dict[str, Any], *rest: Any) -> Any:
        self.clock.tokens += inputs["input_ids"].numel() * self.args.world_size
        return super().training_step(model, inputs, *rest)  # type: ignore[no-untyped-call]  # trl's

    def create_model_card(self, *arguments: Any, **named: Any) -> None:
        """None: the run folder says what there is to say."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        save, clock = super()._save_checkpoint, self.clock
        # transformers chooses the folder's name: it is the run's.
        folder = self.run.checkpoint(self.state.global_step, clock.seconds, clock.tokens)
        with folder if self.args.should_save else nullcontext():
            self.accelerator.wait_for_everyone()
            save(model, trial)  # type: ignore[no-untyped-call]  # trl's
            self.accelerator.wait_for_everyone()


class Keeper(TrainerCallback):
    """Ends the run with its budget, asks for checkpoints, and writes the metrics."""

    def __init__(self, trainer: RunTrainer, on_step: OnStep) -> None:
        self._trainer, self._on_step = trainer, on_step
        self._saved = trainer.clock.seconds
        self._logged = trainer.clock.tokens, trainer.clock.seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._trainer.clock.start()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        clock, processes = self._trainer.clock, self._trainer.accelerator.num_processes
        clock.tick()
        if processes > 1:  # one clock for all: the rate and the end depend on it
            told = torch.tensor(clock.seconds, device=self._trainer.accelerator.device)
            clock.seconds = float(broadcast(told))
        spent = clock.spent(state.global_step)
        late = clock.seconds - self._saved >= self._trainer.settings.checkpoint_seconds
        if spent >= 1.0:
            control.should_training_stop = control.should_log = True
        if late or spent >= 1.0:
            control.should_save = True
            self._saved = clock.seconds
        self._on_step(spent)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._trainer.clock.start()  # what it took is no training

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        clock = self._trainer.clock
        tokens, seconds = self._logged
        speed = (clock.tokens - tokens) / max(clock.seconds - seconds, 1e-9)
        self._logged = clock.tokens, clock.seconds
        row = {name: logs[key] for key, name in _NAMES.items() if key in logs}
        self._trainer.run.log(
            {
                "step": state.global_step,
                "tokens": clock.tokens,
                "seconds": round(clock.seconds, 3),
                **row,
                "tokens_per_second": round(speed, 1),
            }
        )
