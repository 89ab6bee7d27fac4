"""A run of reinforcement learning: from a fine-tuned folder and a task file to a better folder.

The same command runs on one processor, or under ``torchrun`` or ``accelerate launch`` on several
(DDP). Rollouts come from the model itself, or from vLLM for models that are too slow that way.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast  # type: ignore[import-untyped]  # it has no stubs
from datasets import Dataset  # type: ignore[import-untyped]  # it has no stubs
from peft import LoraConfig, PeftModel
from transformers import TrainerCallback
from trl.trainer.grpo_config import GRPOConfig

from editloop.sandbox.level import LevelReport
from editloop.tasks import Task, read_tasks
from editloop_trainer.encode import Base, load_base, rendering_of
from editloop_trainer.files import write_json
from editloop_trainer.rendering import Rendering
from editloop_trainer.reward import RewardSettings
from editloop_trainer.rlvr import places
from editloop_trainer.rlvr.adapter import Row, TurnTrainer, known_warnings
from editloop_trainer.rlvr.curriculum import Curriculum
from editloop_trainer.rlvr.dialect import Dialect
from editloop_trainer.rlvr.episodes import Limits
from editloop_trainer.rlvr.generate import Sampling, TorchWriter, Writer
from editloop_trainer.rlvr.judge import Judge, trusted_level
from editloop_trainer.rlvr.player import OpenWriter, Player
from editloop_trainer.rlvr.rollouts import Played, fitting, play
from editloop_trainer.rlvr.vllm import VllmWriter
from editloop_trainer.run import Budget, RunError, RunFolder
from editloop_trainer.sft import load_model, save_result

CURRICULUM = "curriculum.json"
ENDLESS = 1_000_000
"""Steps of a run that ends with its minutes."""
OnStep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class RlvrSettings:
    """Defaults are those of Chain-of-Edits (arXiv 2507.05065) where it names them.

    A step plays ``groups`` tasks, ``generations`` episodes each, in all processes together, and
    trains on them in micro-batches of ``micro`` episodes, ``iterations`` times. ``rank`` 0 trains
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
    vllm: bool = False
    seed: int = 0
    checkpoint_seconds: float = 300.0

    @property
    def limits(self) -> Limits:
        return Limits(self.turns, self.tokens, self.command)

    @property
    def peak_rate(self) -> float:
        return self.rate or (2e-5 if self.rank else 1e-5)


