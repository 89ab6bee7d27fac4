"""``editloop bench``: options, progress bar and report around ``editloop.bench``."""

from __future__ import annotations

import enum
import hashlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from editloop.budget import cores
from editloop.cli import CliError

if TYPE_CHECKING:
    from editloop.bench import BenchSettings, ResultFile, TaskResult
    from editloop.tasks import Task

INTERRUPTED = 130


class PolicyChoice(enum.StrEnum):
    """What `bench` measures: the search with a model that fills in, or in the prior's or uniform
    order alone; or a model alone: by turns (loop), whole programs (direct), or thoughts first
    (prose)."""

    model = "model"
    prior = "prior"
    uniform = "uniform"
    loop = "loop"
    direct = "direct"
    prose = "prose"


def bench(
    tasks: Annotated[Path, typer.Argument(help="Task file, one JSON object a line.")],
    budget: Annotated[
        float, typer.Option(min=0.1, help="Seconds for each task, or each attempt at it.")
    ] = 10.0,
    policy: Annotated[
        PolicyChoice | None, typer.Option(help="Who chooses; default: a named model, else prior.")
    ] = None,
    attempts: Annotated[
        int,
        typer.Option(min=1, help="For loop, direct and prose; a single one is greedy."),
    ] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, each with its own model.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N tasks.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Results, a line for each task; goes on where it stopped.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(help="Summary JSON; default: beside --out.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A GGUF file, or a name in the store.")] = None,
) -> None:
    """Repair every task, judge the results by the hidden tests, and report.

    The tool sees and runs the visible tests only. Exit code 0: the run came to its end, 2: wrong
    usage or input, 130: interrupted; the same command then goes on.
    """
    from editloop.bench import BenchSettings, ResultFile
    from editloop.bench.attempts import TEMPERATURE
    from editloop.bench.results import refuse_other_summary
    from editloop.tasks import read_tasks

    policy = policy or (PolicyChoice.model if model else PolicyChoice.prior)
    chosen = list(read_tasks(tasks))[:limit]
    if not chosen:
        raise CliError(f"{tasks} holds no task")
    told = summary or (_beside(out) if out else None)
    if told is not None:
        refuse_other_summary(told)
    alone = policy in (PolicyChoice.prior, PolicyChoice.uniform)
    path = None if alone else _model_path(model)
    settings = BenchSettings(
        policy=policy.value,
        budget=budget,
        seed=seed,
        model=str(path) if path else None,
        threads=max(1, cores() // jobs),
        attempts=attempts,
        temperature=TEMPERATURE if attempts > 1 else 0.0,
    )
    described = _describe(tasks, settings, jobs, path)
    console = Console(stderr=True)
    with ExitStack() as stack:
        file = stack.enter_context(ResultFile(out, described)) if out else None
        stop = stack.enter_context(_interruptible())
        run = _Run(chosen, settings, jobs, file, console)
        run.work(stop)
    _report(run, described, told)
    if stop.is_set():
        left = len(chosen) - len(run.results)
        hint = "; the same command goes on from here" if out else ""
        raise CliError(f"interrupted with {left} of {len(chosen)} tasks left{hint}", INTERRUPTED)


class _Run:
    """The tasks of one command and what is known of them."""

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: BenchSettings,
        jobs: int,
        file: ResultFile | None,
        console: Console,
    ) -> None:
        self.tasks, self.settings, self.jobs, self.file = tasks, settings, jobs, file
        self.console = console
        done = file.done if file else {}
        self.results = {task.id: done[task.id] for task in tasks if task.id in done}
        self.about: dict[str, Any] = {}
        self.seconds = 0.0

    def work(self, stop: threading.Event) -> None:
        from editloop.bench import WorkerPool

        left = [task for task in self.tasks if task.id not in self.results]
        started = time.monotonic()
        with (
            _progress(self.console) as progress,
            WorkerPool(self.settings, min(self.jobs, max(1, len(left)))) as pool,
        ):
            bar = progress.add_task("", total=len(self.tasks))
            for result in pool.run(left):
                if result is not None:
                    self._keep(result)
                solved = sum(r.solved for r in self.results.values())
                text = f"{solved} solved" if self.about or pool.about else "loading"
                progress.update(bar, completed=len(self.results), description=text)
                if stop.is_set():
                    break
            self.about = pool.about
        self.seconds = time.monotonic() - started

    def _keep(self, result: TaskResult) -> None:
        self.results[result.id] = result
        if self.file is not None:
            self.file.append(result)


def _report(run: _Run, settings: dict[str, Any], path: Path | None) -> None:
    from editloop.bench import summarize, summary_table
    from editloop.bench.results import write_json

    results = [run.results[task.id] for task in run.tasks if task.id in run.results]
    made = summarize(results, len(run.tasks), settings)
    made |= {"wall_seconds": round(run.seconds, 1), "cores": cores(), **run.about}
    console = Console(soft_wrap=True, highlight=False)
    console.print(summary_table(made))
    if path is not None:
        write_json(path, made)
        console.print(f"summary written to {path}", markup=False)


def _describe(
    tasks: Path, settings: BenchSettings, jobs: int, model: Path | None
) -> dict[str, Any]:
    """The settings that make results comparable; the limit is not among them."""
    from editloop import __version__
    from editloop.prior import SHIPPED

    return {
        "tasks": tasks.name,
        "tasks_sha256": _digest(tasks),
        "policy": settings.policy,
        "budget": settings.budget,
        "seed": settings.seed,
        "attempts": settings.attempts,
        "jobs": jobs,
        "threads": settings.threads,
        "model": model.name if model else None,
        "model_sha256": _digest(model) if model else None,
        "prior_sha256": _digest(SHIPPED) if settings.policy in ("model", "prior") else None,
        "version": __version__,
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _model_path(model: str | None) -> Path:
    from editloop.engine.gguf_info import read_info
    from editloop.model.store import find_model

    path = find_model(model).resolve()
    read_info(path)
    return path


def _beside(out: Path) -> Path:
    return out.with_name(out.name.removesuffix(".jsonl") + ".summary.json")


def _progress(console: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    return Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that SIGINT or SIGTERM sets; a second one interrupts at once."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
