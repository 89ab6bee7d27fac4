"""Results of `editloop bench` side by side, a column for each run, as in docs/results.md.

Run: python benchmarks/compare.py model=MODEL.jsonl uniform=UNIFORM.jsonl

Only tasks that all runs have count. `candidates` are verifications until the first fix; they, and
the ratio to the second run's, are over the tasks that every run solves, without those that had
nothing wrong. p is McNemar's exact test of the first run and the other.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from editloop.bench import TaskResult
from editloop.bench.results import BenchError, read_results
from editloop.bench.summary import alone, median_p90, wilson
from editloop.tasks import TaskError, read_tasks

Run = Sequence[TaskResult]


def rows(runs: Sequence[Run], within: float) -> Iterator[tuple[str, ...]]:
    """Rows of the table; every run has the same tasks in the same order."""
    yield "solved, visible tests", *(f"{_solved(run)} of {len(run)}" for run in runs)
    yield "95% interval", *map(_interval, runs)
    yield (
        f"within {within:g} s",
        *(str(sum(r.solved and _first(r) <= within for r in run)) for run in runs),
    )
    yield "solved, hidden tests", *map(_hidden, runs)
    yield (
        "by the first candidate",
        *(str(sum(r.solved and r.candidates == 1 for r in run)) for run in runs),
    )
    if len(runs) > 1:
        passes = [[result.solved for result in run] for run in runs]
        yield (
            "solved by the first alone, by this one alone, p",
            "",
            *(str(alone(passes[0], run)) for run in passes[1:]),
        )
    both = [
        results
        for results in zip(*runs, strict=True)
        if all(result.solved and result.candidates for result in results)
    ]
    if both:
        columns = list(zip(*both, strict=True))
        yield (
            f"median candidates, {len(both)} tasks that all solve",
            *(f"{statistics.median(r.candidates for r in run):g}" for run in columns),
        )
        if len(runs) > 1:
            ratios = [first.candidates / second.candidates for first, second, *_ in both]
            yield "median of candidates / the second's", f"{statistics.median(ratios):.3f}"
    yield "seconds, all tasks: median, p90", *(_spread(run) for run in runs)
    yield (
        "seconds, solved tasks: median, p90",
        *(_spread([r for r in run if r.solved]) for run in runs),
    )


def _first(result: TaskResult) -> float:
    """Seconds until the first fix; of a result that does not tell them, until the end."""
    return result.seconds if result.first_seconds is None else result.first_seconds


def _solved(run: Run) -> int:
    return sum(result.solved for result in run)


def _interval(run: Run) -> str:
    low, high = wilson(_solved(run), len(run))
    return f"{_solved(run) / len(run):.1%}, {low:.0%} to {high:.0%}"


def _hidden(run: Run) -> str:
    """How many fixes pass the hidden tests, of the tasks that have some and of those solved."""
    judged = [result for result in run if result.solved_hidden is not None]
    passed = sum(bool(result.solved_hidden) for result in judged)
    visible = _solved(judged)
    return f"{passed} of {len(judged)}, of {visible} solved" if judged else "-"


def _spread(run: Run) -> str:
    found = median_p90(result.seconds for result in run)
    return "-" if found["median"] is None else f"{found['median']:.1f}, {found['p90']:.1f}"


def _same_tasks(
    runs: Sequence[Mapping[str, TaskResult]], chosen: set[str] | None
) -> list[list[TaskResult]]:
    shared = [
        task
        for task in runs[0]
        if all(task in run for run in runs) and (chosen is None or task in chosen)
    ]
    return [[run[task] for task in shared] for run in runs]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Results of editloop bench, side by side.")
    parser.add_argument("runs", nargs="+", metavar="NAME=RESULTS")
    parser.add_argument("--within", type=float, default=10.0, help="seconds")
    parser.add_argument("--tasks", type=Path, help="only those that this file has")
    options = parser.parse_args(argv)
    if bad := [run for run in options.runs if "=" not in run]:
        parser.error(f"not NAME=RESULTS: {bad[0]}")
    names, _, paths = zip(*(run.partition("=") for run in options.runs), strict=True)
    try:
        chosen = {task.id for task in read_tasks(options.tasks)} if options.tasks else None
        runs = _same_tasks([read_results(Path(path)) for path in paths], chosen)
    except (BenchError, TaskError, OSError) as error:
        parser.error(str(error))
    if not runs[0]:
        parser.error("the runs have no task in common")
    table = Table("", *names, box=MARKDOWN)
    for row in rows(runs, options.within):
        table.add_row(*row)
    Console(highlight=False, width=400).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