def train_rlvr(
    base_folder: Path,
    task_file: Path,
    out: Path,
    settings: RlvrSettings,
    *,
    reward: RewardSettings = RewardSettings(),
    workers: int | None = None,
    sandbox: LevelReport | None = None,
    on_start: Callable[[RunFolder], None] = lambda folder: None,
    on_step: OnStep = lambda spent: None,
    rendering: Rendering | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> RunFolder:
    """Train until the budget is spent; ``out/model`` is the result. Goes on from a checkpoint.

    ``base_folder``: a model, or a LoRA on one, which is then trained on. ``workers``: candidates
    verified at once in each process; ``sandbox``: by default what is detected; ``rendering``: by
    default that of the run which made the base. Raises RunError, TaskError, and UntrustedSandbox
    where a verdict could be forged.
    """
    trusted_level(sandbox)
    adapter, whole = split_adapter(base_folder)
    base = load_base(whole)
    rendering = rendering or rendering_of(base_folder, base.encoder)
    game = _game(rendering, base, settings)
    tasks = game.fitting(list(read_tasks(task_file)))
    if len(tasks) < settings.groups:
        raise RunError(f"{task_file} has {len(tasks)} tasks that fit, a step needs more")
    config = make_config(out, settings, game.parts)
    rank, world = config.process_index, config.world_size
    if settings.groups % world:
        raise RunError(f"{settings.groups} groups do not divide among {world} processes")
    folder = RunFolder(
        out,
        {
            **asdict(settings),
            "reward": asdict(reward),
            "base": str(base_folder),
            "rendering": rendering.value,
        },
        data=[task_file, base_folder],
        writes=rank == 0,
    )
    on_start(folder)
    found = folder.resume()
    clock = Clock(found.seconds if found else 0.0)
    curriculum = Curriculum(task.id for task in tasks)
    if found:
        curriculum.restore(json.loads((found.path / CURRICULUM).read_text()))
    with Judge(workers, sandbox) as judge, known_warnings():
        player = Player(
            tasks={task.id: task for task in tasks},
            curriculum=curriculum,
            play=partial(game.play, judge),
            open_writer=_writer(settings, game.end, game.pad),
            copies=settings.generations,
            parts=game.parts,
            empty=Row([game.pad] * 2, [False] * 2, [0.0] * 2, 0.0),
            reward=reward,
            seed=settings.seed,
        )
        trainer = TurnTrainer(
            model=_model(whole, adapter, settings),
            tokenizer=base.tokenizer,
            config=config,
            play=player,
            folder=folder,
            clock=clock,
            extra_state=lambda path: write_json(path / CURRICULUM, curriculum.state()),
            # TRL draws rows from a dataset; tasks are drawn by the player, from its curriculum.
            rows=Dataset.from_dict({"prompt": ["episode"] * 1024 * settings.groups}),
            callbacks=[Keeper(settings, clock, on_step), *callbacks],
            peft_config=None if adapter else _adapter(settings),
        )
        trainer.train(resume_from_checkpoint=str(found.path) if found else None)
    if trainer.is_world_process_zero():
        save_result(trainer.accelerator.unwrap_model(trainer.model), folder, base)
    return folder


@dataclass(frozen=True, slots=True)
class _Game:
    """How episodes are played in a rendering; ``parts``: rows of one, at most."""

    fitting: Callable[[Sequence[Task]], list[Task]]
    play: Callable[[Judge, Sequence[Task], int, Writer], Played]
    end: int
    pad: int
    parts: int = 1


def _game(rendering: Rendering, base: Base, settings: RlvrSettings) -> _Game:
    limits = settings.limits
    if rendering is Rendering.places:
        asks = places.PlaceDialect(base)
        return _Game(
            lambda tasks: places.fitting(tasks, asks, limits),
            lambda judge, tasks, n, writer: places.play(tasks, n, writer, judge, asks, limits),
            asks.end,
            asks.pad,
            places.ROWS_A_TURN * settings.turns,
        )
    if rendering is Rendering.direct:
        raise RunError("whole programs have no turns to practise: use --rendering places or chat")
    dialect = Dialect(base)
    return _Game(
        lambda tasks: fitting(tasks, dialect, limits),
        lambda judge, tasks, n, writer: play(tasks, n, writer, judge, dialect, limits),
        dialect.end,
        dialect.pad,
    )


def split_adapter(folder: Path) -> tuple[Path | None, Path]:
    """(LoRA, its base) where a folder is one of peft's, else (None, the folder itself).

    Raises RunError where the base is not here.
    """
    config = folder / "adapter_config.json"
    if not config.is_file():
        return None, folder
    base = Path(str(json.loads(config.read_text())["base_model_name_or_path"]))
    if not base.is_dir():
        raise RunError(f"{folder} is a LoRA on {base}, which is no folder here")
    return folder, base


def _model(base: Path, adapter: Path | None, settings: RlvrSettings) -> Any:
    model = load_model(base, full=adapter is None and not settings.rank)
    if adapter is None:
        return model
    return PeftModel.from_pretrained(model, str(adapter), is_trainable=True)


def make_config(out: Path, settings: RlvrSettings, parts: int = 1) -> GRPOConfig:
    """TRL's settings of a run. A step of the optimizer uses a whole batch of rollouts, each of
    which is ``parts`` rows."""
    cuda = torch.cuda.is_available()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    group = settings.generations * parts
    rows = settings.groups * group // world
    steps = max(1, -(-rows // settings.micro))
    while rows % steps:
        steps += 1
    return GRPOConfig(
        output_dir=str(out),
        max_steps=settings.steps or ENDLESS,
        per_device_train_batch_size=rows // steps,
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
        use_vllm=settings.vllm,
        vllm_importance_sampling_correction=False,
        vllm_mode="colocate",
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


class Clock:
    """Seconds of training over all parts of an interrupted run."""

    def __init__(self, before: float) -> None:
        self._before, self._started = before, time.monotonic()

    def __call__(self) -> float:
        return self._before + time.monotonic() - self._started


class Keeper(TrainerCallback):
    """Ends the run with its budget and asks for checkpoints, in all processes at the same step."""

    def __init__(self, settings: RlvrSettings, clock: Clock, on_step: OnStep) -> None:
        self._settings, self._clock, self._on_step = settings, clock, on_step
        self._saved = clock()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = self._clock()
        spent = Budget(self._settings.minutes, self._settings.steps).spent(state.global_step, now)
        late = now - self._saved >= self._settings.checkpoint_seconds
        flags = torch.tensor([spent >= 1.0, late], device=args.device)
        ended, save = broadcast(flags).tolist()
        control.should_training_stop |= ended
        if save or ended:
            control.should_save = True
            self._saved = now
        self._on_step(spent)


def _writer(settings: RlvrSettings, end: int, pad: int) -> OpenWriter:
    sampling = Sampling(end, pad, settings.command, settings.temperature)

    @contextmanager
    def own_model(trainer: TurnTrainer, generator: torch.Generator) -> Iterator[Writer]:
        if trainer.is_fsdp_enabled:
            raise RunError("sharded weights cannot write row by row: add --vllm, or use DDP")
        model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
        model.train(False)
        # One context for all of it: the weights are cast once, not at each token.
        with trainer.accelerator.autocast():
            yield TorchWriter(model, sampling, generator)
        model.train()

    @contextmanager
    def vllm(trainer: TurnTrainer, generator: torch.Generator) -> Iterator[Writer]:
        yield VllmWriter(trainer.vllm_generation, sampling)

    return vllm if settings.vllm else own_model


def _adapter(settings: RlvrSettings) -> LoraConfig | None:
    if not settings.rank:
        return None
    return LoraConfig(
        r=settings.rank, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"
    )
