"""``editloop train prior``: the linear model that orders moves; and what its neighbours share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write.")]
console = Console(stderr=True, soft_wrap=True)


def report_rows(rows: int, complete: bool) -> None:
    """Say what a command wrote that goes on where it was stopped."""
    ending = "complete" if complete else "stopped early: the same command goes on"
    Console().print(f"{rows} rows, {ending}")


def show_counts(title: str, counts: Mapping[str, int]) -> None:
    """A table of how often each name occurs, the most frequent first."""
    table = Table(title, "rows")
    for name, number in Counter(counts).most_common():
        table.add_row(name, str(number))
    Console().print(table)


def prior(
    demonstrations: Annotated[list[Path], typer.Argument(exists=True, help="Of JSONL.")],
    out: Out,
    dev: Annotated[Path | None, typer.Option(exists=True, help="Held-out ones.")] = None,
    number: Annotated[int, typer.Option(min=1, help="Demonstrations to learn from.")] = 16_000,
    seed: Annotated[int, typer.Option(help="Of their choice.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.")] = None,
) -> None:
    """Fit the weights of the prior, which orders moves (see editloop.prior)."""
    import numpy as np

    from editloop_trainer.prior import examples, fit, ranks, sample_lines

    processes = workers or os.cpu_count() or 1
    lines = sample_lines(demonstrations, number, seed)
    source = track(examples(lines, processes), "states", console=console, total=len(lines))
    known = [one for one in source if one is not None]
    if not known:
        raise typer.BadParameter("no move makes what these demonstrations do")
    weights = fit(known, seed=seed)
    part = out.with_suffix(".part.npy")
    np.save(part, weights.astype(np.float16))
    os.replace(part, out)
    console.print(f"{out}: of {len(known)} states")
    if dev is not None:
        found = ranks(
            filter(None, examples(sample_lines([dev], 1000, seed), processes, None)), weights
        )
        console.print(
            f"of what a move undoes it is first in {found.first:.1%}, "
            f"among five in {found.five:.1%}, among fifty in {found.fifty:.1%}"
        )
