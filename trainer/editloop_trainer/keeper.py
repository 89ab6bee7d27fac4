"""What the trainers of TRL do within a run folder: its clock, its checkpoints, its budget."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast  # type: ignore[import-untyped]  # it has no stubs
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from editloop_trainer.run import Budget, Checkpoint, RunFolder

OnStep = Callable[[float, dict[str, Any]], None]
"""Called after each step with the share of the budget that is spent, and the last metrics."""


class Clock:
    """Seconds and tokens of all parts of an interrupted run, and the share of the budget."""

    def __init__(self, budget: Budget, found: Checkpoint | None = None) -> None:
        """``found``: the checkpoint that a run goes on from."""
        self.budget = budget
        self.seconds, self.tokens = (found.seconds, found.tokens) if found else (0.0, 0)
        self._mark: float | None = None

    @property
    def running(self) -> bool:
        """Whether training has begun: the checkpoint was read."""
        return self._mark is not None

    def start(self) -> None:
        """Count from now on: what came before was no training."""
        self._mark = time.monotonic()

    def tick(self) -> None:
        """Add the time since the last call, or since the start."""
        now = time.monotonic()
        self.seconds += now - (self._mark or now)
        self._mark = now

    def spent(self, step: int) -> float:
        """The share of the budget after so many steps, 1 or more at the end."""
        return self.budget.spent(step, self.seconds)


class Keeper(TrainerCallback):
    """Ends the run with its budget and asks for checkpoints, in all processes at the same step."""

    def __init__(
        self, run: RunFolder, clock: Clock, checkpoint_seconds: float, on_step: OnStep
    ) -> None:
        self._run, self._clock, self._on_step = run, clock, on_step
        self._seconds = checkpoint_seconds
        self._saved = clock.seconds

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._clock.start()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        clock = self._clock
        clock.tick()
        # One clock for all processes: the learning rate and the end depend on it.
        clock.seconds = float(broadcast(torch.tensor(clock.seconds, device=args.device)))
        spent = clock.spent(state.global_step)
        if spent >= 1.0:
            control.should_training_stop = control.should_log = True
        if spent >= 1.0 or clock.seconds - self._saved >= self._seconds:
            control.should_save = True
            self._saved = clock.seconds
        self._on_step(spent, self._run.last)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._clock.start()  # what it took is no training


@contextmanager
def known_warnings() -> Iterator[None]:
    """Without those that cannot be helped here: peft and TRL ask transformers for gradient
    checkpointing by its former name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


@contextmanager
def checkpoint(trainer: Any, run: RunFolder, clock: Clock) -> Iterator[Path | None]:
    """A checkpoint that all processes write, complete when the last of them has.

    Yields its folder to the first process and None to the others. transformers chooses the same
    name as the run. Raises RunError where it cannot be written.
    """
    first = trainer.accelerator.is_main_process
    writing = run.checkpoint(trainer.state.global_step, clock.seconds, clock.tokens)
    with writing if first else nullcontext() as folder:
        trainer.accelerator.wait_for_everyone()
        yield folder
        trainer.accelerator.wait_for_everyone()
