"""Counts and medians over results, as a dictionary for a file and as a table for a person."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rich.table import Table

from editloop.bench.results import TaskResult

_Z = 1.959964
"""Standard deviations of a 95% interval."""


def median_p90(values: Iterable[float]) -> dict[str, float | None]:
    """Median, and the 90th percentile as the nearest rank; None where there is no value."""
    ordered = sorted(values)
    if not ordered:
        return {"median": None, "p90": None}
    rank = math.ceil(0.9 * len(ordered)) - 1
    return {"median": round(statistics.median(ordered), 3), "p90": round(ordered[rank], 3)}


def summarize(
    results: Sequence[TaskResult], tasks: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """The summary of a run. ``tasks``: how many were asked for; ``settings`` are passed on."""
    solved = [result for result in results if result.solved]
    hidden = [result for result in results if result.solved_hidden is not None]
    return {
        "tasks": tasks,
        "done": len(results),
        "solved": len(solved),
        "hidden_tasks": len(hidden),
        "solved_hidden": sum(bool(result.solved_hidden) for result in hidden),
        "seconds": _spread(results, "seconds"),
        "candidates": _spread(results, "candidates"),
        "edit_size": {"solved": median_p90(r.edit_size for r in solved if r.edit_size is not None)},
        "timeouts": sum(result.timed_out for result in results),
        "errors": sum(result.failed for result in results),
        "nothing_wrong": sum(result.solved and not result.edit_size for result in results),
        "settings": settings,
    }


def summary_table(summary: dict[str, Any]) -> Table:
    """The summary for a terminal."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    done, tasks = summary["done"], summary["tasks"]
    table.add_row("tasks", str(tasks) if done == tasks else f"{tasks}, {done} done")
    table.add_row("solved, visible tests", _of(summary["solved"], done))
    table.add_row("solved, hidden tests", _of(summary["solved_hidden"], summary["hidden_tasks"]))
    for key, unit in (("seconds", " s"), ("candidates", "")):
        for group in ("all", "solved"):
            table.add_row(f"{key}, {group}", _spread_text(summary[key][group], unit))
    table.add_row("edit size, solved", _spread_text(summary["edit_size"]["solved"], " tokens"))
    table.add_row("time-outs", str(summary["timeouts"]))
    table.add_row("errors", str(summary["errors"]))
    return table


def _spread(results: Sequence[TaskResult], key: str) -> dict[str, dict[str, float | None]]:
    return {
        "all": median_p90(getattr(result, key) for result in results),
        "solved": median_p90(getattr(result, key) for result in results if result.solved),
    }


def _of(count: int, total: int) -> str:
    return f"{count} of {total} ({count / total:.1%})" if total else "-"


def _spread_text(spread: dict[str, float | None], unit: str) -> str:
    if spread["median"] is None:
        return "-"
    return f"median {spread['median']:g}{unit}, p90 {spread['p90']:g}{unit}"


def wilson(hits: float, of: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share."""
    share = hits / of
    middle = (share + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    half = math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2)) * _Z / (1 + _Z**2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)


class Alone(NamedTuple):
    """Tasks that only the first solves, only the second, and the chance of such a difference where
    none is (McNemar's exact test, two-sided)."""

    first: int
    second: int
    p: float

    def __str__(self) -> str:
        return f"{self.first}, {self.second}, {self.p:.2g}"


def alone(first: Sequence[bool], second: Sequence[bool]) -> Alone:
    """Tasks that one of two runs alone solves; both lists are of the same tasks, in one order."""
    a = sum(x and not y for x, y in zip(first, second, strict=True))
    b = sum(y and not x for x, y in zip(first, second, strict=True))
    tail = sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b)
    return Alone(a, b, min(1.0, 2 * tail))
