"""A run of reinforcement learning: from a fine-tuned folder and a task file to a better folder.

The same command runs on one processor, or under ``torchrun`` or ``accelerate launch`` on several
(DDP). What is played is written by the model itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset  # type: ignore[import-untyped]  # it has no stubs
from peft import PeftModel
from transformers import TrainerCallback

from editloop.sandbox.level import LevelReport
from editloop.tasks import Task, read_tasks
from editloop_trainer.encode import load_base, rendering_of
from editloop_trainer.keeper import Clock, Keeper, OnStep, known_warnings
from editloop_trainer.rendering import Rendering
from editloop_trainer.reward import RewardSettings
from editloop_trainer.rlvr.adapter import CURRICULUM, TurnTrainer
from editloop_trainer.rlvr.curriculum import Curriculum
from editloop_trainer.rlvr.episodes import Table
from editloop_trainer.rlvr.games import make_game
from editloop_trainer.rlvr.judge import Judge, trusted_level
from editloop_trainer.rlvr.player import Player
from editloop_trainer.rlvr.settings import RlvrSettings, make_config
from editloop_trainer.run import Budget, RunError, RunFolder
from editloop_trainer.sft import load_model, lora, save_result


def train_rlvr(
    base_folder: Path,
    task_file: Path,
    out: Path,
    settings: RlvrSettings,
    *,
    reward: RewardSettings = RewardSettings(),
    workers: int | None = None,
    sandbox: LevelReport | None = None,
    on_step: OnStep = lambda spent, row: None,
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
    table = Table(make_game(rendering, base), base, settings.limits)
    tasks = _fitting(task_file, table, settings.groups)
    config = make_config(out, settings, table.rows)
    told = {"reward": asdict(reward), "base": str(base_folder), "rendering": rendering.value}
    run = RunFolder(
        out,
        {**asdict(settings), **told},
        data=[task_file, base_folder],
        writes=config.process_index == 0,
    )
    found = run.resume()
    clock, curriculum = Clock(Budget(settings.minutes, settings.steps), found), Curriculum(tasks)
    if found:
        curriculum.restore(json.loads((found.path / CURRICULUM).read_text()))
    with Judge(workers, sandbox) as judge, known_warnings():
        copies, seed = settings.generations, settings.seed
        trainer = TurnTrainer(
            play=Player(tasks, curriculum, table, judge, copies, reward, seed),
            run=run,
            clock=clock,
            curriculum=curriculum,
            end=table.end,
            config=config,
            model=_model(whole, adapter, settings),
            processing_class=base.tokenizer,
            # TRL draws rows from a dataset; tasks are drawn by the player, from its curriculum.
            train_dataset=Dataset.from_dict({"prompt": ["episode"] * 1024 * settings.groups}),
            callbacks=[Keeper(run, clock, settings.checkpoint_seconds, on_step), *callbacks],
            peft_config=None if adapter or not settings.rank else lora(settings.rank),
        )
        trainer.train(resume_from_checkpoint=str(found.path) if found else None)
    if trainer.is_world_process_zero():
        save_result(trainer.accelerator.unwrap_model(trainer.model), run, base)
    return run


def _fitting(file: Path, table: Table, groups: int) -> dict[str, Task]:
    """The tasks of a file by id. Raises RunError for fewer than one step plays."""
    tasks = {task.id: task for task in table.fitting(list(read_tasks(file)))}
    if len(tasks) < groups:
        raise RunError(f"{file} has {len(tasks)} tasks that fit, a step needs more")
    return tasks


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
