"""Task files out of a corpus: corrupted modules with their tests, each checked both ways.

A task with tests is kept when its reference passes and its corrupted module fails them. One without
is kept when the corruption gives a syntax error or a static finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from editloop.checks.plans import plan_tests
from editloop.checks.verify import Limits, TestCheck, Verifier
from editloop.tasks import Task, read_tasks, task_row
from editloop_trainer.corpus import Entry, read_corpus
from editloop_trainer.corruptions import Corruption, Module, corrupt_many
from editloop_trainer.demos import DemoSettings
from editloop_trainer.grading import Grader
from editloop_trainer.mixture import is_dev, scenes
from editloop_trainer.pieces import stable
from editloop_trainer.record import Recorded, read_recorded
from editloop_trainer.scenes import Scene
from editloop_trainer.stream import Rows, stream


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """``each`` tasks of an entry with tests, ``plain`` of any other, of 1 to 5 faults."""

    seed: int = 0
    each: int = 4
    plain: int = 1
    fault_weights: tuple[float, ...] = (0.62, 0.25, 0.08, 0.035, 0.015)
    split: str = "train"


def as_test_functions(asserts: Sequence[str], prefix: str = "test_") -> tuple[str, tuple[str, ...]]:
    """Assertions as zero-argument functions ``test_1`` ...: their source and names."""
    names = tuple(f"{prefix}{i}" for i in range(1, len(asserts) + 1))
    parts = []
    for name, text in zip(names, asserts, strict=True):
        body = "\n".join(f"    {line}" for line in text.strip().split("\n"))
        parts.append(f"def {name}():\n{body}\n")
    return "\n\n".join(parts), names


def make_task(identity: str, scene: Scene, corruption: Corruption) -> Task:
    tests, names = as_test_functions(scene.asserts)
    return Task(
        identity,
        corruption.source,
        tests,
        names,
        prelude=scene.prelude,
        fixed=scene.source,
        meta=(("family", corruption.family),),
    )


def entry_tasks(
    entry: Entry, recorded: Recorded | None, grader: Grader, settings: TaskSettings
) -> Iterator[Task]:
    """Tasks of one entry, distinct by their text."""
    demo_settings = DemoSettings(seed=settings.seed, untested=0.0)
    for scene in scenes(entry, recorded, demo_settings):
        if not grader.reference_passes(scene):
            continue
        rng = Random(f"{settings.seed}/{entry.id}/tasks")
        module = Module(scene.source)
        seen: set[str] = set()
        wanted = settings.each if scene.asserts else settings.plain
        for _ in range(4 * wanted):
            if len(seen) == wanted:
                break
            size = rng.choices(range(1, 6), settings.fault_weights)[0]
            corruption = corrupt_many(module, rng, size)
            if corruption is None or corruption.source in seen:
                continue
            if grader.verifier(corruption.source, scene)(corruption.source).passed:
                continue
            seen.add(corruption.source)
            yield make_task(f"{entry.id}#{len(seen)}", scene, corruption)


def _worker(settings: TaskSettings) -> Callable[[tuple[Entry, Recorded | None]], Rows]:
    grader = Grader()

    def work(item: tuple[Entry, Recorded | None]) -> Rows:
        tasks = entry_tasks(*item, grader, settings)
        return {"tasks": [json.dumps(task_row(task), ensure_ascii=False) for task in tasks]}

    return work


def build_tasks(
    corpus: Path,
    tests: Path,
    out: Path,
    *,
    settings: TaskSettings = TaskSettings(),
    workers: int = 2,
    minutes: float | None = None,
) -> tuple[int, bool]:
    """Write a task file of the entries of one split ("train" or "dev").

    Returns (rows written by this call, all done), and goes on where it was stopped.
    """
    recorded = read_recorded(tests)
    dev = settings.split == "dev"
    items = [(e, recorded.get(e.id)) for e in read_corpus(corpus) if is_dev(e) == dev]
    items = [item for item in items if item[1] is not None or settings.plain]
    items.sort(key=lambda item: stable(f"{settings.seed} {item[0].id}"))
    return stream(
        "tasks",
        items,
        _worker,
        {"tasks": out},
        arguments=(settings,),
        workers=workers,
        minutes=minutes,
    )


def validate(path: Path) -> Iterator[tuple[str, str]]:
    """(task id, what is wrong) for tasks whose reference fails or whose module passes."""
    with Grader() as grader:
        for task in read_tasks(path):
            problem = check_task(task, grader)
            if problem:
                yield task.id, problem


def check_task(task: Task, grader: Grader) -> str:
    """Empty for a good task. The hidden tests judge too; the module must fail what is visible."""
    if not task.test_names and not task.hidden_test_names:
        return ""
    if passes(task, task.buggy, grader, hidden=not task.test_names):
        return "the corrupted module passes"
    if task.fixed is None:
        return ""
    for hidden in (False, True):
        if not passes(task, task.fixed, grader, hidden=hidden):
            return f"the reference fails the {'hidden ' if hidden else ''}tests"
    return ""


def passes(
    task: Task,
    source: str,
    grader: Grader,
    *,
    hidden: bool = False,
    limits: Limits = Limits(10, 30),
) -> bool:
    """Whether a module compiles and passes a task's visible or hidden tests."""
    tests, names = (
        (task.hidden_tests, task.hidden_test_names) if hidden else (task.tests, task.test_names)
    )
    if not names:
        return True
    plan = plan_tests(tests, names, task.prelude)
    check = TestCheck("tests", plan, grader.pool, task.prelude, limits)
    return Verifier(source, checks=[check], prelude=task.prelude).verify(source).passed
