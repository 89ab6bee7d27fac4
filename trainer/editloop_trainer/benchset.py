"""Benchmarks: corrupted MBPP programs, by default of its test split and then for evaluation only,
and seeded samples.

The same seed gives the same file. Families take turns, so that each has about the same number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from editloop.tasks import Task, read_tasks
from editloop_trainer.corruptions import Family, Module, corrupt_by, training_families
from editloop_trainer.grading import Grader
from editloop_trainer.jsonl import read_mbpp
from editloop_trainer.pieces import parse
from editloop_trainer.tasks import as_test_functions, passes

_TRIES = 8


def mbpp_programs(path: Path, grader: Grader, seed: int, split: str = "test") -> Iterator[Task]:
    """Programs of a split in seeded order, with ``plus`` assertions as hidden tests, which they
    pass.

    The module is MBPP's own code, or the corrected one where its own fails the hidden tests.
    """
    rows = [row for row in read_mbpp(path, split) if not row["test_setup_code"]]
    Random(seed).shuffle(rows)
    for row in rows:
        for source in sources(row):
            task = _reference(row, source)
            if all(passes(task, source, grader, hidden=hidden) for hidden in (False, True)):
                yield task
                break


def sources(row: dict[str, Any]) -> Iterator[str]:
    for key in ("code", "plus_code"):
        text = row[key] and row[key].replace("\r\n", "\n").replace("\r", "\n").strip("\n") + "\n"
        if text and parse(text) is not None:
            yield text


def _reference(row: dict[str, Any], source: str) -> Task:
    tests, names = as_test_functions(row["test_list"])
    hidden, hidden_names = as_test_functions(row["plus_test_list"] or [], "hidden_")
    identity = f"mbpp-corrupted/{row['task_id']}"
    return Task(identity, source, tests, names, hidden, hidden_names, fixed=source)


def build_benchset(
    mbpp: Path,
    *,
    number: int = 200,
    seed: int = 0,
    families: Sequence[Family] | None = None,
    faults: int = 1,
    split: str = "test",
) -> list[Task]:
    """``faults`` corruptions in each of ``number`` programs; its visible tests fail then."""
    chosen = list(training_families() if families is None else families)
    rng = Random(f"benchset {seed}")
    used = dict.fromkeys((f.name for f in chosen), 0)
    tasks: list[Task] = []
    with Grader() as grader:
        for program in mbpp_programs(mbpp, grader, seed, split):
            # Families that were used least come first, ties in random order.
            order = sorted(chosen, key=lambda f: (used[f.name], rng.random()))
            task = next(_corrupted(program, order, faults, rng, grader), None)
            if task is not None:
                tasks.append(task)
                for name in dict(task.meta)["family"].split("+"):
                    used[name] += 1
            if len(tasks) == number:
                break
    return tasks


def _corrupted(
    program: Task, order: Sequence[Family], faults: int, rng: Random, grader: Grader
) -> Iterator[Task]:
    module = Module(program.buggy)
    for at in range(len(order)):
        for _ in range(_TRIES):
            corruption = corrupt_by(module, rng, order[at:], faults)
            if corruption is None:
                break
            meta = (("family", corruption.family),)
            task = replace(program, buggy=corruption.source, meta=meta)
            if not passes(task, task.buggy, grader):
                yield task


def sample(path: Path, number: int, seed: int) -> list[Task]:
    """``number`` random tasks of a task file, in the order of the file."""
    tasks = list(read_tasks(path))
    chosen = Random(seed).sample(range(len(tasks)), min(number, len(tasks)))
    return [tasks[i] for i in sorted(chosen)]
