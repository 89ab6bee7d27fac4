"""The commands that make training data with a pretrained model; ``editloop train`` mounts them."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

_Model = Annotated[
    list[str],
    typer.Option("--model", help="Name in the store, or path of a GGUF; repeatable."),
]
_Threads = Annotated[int | None, typer.Option(min=1, help="Of the model; measured by default.")]
_Minutes = Annotated[
    float | None, typer.Option(help="Stop after this time; the same command goes on from there.")
]


def _step_back() -> None:
    """Lower the priority of a command that runs for hours: all else on the machine comes first."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)


def faulty(
    mbpp: Annotated[Path, typer.Argument(help="MBPP; its training and validation programs.")],
    model: _Model,
    out: Annotated[Path, typer.Option(help="The task file.")],
    rounds: Annotated[int, typer.Option(min=1, help="Times that each problem is asked.")] = 1,
    samples: Annotated[int, typer.Option(min=1, help="Programs a problem and round.")] = 2,
    batch: Annotated[int, typer.Option(min=1, help="Problems decoded together.")] = 8,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampling.")] = 0.9,
    max_tokens: Annotated[int, typer.Option(min=8, help="Of a program.")] = 160,
    shown: Annotated[int, typer.Option(min=0, max=3, help="Tests in the prompt.")] = 1,
    visible: Annotated[int, typer.Option(min=1, max=3, help="Visible tests of a task.")] = 1,
    threads: _Threads = None,
    seed: Annotated[int, typer.Option(help="Other seeds give other programs.")] = 0,
    minutes: _Minutes = None,
) -> None:
    """Have a model write programs, and keep those that fail their tests as tasks."""
    from editloop.model.child import open_model
    from editloop.models import find_model
    from editloop_trainer.faulty import FaultySettings, build_faulty

    _step_back()
    paths = [find_model(name) for name in model]
    loads = [(path.stem, partial(open_model, path, n_ctx=8192, threads=threads)) for path in paths]
    settings = FaultySettings(seed, temperature, max_tokens, batch, samples, shown, visible)
    rows, complete = build_faulty(
        mbpp, out, loads, settings=settings, rounds=rounds, minutes=minutes
    )
    ending = "complete" if complete else "stopped early: the same command goes on"
    Console().print(f"{rows} rows, {ending}")
    _describe(out)


def _describe(out: Path) -> None:
    """How many programs fail in which way, and how far they are from their references."""
    from editloop_trainer.faulty import edit_distance, known

    tasks = known(out)
    table = Table("kind", "programs", "mean edit distance")
    distances = {task.id: edit_distance(task.buggy, task.fixed or "") for task in tasks}
    kinds = Counter(dict(task.meta).get("kind", "") for task in tasks)
    for kind, count in kinds.most_common():
        mine = [distances[t.id] for t in tasks if dict(t.meta).get("kind") == kind]
        table.add_row(kind, str(count), f"{sum(mine) / count:.0f}")
    if tasks:
        table.add_row("all", str(len(tasks)), f"{sum(distances.values()) / len(tasks):.0f}")
    Console().print(table)


def repairs(
    tasks: Annotated[Path, typer.Argument(exists=True, help="Faulty programs, a task file.")],
    model: Annotated[str, typer.Option(help="Name in the store, or path of a GGUF.")],
    out: Annotated[Path, typer.Option(help="The episodes, JSON lines.")],
    samples: Annotated[int, typer.Option(min=1, help="Answers at a place.")] = 4,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampling.")] = 0.8,
    max_tokens: Annotated[int, typer.Option(min=8, help="Of an answer.")] = 48,
    batch: Annotated[int, typer.Option(min=1, help="Places asked together.")] = 8,
    turns: Annotated[int, typer.Option(min=1, help="Most edits of an episode.")] = 3,
    threads: _Threads = None,
    seed: Annotated[int, typer.Option(help="Other seeds give other answers.")] = 0,
    minutes: _Minutes = None,
) -> None:
    """Have a code model fill gaps in faulty programs, and keep the smallest edits that pass."""
    from editloop.model.backend import ModelError
    from editloop.model.child import open_model
    from editloop.models import find_model
    from editloop_trainer.repairs import RepairSettings, build_repairs

    _step_back()
    filler = open_model(find_model(model), n_ctx=8192, threads=threads)
    if not filler.fills:
        raise ModelError(f"{model} has no fill-in tokens: choose a code model")
    settings = RepairSettings(seed, samples, temperature, max_tokens, batch, turns)
    rows, complete = build_repairs(tasks, out, filler, settings=settings, minutes=minutes)
    ending = "complete" if complete else "stopped early: the same command goes on"
    Console().print(f"{rows} rows, {ending}")
