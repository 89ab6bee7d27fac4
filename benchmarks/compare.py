"""Compares two results of `editloop bench` on the same tasks: the model's search and uniform order.

Run: python benchmarks/compare.py RESULTS_MODEL RESULTS_UNIFORM

`candidates` are verifications until the first fix. The ratio is taken over the tasks that both
solve, without those that had nothing wrong.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from editloop.bench import TaskResult
from editloop.bench.results import BenchError, read_results


def compare(model: Mapping[str, TaskResult], uniform: Mapping[str, TaskResult]) -> dict[str, Any]:
    """Counts over the tasks in both; medians are None where no task is solved by both."""
    shared = [task for task in model if task in uniform]
    both = [
        (model[task].candidates, uniform[task].candidates)
        for task in shared
        if model[task].solved and uniform[task].solved
    ]
    searched = [(a, b) for a, b in both if a and b]
    ratios = [a / b for a, b in searched]
    return {
        "tasks": len(shared),
        "solved": _counts(model, uniform, shared, "solved"),
        "solved_hidden": _counts(model, uniform, shared, "solved_hidden"),
        "both": len(both),
        "only_model": sum(model[t].solved and not uniform[t].solved for t in shared),
        "only_uniform": sum(uniform[t].solved and not model[t].solved for t in shared),
        "median_candidates": tuple(
            statistics.median(values) if values else None
            for values in ([a for a, _ in searched], [b for _, b in searched])
        ),
        "median_ratio": statistics.median(ratios) if ratios else None,
    }


def _counts(
    model: Mapping[str, TaskResult],
    uniform: Mapping[str, TaskResult],
    tasks: Sequence[str],
    key: str,
) -> tuple[int, int]:
    first, second = (
        sum(bool(getattr(results[task], key)) for task in tasks) for results in (model, uniform)
    )
    return first, second


def table(found: Mapping[str, Any]) -> Table:
    """The comparison, a column for each."""
    made = Table(box=None, pad_edge=False)
    for name in (f"{found['tasks']} tasks", "model", "uniform"):
        made.add_column(name, justify="left" if "tasks" in name else "right")
    made.add_row("solved, visible tests", *map(str, found["solved"]))
    made.add_row("solved, hidden tests", *map(str, found["solved_hidden"]))
    made.add_row("solved by this one alone", str(found["only_model"]), str(found["only_uniform"]))
    medians = ("-" if m is None else f"{m:g}" for m in found["median_candidates"])
    made.add_row(f"median candidates, {found['both']} solved by both", *medians)
    ratio = found["median_ratio"]
    made.add_row("median of candidates / uniform's", "-" if ratio is None else f"{ratio:.3f}", "1")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare two results of editloop bench.")
    parser.add_argument("model", type=Path)
    parser.add_argument("uniform", type=Path)
    options = parser.parse_args(argv)
    console = Console(highlight=False)
    try:
        found = compare(read_results(options.model), read_results(options.uniform))
    except (BenchError, OSError) as error:
        parser.error(str(error))
    if not found["tasks"]:
        parser.error("the two files have no task in common")
    console.print(table(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
