"""What attempts amount to: pass@k with confidence intervals, costs, one table and one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

KS = (1, 4)
_Z = 1.959964
"""Standard deviations of a 95% interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over tasks with its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one set. ``attempts_per_second`` is that of one worker; ``solved``: whether the
    first attempt at each task passes, in the order of the tasks."""

    model: str
    tasks_name: str
    tasks: int
    attempts: int
    pass_at: Mapping[int, Estimate]
    rewarded: Estimate
    tokens_per_attempt: float
    turns_per_attempt: float
    attempts_per_second: float
    solved: Sequence[bool]

    def row(self) -> dict[str, Any]:
        named = {f"pass@{k}": asdict(estimate) for k, estimate in self.pass_at.items()}
        return {
            "model": self.model,
            "set": self.tasks_name,
            "tasks": self.tasks,
            "attempts": self.attempts,
            **named,
            "rewarded": asdict(self.rewarded),
            "tokens_per_attempt": round(self.tokens_per_attempt, 1),
            "turns_per_attempt": round(self.turns_per_attempt, 2),
            "attempts_per_second": round(self.attempts_per_second, 2),
        }


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Unbiased estimate that one of ``k`` attempts passes, from ``samples`` (arXiv 2107.03374)."""
    if not 0 < k <= samples:
        raise ValueError(f"pass@{k} needs at least {k} attempts, there are {samples}")
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


def wilson(values: Sequence[float]) -> Estimate:
    """The mean over tasks with Wilson's score interval.

    Values between 0 and 1 spread at most as much as a coin of their mean, so for them the interval
    is wide enough; unlike a bootstrap it does not vanish where no task or every task is solved.
    """
    n, mean = len(values), sum(values) / len(values)
    middle = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = math.sqrt(mean * (1 - mean) / n + _Z**2 / (4 * n**2)) * _Z / (1 + _Z**2 / n)
    return Estimate(mean, max(0.0, middle - half), min(1.0, middle + half))


class Alone(NamedTuple):
    """Tasks that only the first solves, only the second, and the chance of such a difference where
    none is (McNemar's exact test, two-sided)."""

    first: int
    second: int
    p: float

    def __str__(self) -> str:
        return f"{self.first}, {self.second}, {self.p:.2g}"


def alone(first: Sequence[bool], second: Sequence[bool]) -> Alone:
    """Of the same tasks, in the same order: whether each solves them."""
    a = sum(x and not y for x, y in zip(first, second, strict=True))
    b = sum(y and not x for x, y in zip(first, second, strict=True))
    tail = sum(math.comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b)
    return Alone(a, b, min(1.0, 2 * tail))


def measure(model: str, tasks_name: str, rows: Sequence[Mapping[str, Any]]) -> Cell:
    """The cell of one file of attempts."""
    groups = [row["attempts"] for row in rows]
    every = [attempt for group in groups for attempt in group]
    samples = min(map(len, groups))
    counts = [(len(group), sum(a["passed"] for a in group)) for group in groups]
    return Cell(
        model,
        tasks_name,
        len(groups),
        len(every),
        {k: wilson([pass_at_k(n, c, k) for n, c in counts]) for k in KS if k <= samples},
        wilson([float(np.mean([a["rewarded"] for a in group])) for group in groups]),
        float(np.mean([a["tokens"] for a in every])),
        float(np.mean([a["turns"] for a in every])),
        len(every) / max(sum(a["seconds"] for a in every), 1e-9),
        [group[0]["passed"] for group in groups],
    )


def markdown(cells: Sequence[Cell]) -> str:
    """A line for each model and set; then, where there are several models, one for each two."""
    ks = sorted({k for cell in cells for k in cell.pass_at})
    head = ["set", "model", "tasks", *(f"pass@{k}" for k in ks), "attempts with a reward"]
    head += ["tokens an attempt", "turns", "attempts/s"]
    lines = [head, ["---"] * len(head)]
    for cell in cells:
        shown = [str(cell.pass_at[k]) if k in cell.pass_at else "-" for k in ks]
        lines.append(
            [
                cell.tasks_name,
                cell.model,
                str(cell.tasks),
                *shown,
                str(cell.rewarded),
                f"{cell.tokens_per_attempt:.0f}",
                f"{cell.turns_per_attempt:.1f}",
                f"{cell.attempts_per_second:.2f}",
            ]
        )
    return _table(lines) + _pairs(cells)


def _pairs(cells: Sequence[Cell]) -> str:
    """What the first attempts of two models solve at the same tasks, a column for each set."""
    solved = {(cell.model, cell.tasks_name): cell.solved for cell in cells}
    models, sets = (list(dict.fromkeys(column)) for column in zip(*solved, strict=True))
    if len(models) < 2:
        return ""
    lines = [["first attempts: alone, alone, p; either", *sets]]
    lines.append(["---"] * len(lines[0]))
    for pair in combinations(models, 2):
        line = [", ".join(pair)]
        for name in sets:
            first, second = (solved[model, name] for model in pair)
            either = sum(x or y for x, y in zip(first, second, strict=True))
            line.append(f"{alone(first, second)}; {either}")
        lines.append(line)
    return "\n" + _table(lines)


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def draw(cells: Sequence[Cell], out: Path) -> None:
    """Bars of pass@k by set and model, with their intervals, as a PNG."""
    matplotlib.use("Agg")
    sets = list(dict.fromkeys(cell.tasks_name for cell in cells))
    models = list(dict.fromkeys(cell.model for cell in cells))
    ks = sorted({k for cell in cells for k in cell.pass_at})
    size = (max(4.0, 1.6 * len(sets) + 1.5) * len(ks), 4.0)
    figure = Figure(figsize=size, layout="constrained")
    width = 0.8 / len(models)
    for panel, k in enumerate(ks):
        axes = figure.add_subplot(1, len(ks), panel + 1)
        for at, model in enumerate(models):
            own = [c for c in cells if c.model == model and k in c.pass_at]
            estimates = [cell.pass_at[k] for cell in own]
            places = [sets.index(c.tasks_name) + (at - (len(models) - 1) / 2) * width for c in own]
            values = [100 * e.value for e in estimates]
            errors = [
                [100 * max(e.value - e.low, 0.0) for e in estimates],
                [100 * max(e.high - e.value, 0.0) for e in estimates],
            ]
            axes.bar(places, values, width, yerr=errors, capsize=3, label=model)
        axes.set_title(f"pass@{k}, 95% intervals over tasks", fontsize=10)
        axes.set_xticks(range(len(sets)), sets)
        axes.set_ylabel("% of tasks")
        axes.set_ylim(0, 100)
        axes.grid(axis="y", alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(out, format="png", dpi=120)
