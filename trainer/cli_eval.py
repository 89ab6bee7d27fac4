"""``editloop train eval``: the comparison of editing models with a direct answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

_NAME = re.compile(r"[\w@.+-]+")


def evaluate(
    out: Annotated[Path, typer.Argument(help="Folder of the report; goes on where it stopped.")],
    edits: Annotated[
        list[str] | None, typer.Option("--edits", help="NAME=GGUF that plays the edit loop.")
    ] = None,
    ranked: Annotated[
        list[str] | None,
        typer.Option("--ranked", help="NAME=GGUF that takes the best of all moves in each turn."),
    ] = None,
    careful: Annotated[
        list[str] | None,
        typer.Option("--careful", help="The same, where what does not help is taken back."),
    ] = None,
    direct: Annotated[
        list[str] | None, typer.Option("--direct", help="NAME=GGUF that answers at once.")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", help="NAME=FILE with tasks (repeatable).")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Attempts at each task.")] = 4,
    temperature: Annotated[float, typer.Option(min=0.01, help="Of sampling.")] = 0.8,
    limit: Annotated[int | None, typer.Option(min=1, help="Only N random tasks of a set.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sampling.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each process.")] = 1,
) -> None:
    """Compare models on tasks: pass@1 and pass@4, tokens, speed, and how often a reward is met.

    Every model gets the same attempts, sampled at one temperature. OUT gets report.md, report.json
    and report.png.
    """
    from trainer.attempts import AttemptSettings
    from trainer.evaluate import Contestant
    from trainer.evaluate import evaluate as compare

    models = [Contestant(name, path, "edits") for name, path in _named(edits, "--edits")]
    models += [Contestant(name, path, "ranked") for name, path in _named(ranked, "--ranked")]
    models += [Contestant(name, path, "careful") for name, path in _named(careful, "--careful")]
    models += [Contestant(name, path, "direct") for name, path in _named(direct, "--direct")]
    sets = dict(_named(tasks, "--tasks"))
    if not models or not sets:
        raise typer.BadParameter(
            "name at least one model (--edits, --ranked, --careful, --direct) and one --tasks"
        )
    if len({model.name for model in models}) < len(models):
        raise typer.BadParameter("two models have one name")
    settings = AttemptSettings(samples, temperature, seed, threads)
    compare(models, sets, out, settings, limit=limit, workers=workers)
    Console().print(Markdown((out / "report.md").read_text(encoding="utf-8")))


def _named(texts: Sequence[str] | None, option: str) -> list[tuple[str, Path]]:
    """NAME=PATH; a path alone is named after its file."""
    found = []
    for text in texts or ():
        name, equals, rest = text.partition("=")
        path = Path(rest if equals else text)
        name = name if equals else path.stem
        if not _NAME.fullmatch(name):
            raise typer.BadParameter(f"{option} {text}: a name has letters, digits and .@+-_ only")
        if not path.is_file():
            raise typer.BadParameter(f"{option} {text}: no such file")
        found.append((name, path))
    return found
