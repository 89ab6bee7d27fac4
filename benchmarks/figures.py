"""Two figures of benchmark runs: share of tasks solved against seconds, and against verifications.

Run: python benchmarks/figures.py FOLDER MBPP=MODEL.jsonl,UNIFORM.jsonl MDEVAL=...

Writes FOLDER/solved-seconds.png and FOLDER/solved-verifications.png, a panel for each set of tasks.
Seconds are those of the whole repair, with what is spent after the first fix on a better one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from editloop.bench import TaskResult
from editloop.bench.results import BenchError, read_results

Results = Mapping[str, TaskResult]


def curve(results: Results, key: str) -> tuple[list[float], list[float]]:
    """What a task may cost, ascending, and the share of all tasks that is solved by then."""
    costs = sorted(getattr(r, key) for r in results.values() if r.solved)
    return costs, [100 * n / len(results) for n in range(1, len(costs) + 1)]


def draw(sets: Mapping[str, Mapping[str, Results]], key: str, label: str, out: Path) -> None:
    """One panel a set, one line a run; a line ends where its last fix was found."""
    matplotlib.use("Agg")
    figure = Figure(figsize=(4 * len(sets), 3.4), layout="constrained")
    for at, (name, runs) in enumerate(sets.items()):
        axes = figure.add_subplot(1, len(sets), at + 1)
        for run, results in runs.items():
            axes.step(*curve(results, key), where="post", label=run)
        axes.set_title(f"{name}, {len(next(iter(runs.values())))} tasks", fontsize=10)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.set_ylabel("% solved")
        axes.set_ylim(0, 100)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="upper left")
    figure.savefig(out, format="png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="+", metavar="NAME=MODEL,UNIFORM")
    options = parser.parse_args()
    sets = {}
    try:
        for given in options.sets:
            name, _, files = given.partition("=")
            model, _, uniform = files.partition(",")
            paths = {"model": model, "uniform order": uniform}
            sets[name] = {run: read_results(Path(path)) for run, path in paths.items()}
    except (BenchError, OSError) as error:
        sys.exit(f"{error}")
    options.folder.mkdir(parents=True, exist_ok=True)
    for key, label, file in (
        ("seconds", "seconds", "solved-seconds.png"),
        ("candidates", "verifications until the first fix", "solved-verifications.png"),
    ):
        draw(sets, key, label, options.folder / file)


if __name__ == "__main__":
    main()
