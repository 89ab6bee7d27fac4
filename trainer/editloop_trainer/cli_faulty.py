"""The commands that make training data with a pretrained model; ``editloop train`` mounts them."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from editloop_trainer.cli_model import report_rows, show_counts

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
    threads: _Threads = None,
    seed: Annotated[int, typer.Option(help="Other seeds give other programs.")] = 0,
    minutes: _Minutes = None,
) -> None:
    """Have a model write programs, and keep those that fail their tests as tasks."""
    from editloop.model.child import open_model
    from editloop.model.store import find_model
    from editloop_trainer.faulty import FaultySettings, build_faulty, known

    _step_back()
    paths = [find_model(name) for name in model]
    loads = [(path.stem, partial(open_model, path, n_ctx=8192, threads=threads)) for path in paths]
    settings = FaultySettings(seed, temperature, max_tokens, batch, samples)
    rows, complete = build_faulty(
        mbpp, out, loads, settings=settings, rounds=rounds, minutes=minutes
    )
    report_rows(rows, complete)
    show_counts("kind", Counter(dict(task.meta).get("kind", "") for task in known(out)))


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
    from editloop.model.store import find_model
    from editloop_trainer.repairs import RepairSettings, build_repairs

    _step_back()
    filler = open_model(find_model(model), n_ctx=8192, threads=threads)
    if not filler.fills:
        raise ModelError(f"{model} has no fill-in tokens: choose a code model")
    settings = RepairSettings(seed, samples, temperature, max_tokens, batch, turns)
    rows, complete = build_repairs(tasks, out, filler, settings=settings, minutes=minutes)
    report_rows(rows, complete)
