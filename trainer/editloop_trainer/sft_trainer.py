"""TRL's trainer within a run folder: its checkpoints, its learning rate, its metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from trl.trainer.sft_trainer import SFTTrainer

from editloop_trainer.keeper import Clock, checkpoint
from editloop_trainer.run import Budget, RunFolder, rate_factor

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

    @property
    def peak_rate(self) -> float:
        """The learning rate, chosen or by default."""
        return self.rate or (2e-5 if self.full else 2e-4)


class RunTrainer(SFTTrainer):
    """TRL's trainer with the run folder's checkpoints and the budget's learning rate."""

    def __init__(
        self, run: RunFolder, settings: SftSettings, clock: Clock, **arguments: Any
    ) -> None:
        self.run, self.settings, self.clock = run, settings, clock
        self._logged = clock.tokens, clock.seconds
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
        with checkpoint(self, self.run, self.clock):
            super()._save_checkpoint(model, trial)  # type: ignore[no-untyped-call]  # trl's

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write a line of metrics into the run folder."""
        super().log(logs, start_time)
        if "loss" not in logs:
            return
        clock = self.clock
        tokens, seconds = self._logged
        self._logged = clock.tokens, clock.seconds
        speed = (clock.tokens - tokens) / max(clock.seconds - seconds, 1e-9)
        self.run.log(
            {
                "step": self.state.global_step,
                "tokens": clock.tokens,
                "seconds": round(clock.seconds, 3),
                **{name: logs[key] for key, name in _NAMES.items() if key in logs},
                "tokens_per_second": round(speed, 1),
            }
        )
