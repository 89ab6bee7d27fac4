"""What can be chosen for a run of reinforcement learning, and what that means to TRL."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from trl.trainer.grpo_config import GRPOConfig

from editloop_trainer.rlvr.episodes import Limits
from editloop_trainer.run import RunError

_ENDLESS = 1_000_000
"""Steps of a run that ends with its minutes."""


@dataclass(frozen=True, slots=True)
class RlvrSettings:
    """Defaults are those of Chain-of-Edits (arXiv 2507.05065) where it names them.

    A step plays ``groups`` tasks, ``generations`` episodes each, in all processes together, and
    trains on them in micro-batches of ``micro`` rows, ``iterations`` times. ``rank`` 0 trains
    all weights, any other a LoRA adapter. ``rate`` None: 2e-5 for an adapter, 1e-5 for all weights.
    """

    minutes: float | None = None
    steps: int | None = None
    groups: int = 16
    generations: int = 4
    iterations: int = 1
    turns: int = 10
    tokens: int = 1536
    command: int = 96
    temperature: float = 1.0
    kl: float = 0.01
    clip: float = 0.2
    rate: float | None = None
    rank: int = 0
    micro: int = 8
    bfloat16: bool = True
    seed: int = 0
    checkpoint_seconds: float = 300.0

    @property
    def limits(self) -> Limits:
        """Bounds on one episode."""
        return Limits(self.turns, self.tokens, self.command)

    @property
    def peak_rate(self) -> float:
        """The learning rate, chosen or by default."""
        return self.rate or (2e-5 if self.rank else 1e-5)


def make_config(out: Path, settings: RlvrSettings, rows: int) -> GRPOConfig:
    """TRL's settings of a run whose episodes have ``rows`` rows each.

    A step of the optimizer uses a whole batch of rollouts. Raises RunError for groups that do not
    divide among the processes.
    """
    cuda, world = torch.cuda.is_available(), int(os.environ.get("WORLD_SIZE", "1"))
    if settings.groups % world:
        raise RunError(f"{settings.groups} groups do not divide among {world} processes")
    group = settings.generations * rows
    batch = settings.groups * group // world
    steps = max(1, -(-batch // settings.micro))
    while batch % steps:
        steps += 1
    return GRPOConfig(
        output_dir=str(out),
        max_steps=settings.steps or _ENDLESS,
        per_device_train_batch_size=batch // steps,
        gradient_accumulation_steps=steps,
        steps_per_generation=steps,
        num_generations=group,
        num_iterations=settings.iterations,
        beta=settings.kl,
        epsilon=settings.clip,
        loss_type="dapo",
        temperature=settings.temperature,
        max_completion_length=settings.command,
        learning_rate=settings.peak_rate,
        lr_scheduler_type="constant",
        optim="adamw_torch",
        bf16=settings.bfloat16,
        activation_checkpointing=cuda,
        use_cpu=not cuda,
        seed=settings.seed,
        ignore_data_skip=True,
        remove_unused_columns=False,
        dataloader_pin_memory=cuda,
        ddp_find_unused_parameters=False,
        logging_steps=1,
        save_strategy="no",  # the run's own clock asks for checkpoints
        report_to="none",
        disable_tqdm=True,
    )
