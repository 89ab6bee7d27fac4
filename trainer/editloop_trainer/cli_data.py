"""The commands that make training data; ``editloop train`` mounts them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from editloop_trainer.cli_model import report_rows, show_counts

_Exclude = Annotated[
    list[Path] | None,
    typer.Option("--exclude", help="Benchmark files (task files, or MBPP) to keep out."),
]
_Workers = Annotated[int, typer.Option(help="Processes.")]
_Minutes = Annotated[
    float | None, typer.Option(help="Stop after this time; the same command goes on from there.")
]
_Seed = Annotated[int, typer.Option(help="The same seed gives the same bytes.")]


def corpus(
    roots: Annotated[list[Path], typer.Argument(help="Folders of source or of packages.")],
    out: Annotated[Path, typer.Option(help="The corpus file, JSON lines.")],
    exclude: _Exclude = None,
    mbpp: Annotated[Path | None, typer.Option(help="MBPP, for its training split.")] = None,
    workers: _Workers = 2,
    minutes: _Minutes = None,
) -> None:
    """Collect self-contained functions and classes out of Python source."""
    from editloop_trainer.corpus import build_corpus

    counts = build_corpus(
        roots, out, exclude=exclude or (), mbpp=mbpp, workers=workers, minutes=minutes
    )
    show_counts("package", counts)


def record(
    corpus_file: Annotated[Path, typer.Argument(help="A corpus file.")],
    out: Annotated[Path, typer.Option(help="The recorded tests, JSON lines.")],
    mbpp: Annotated[Path | None, typer.Option(help="MBPP, for its own assertions.")] = None,
    seed: _Seed = 0,
    workers: _Workers = 2,
    minutes: _Minutes = None,
) -> None:
    """Record what the functions of a corpus answer, as assertions."""
    from editloop_trainer.record import build_tests

    report_rows(
        *build_tests(corpus_file, out, mbpp=mbpp, seed=seed, workers=workers, minutes=minutes)
    )


def demos(
    corpus_file: Annotated[Path, typer.Argument(help="A corpus file.")],
    out: Annotated[Path, typer.Option(help="The demonstrations, JSON lines.")],
    tests_file: Annotated[Path | None, typer.Option("--tests", help="Recorded tests.")] = None,
    tested: Annotated[int, typer.Option(help="Demonstrations of a function with tests.")] = 40,
    plain: Annotated[int, typer.Option(help="Demonstrations of any other.")] = 4,
    several: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share with two to five faults.")
    ] = 0.33,
    recovery: Annotated[
        float, typer.Option(min=0, max=1, help="Share with a wrong edit that is taken back.")
    ] = 0.0,
    family: Annotated[
        list[str] | None, typer.Option(help="Only this family of corruptions; repeatable.")
    ] = None,
    seed: _Seed = 0,
    workers: _Workers = 2,
    minutes: _Minutes = None,
) -> None:
    """Write demonstrations: corruptions undone, with what the checks say in between."""
    from editloop_trainer.corruptions import training_families
    from editloop_trainer.demos import DemoSettings
    from editloop_trainer.mixture import build_demos, count_families

    settings = DemoSettings(
        seed=seed,
        tested=tested,
        plain=plain,
        several=several,
        recovery=recovery,
        families=_known(family, [f.name for f in training_families()]),
    )
    report_rows(
        *build_demos(
            corpus_file,
            out,
            tests=tests_file,
            settings=settings,
            workers=workers,
            minutes=minutes,
        )
    )
    show_counts("family", count_families(out))


def tasks(
    corpus_file: Annotated[Path, typer.Argument(help="A corpus file.")],
    tests_file: Annotated[Path, typer.Argument(help="Recorded tests.")],
    out: Annotated[Path, typer.Option(help="The task file.")],
    each: Annotated[int, typer.Option(help="Tasks of a function with tests.")] = 4,
    plain: Annotated[int, typer.Option(help="Tasks of any other.")] = 0,
    split: Annotated[str, typer.Option(help="train or dev functions.")] = "train",
    seed: _Seed = 0,
    workers: _Workers = 2,
    minutes: _Minutes = None,
) -> None:
    """Write corrupted modules with tests, for reinforcement learning and evaluation."""
    from editloop_trainer.tasks import TaskSettings, build_tasks

    settings = TaskSettings(seed=seed, each=each, plain=plain, split=split)
    report_rows(
        *build_tasks(
            corpus_file, tests_file, out, settings=settings, workers=workers, minutes=minutes
        )
    )


def validate(
    task_file: Annotated[Path, typer.Argument(help="A task file.")],
) -> None:
    """Check that each reference passes and each corrupted module fails."""
    from editloop_trainer.tasks import validate as find_problems

    console, count = Console(), 0
    for identity, problem in find_problems(task_file):
        console.print(f"{identity}: {problem}", markup=False)
        count += 1
    console.print(f"{count} bad tasks")
    raise typer.Exit(code=int(count > 0))


def benchset(
    source: Annotated[Path, typer.Argument(help="MBPP, or a task file to sample from.")],
    out: Annotated[Path, typer.Option(help="The task file.")],
    number: Annotated[int, typer.Option(help="Tasks.")] = 200,
    sample_only: Annotated[bool, typer.Option("--sample", help="Sample a task file.")] = False,
    family: Annotated[
        list[str] | None, typer.Option(help="Only this family of corruptions; repeatable.")
    ] = None,
    faults: Annotated[int, typer.Option(min=1, max=5, help="Corruptions of each program.")] = 1,
    split: Annotated[str, typer.Option(help="MBPP's; test is for evaluation only.")] = "test",
    seed: _Seed = 0,
) -> None:
    """Build the seeded benchmark: corrupted MBPP programs, or a sample of other tasks."""
    from editloop.tasks import write_tasks
    from editloop_trainer.benchset import build_benchset, sample
    from editloop_trainer.corruptions import FAMILIES

    names = _known(family, list(FAMILIES))
    if sample_only:
        chosen = sample(source, number, seed)
    else:
        families = tuple(FAMILIES[name] for name in names) or None
        chosen = build_benchset(
            source, number=number, seed=seed, families=families, faults=faults, split=split
        )
    Console().print(f"{write_tasks(out, chosen)} tasks in {out}")


def _known(names: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    """The names of families as given; none for None."""
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise typer.BadParameter(f"no family {unknown[0]}: there are {', '.join(known)}")
    return tuple(names or ())
