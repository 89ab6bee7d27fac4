"""The table of Chain-of-Edits (arXiv 2507.05065) for models here: attempts without a search.

Run: python benchmarks/attempts.py TASKS.jsonl --out FOLDER --attempts 8 \
         loop=loop:MODEL tuned=loop:ADAPTER direct=direct:MODEL prose=prose:MODEL

A column is NAME=WAY:MODEL; each is a run of `editloop bench --policy WAY`, whose lines are in
FOLDER/NAME.jsonl: killed at any moment, the same command goes on. Intervals of pass@k are Wilson's
over tasks, which are too wide for a share of several attempts; p is McNemar's exact test of first
attempts against the first column. Tokens are those that the model wrote. `closer`: attempts that
solve, or on the way fail less than before.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from editloop.bench.attempts import WAYS, pass_at
from editloop.bench.results import TaskResult, read_results
from editloop.bench.summary import alone, wilson

KS = (1, 2, 4, 8)

Run = Sequence[TaskResult]


def rows(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    """Rows of the table; every run has the same tasks in the same order."""
    fewest = min(len(result.attempts) for run in runs for result in run)
    for key, told in (("solved", "visible"), ("hidden", "hidden too")):
        for k in (k for k in KS if k <= fewest):
            yield f"pass@{k}, {told}", *(_share(run, key, k) for run in runs)
    first = [[result.solved for result in run] for run in runs]
    compared = (str(alone(first[0], one)) for one in first[1:])
    yield "first attempt: the first alone, this alone, p", "", *compared
    for key in ("tokens", "seconds", "verified", "turns", "malformed"):
        yield f"{key} an attempt", *(f"{_mean(run, key):.1f}" for run in runs)
    yield "closer", *(f"{_mean(run, 'closer'):.0%}" for run in runs)
    yield "tokens a solved attempt", *map(_price, runs)


def _share(run: Run, key: str, k: int) -> str:
    each = [pass_at(k, sum(bool(a[key]) for a in r.attempts), len(r.attempts)) for r in run]
    low, high = wilson(sum(each), len(each))
    return f"{sum(each) / len(each):.1%} ({low:.0%} to {high:.0%})"


def _attempts(run: Run) -> list[dict[str, Any]]:
    return [attempt for result in run for attempt in result.attempts]


def _mean(run: Run, key: str) -> float:
    values = [attempt[key] for attempt in _attempts(run)]
    return sum(values) / len(values)


def _price(run: Run) -> str:
    solved = sum(attempt["solved"] for attempt in _attempts(run))
    return f"{sum(a['tokens'] for a in _attempts(run)) / solved:.0f}" if solved else "-"


def _bench(options: argparse.Namespace, column: str) -> Path:
    """Run or go on with a column; its result file."""
    name, _, what = column.partition("=")
    way, _, model = what.partition(":")
    out = Path(options.out, f"{name}.jsonl")
    words = ["--policy", way, "--model", model, "--attempts", str(options.attempts)]
    words += ["--budget", str(options.budget), "--seed", str(options.seed), "--out", str(out)]
    if options.limit is not None:
        words += ["--limit", str(options.limit)]
    bench = [sys.executable, "-m", "editloop", "bench", str(options.tasks), *words]
    subprocess.run(bench, check=True, stdout=subprocess.DEVNULL)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Attempts without a search, side by side.")
    parser.add_argument("tasks", type=Path)
    parser.add_argument("columns", nargs="+", metavar="NAME=WAY:MODEL")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--attempts", type=int, default=4, help="at each task")
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of an attempt")
    parser.add_argument("--limit", type=int, help="only the first tasks")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    for column in options.columns:
        name, _, what = column.partition("=")
        if not name or what.partition(":")[0] not in WAYS or not what.partition(":")[2]:
            parser.error(f"not NAME=WAY:MODEL with a way of {', '.join(WAYS)}: {column}")
    try:
        found = [read_results(_bench(options, column)) for column in options.columns]
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    shared = [task for task in found[0] if all(task in run for run in found)]
    runs = [[run[task] for task in shared] for run in found]
    if bad := [r.id for run in runs for r in run if not r.attempts]:
        print(f"{len(bad)} tasks could not be attempted, {bad[0]} is one", file=sys.stderr)
        return 1
    names = [column.partition("=")[0] for column in options.columns]
    table = Table(f"{len(shared)} tasks, {options.attempts} attempts", *names, box=MARKDOWN)
    for row in rows(runs):
        table.add_row(*row)
    Console(width=160).print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
