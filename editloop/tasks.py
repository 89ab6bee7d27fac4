"""The task file: one JSON object a line, used by training, evaluation and ``editloop bench``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class TaskError(ValueError):
    """A line of a task file cannot be used; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Task:
    """A module to repair and what judges it; ``hidden_*`` are never shown to the tool."""

    id: str
    buggy: str
    tests: str = ""
    test_names: tuple[str, ...] = ()
    hidden_tests: str = ""
    hidden_test_names: tuple[str, ...] = ()
    prelude: str = ""
    fixed: str | None = None
    meta: tuple[tuple[str, str], ...] = ()


_TEXT = ("id", "buggy", "tests", "hidden_tests", "prelude")
_NAMES = ("test_names", "hidden_test_names")


def parse_task(row: Any, where: str = "task") -> Task:
    """A Task from one decoded JSON object. Raises TaskError; unknown string keys go to ``meta``."""
    if not isinstance(row, dict):
        raise TaskError(f"{where}: not a JSON object")
    values: dict[str, Any] = {}
    for key in _TEXT:
        value = row.get(key, "")
        if not isinstance(value, str) or (key in ("id", "buggy") and key not in row):
            raise TaskError(f"{where}: {key!r} must be a string")
        values[key] = value
    for key in _NAMES:
        value = row.get(key, [])
        if not isinstance(value, list) or not all(isinstance(n, str) for n in value):
            raise TaskError(f"{where}: {key!r} must be a list of strings")
        values[key] = tuple(value)
    fixed = row.get("fixed")
    if fixed is not None and not isinstance(fixed, str):
        raise TaskError(f"{where}: 'fixed' must be a string")
    known = {*_TEXT, *_NAMES, "fixed"}
    meta = tuple((k, v) for k, v in row.items() if k not in known and isinstance(v, str))
    return Task(**values, fixed=fixed, meta=meta)


def read_tasks(path: Path) -> Iterator[Task]:
    """Tasks of a file in order. Raises TaskError on a bad line or an id that occurs twice."""
    seen: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise TaskError(f"{where}: not JSON: {error}") from error
            task = parse_task(row, where)
            if task.id in seen:
                raise TaskError(f"{where}: id {task.id!r} occurs twice")
            seen.add(task.id)
            yield task


def task_row(task: Task) -> dict[str, Any]:
    """The JSON object of a task; empty optional keys are left out."""
    row = {k: v for k, v in asdict(task).items() if k != "meta" and v not in ("", (), None)}
    return {**row, "buggy": task.buggy, **dict(task.meta)}


def write_tasks(path: Path, tasks: Iterable[Task]) -> int:
    """Write a task file; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for task in tasks:
            file.write(json.dumps(task_row(task), ensure_ascii=False) + "\n")
            count += 1
    return count
