"""Does reinforcement learning raise the greedy solve rate on tasks that it never saw?

    python benchmarks/learns.py --out FOLDER [--base RUN/model --tasks TASKS] [--steps 80]

Without a model and a task file it makes small ones (``toy.py``), for a run of minutes. Of a task
file it takes a few families. Every third function is held out. For each seed one run of
``train rlvr`` from the same start. Before it, every few steps and after it, one greedy episode of
each held-out task is played and judged by its tests; the time for that does not count. Prints a
table and draws docs/images/rlvr.png. A seed whose curve is in the folder is not run again.

Exit code 1 unless every seed ends above its start.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import warnings
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import toy
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, TrainerCallback
from transformers.utils import logging

from editloop.tasks import Task, read_tasks, write_tasks
from trainer.encode import load_base
from trainer.rlvr.dialect import Dialect
from trainer.rlvr.judge import Judge
from trainer.rlvr.rollouts import fitting, greedy_solve_rate
from trainer.rlvr.training import RlvrSettings, train_rlvr
from trainer.run import read_metrics

FAMILIES = (
    *("undefined_name", "extra_bracket", "missing_colon"),
    *("foreign_keyword", "keyword_typo", "equals"),
)
CURVE = "curve.json"
TAUGHT, HELD_OUT = 240, 96
"""Tasks that the toy's start is taught, and tasks that are evaluated."""
IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "rlvr.png"


def split(tasks: Iterable[Task], families: Sequence[str]) -> tuple[list[Task], list[Task]]:
    """Tasks to train on, and those of held-out functions; an id is ``FUNCTION#NUMBER``."""
    chosen = [task for task in tasks if dict(task.meta).get("family") in families]
    held = {t.id for t in chosen if zlib.crc32(t.id.rpartition("#")[0].encode()) % 3 == 0}
    return [t for t in chosen if t.id not in held], [t for t in chosen if t.id in held]


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation: greedy solve rate after ``step`` steps and ``seconds`` of training."""

    step: int
    seconds: float
    solved: float


class Evaluator(TrainerCallback):
    """Plays the held-out tasks every ``every`` steps, and stops the run when its time is up."""

    def __init__(self, tasks: Sequence[Task], judge: Judge, dialect: Dialect, options: Any) -> None:
        self._tasks, self._judge, self._dialect = tasks, judge, dialect
        self._every, self._budget = options.every, 60 * options.minutes
        self._limits = settings_of(options, 0).limits
        self._mark, self._seconds = 0.0, 0.0
        self.points: list[Point] = []

    def solved(self, model: Any) -> float:
        return greedy_solve_rate(model, self._tasks, self._judge, self._dialect, self._limits)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._mark = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._seconds += time.monotonic() - self._mark
        control.should_training_stop |= self._seconds >= self._budget
        if state.global_step % self._every == 0 or control.should_training_stop:
            solved = self.solved(kwargs["model"])
            self.points.append(Point(state.global_step, round(self._seconds, 1), solved))
            print(self.points[-1], flush=True)
        self._mark = time.monotonic()


def make_toy(options: argparse.Namespace) -> None:
    """A start that was taught the training tasks for too short a time, and the tasks."""
    tasks = toy.make_tasks()
    options.families = list(toy.VERBS)
    options.base, options.tasks = options.out / "toy", options.out / "toy.jsonl"
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.tasks.exists():
        toy.make_base(options.base, split(tasks, options.families)[0][:TAUGHT], options.taught)
        write_tasks(options.tasks, tasks)


def settings_of(options: argparse.Namespace, seed: int) -> RlvrSettings:
    return RlvrSettings(
        steps=options.steps,
        groups=options.groups,
        turns=options.turns,
        tokens=options.tokens,
        command=options.command,
        rate=options.rate,
        kl=options.kl,
        micro=options.micro,
        generations=options.generations,
        seed=seed,
        checkpoint_seconds=1e9,
    )


def run_seed(options: argparse.Namespace, seed: int, console: Console) -> list[Point]:
    """One run; the first point is the start."""
    dialect = Dialect(load_base(options.base))
    settings = settings_of(options, seed)
    tasks = fitting(list(read_tasks(options.tasks)), dialect, settings.limits)
    known, held_out = split(tasks, options.families)
    held_out = held_out[:HELD_OUT]
    folder = options.out / f"seed-{seed}"
    if (folder / CURVE).exists():
        return [Point(**row) for row in json.loads((folder / CURVE).read_text())]
    folder.mkdir(parents=True, exist_ok=True)
    train_file = folder / "train.jsonl"
    write_tasks(train_file, known)
    with Judge(options.workers) as judge:
        evaluator = Evaluator(held_out, judge, dialect, options)
        start = AutoModelForCausalLM.from_pretrained(options.base, dtype=torch.float32)
        evaluator.points.append(Point(0, 0.0, evaluator.solved(start)))
        run = train_rlvr(
            options.base,
            train_file,
            folder / "run",
            settings,
            workers=options.workers,
            callbacks=[evaluator],
        )
    curve = evaluator.points
    (folder / CURVE).write_text(json.dumps([asdict(point) for point in curve], indent=1))
    console.print(f"seed {seed}: trained on {len(known)} tasks, {len(held_out)} held out")
    for row in read_metrics(run.path)[:: options.every]:
        shown = ("step", "solved", "refused", "no_exit", "turns", "reward", "seconds")
        console.print(" ".join(f"{name} {row[name]:.3g}" for name in shown))
    return curve


def print_table(curves: dict[int, list[Point]], console: Console) -> None:
    table = Table("seed", "start", "end", "gain", "steps", "minutes")
    for seed, curve in curves.items():
        first, last = curve[0], curve[-1]
        gain = last.solved - first.solved
        cells = [f"{first.solved:.1%}", f"{last.solved:.1%}", f"{100 * gain:+.1f} points"]
        table.add_row(str(seed), *cells, str(last.step), f"{last.seconds / 60:.1f}")
    console.print(table)
    gains = [curve[-1].solved - curve[0].solved for curve in curves.values()]
    console.print(f"mean gain {100 * statistics.mean(gains):+.1f} points")


def draw(curves: dict[int, list[Point]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for seed, curve in curves.items():
        solved = [100 * point.solved for point in curve]
        axes.plot([p.step for p in curve], solved, marker="o", markersize=3, label=f"seed {seed}")
    axes.set_xlabel("steps of reinforcement learning")
    axes.set_ylabel("held-out tasks solved greedily, %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--base", type=Path, help="the start; by default the toy's")
    parser.add_argument("--tasks", type=Path, help="a task file; by default the toy's")
    parser.add_argument("--taught", type=int, default=400, help="steps of teaching the toy's start")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs, one a seed")
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=60.0, help="at most, for each seed")
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--every", type=int, default=20, help="steps from evaluation to evaluation")
    parser.add_argument("--groups", type=int, default=12)
    parser.add_argument("--generations", type=int, default=4)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--command", type=int, default=24)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--kl", type=float, default=0.0)
    parser.add_argument("--micro", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--image", type=Path, default=IMAGE)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    warnings.simplefilter("ignore", FutureWarning)
    if options.threads:
        torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    console = Console()
    if options.base is None or options.tasks is None:
        make_toy(options)
    curves = {seed: run_seed(options, seed, console) for seed in options.seeds}
    print_table(curves, console)
    draw(curves, options.image)
    console.print(f"{options.image}")
    return int(not all(curve[-1].solved > curve[0].solved for curve in curves.values()))


if __name__ == "__main__":
    sys.exit(main())
