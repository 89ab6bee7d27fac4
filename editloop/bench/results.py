"""One line for each task, appended and synced; a run that was cut off goes on from its lines."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Self

_BEGIN = b'{"id": '
"""Of every line."""


class BenchError(Exception):
    """The run cannot start or go on; lines written so far stay valid."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How one task came out; the keys of a line, in this order."""

    id: str
    solved: bool = False
    """Whether the best solution passes syntax, static checks and the visible tests."""
    solved_hidden: bool | None = None
    """Whether it passes the hidden tests too; None where the task has none."""
    seconds: float = 0.0
    """Wall time of the repair, the first look at the checks included, hidden tests not."""
    candidates: int = 0
    """Verifications until the first fix; all of them where none was found."""
    first_seconds: float | None = None
    """Seconds of the search until its first fix; None where none was found."""
    turns: int = 0
    commands: tuple[str, ...] = ()
    diff: str = ""
    reason: str = ""
    edit_size: int | None = None
    """Tokens inserted and deleted by the best solution."""
    candidates_total: int = 0
    """All candidates, those after the first fix included, in search of a smaller one."""
    examples: int = 0
    """Visible tests that it satisfies."""
    others: int | None = None
    """Other fixes that satisfy them too, as far as they were compared; None where none was."""
    calls: int = 0
    """Calls on which they were compared."""
    differing: int = 0
    """How many of them answer one of these calls otherwise."""
    right: int | None = None
    """How many of all that were compared pass the hidden tests; None where the task has none."""
    attempts: tuple[dict[str, Any], ...] = ()
    """What each attempt came to (`bench.attempts.Attempt`); none where a search repaired."""

    @property
    def timed_out(self) -> bool:
        return not self.solved and self.reason.startswith(("out of time", "time-out"))

    @property
    def failed(self) -> bool:
        """Whether a fault, not the search, decided it."""
        return self.reason.startswith("error")

    def row(self) -> dict[str, Any]:
        return asdict(self)


def result_of(row: Any) -> TaskResult:
    """A result from a decoded line. Raises ValueError."""
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise ValueError("not a result: a JSON object with an id is expected")
    known = {field.name for field in fields(TaskResult)}
    values = {key: value for key, value in row.items() if key in known}
    for key in ("commands", "attempts"):
        values[key] = tuple(values.get(key, ()))
    return TaskResult(**values)


def read_results(path: Path) -> dict[str, TaskResult]:
    """The results of a file by id. Raises BenchError on a line that is none, OSError."""
    return _results(path, path.read_bytes())


def _results(path: Path, data: bytes) -> dict[str, TaskResult]:
    results: dict[str, TaskResult] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            result = result_of(json.loads(line))
        except (ValueError, TypeError) as error:
            raise BenchError(f"{path}:{number}: {error}") from error
        results[result.id] = result
    return results


class ResultFile:
    """An ``--out`` file open for appending; ``done`` holds what it had before.

    The settings of the run are in ``<file>.settings.json``. Raises BenchError where they differ
    from ``settings``, since lines of two kinds would be counted together.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings_path = path.with_name(path.name + ".settings.json")
        _refuse_other(path)
        _repair_last_line(path)
        self.done = read_results(path) if path.exists() else {}
        self._check_settings(settings)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("ab")

    def append(self, result: TaskResult) -> None:
        """Write one line and have it on the disk before returning."""
        line = json.dumps(result.row(), ensure_ascii=False, allow_nan=False)
        self._file.write(line.encode("utf-8", "surrogatepass") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_settings(self, settings: dict[str, Any]) -> None:
        if not self.done:
            write_json(self.settings_path, settings)
            return
        try:
            before = json.loads(self.settings_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BenchError(
                f"{self.path} has results, but {self.settings_path.name} with their settings "
                "cannot be read: choose another --out"
            ) from error
        changed = [key for key in settings if before.get(key) != settings[key]]
        if changed:
            told = ", ".join(f"{key} {before.get(key)!r}, now {settings[key]!r}" for key in changed)
            raise BenchError(
                f"{self.path} was made with other settings ({told}): choose another --out"
            )


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def refuse_other_summary(path: Path) -> None:
    """Raises BenchError for a file that is there and no summary of a run."""
    if not path.exists():
        return
    try:
        there = json.loads(path.read_bytes()) if path.is_file() else None
    except ValueError:
        there = None
    if not (isinstance(there, dict) and {"tasks", "solved"} <= there.keys()):
        raise BenchError(f"{path} is no summary of a benchmark: choose another --summary")


def _refuse_other(path: Path) -> None:
    """Raises BenchError for what is no result file: nothing of it may be cut off or appended to.

    Of a result file all lines but the last, which may not have been written to its end, are
    results, and that one begins as all do.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise BenchError(f"{path} is no regular file: choose another --out")
    head, _, tail = path.read_bytes().rpartition(b"\n")
    _results(path, head)
    if not tail.startswith(_BEGIN) and not _BEGIN.startswith(tail):
        raise BenchError(f"{path} is no result file: choose another --out")


def _repair_last_line(path: Path) -> None:
    """Cut off a last line that was not written to its end; end one that only lacks its newline."""
    if not path.exists():
        return
    data = path.read_bytes()
    if not data or data.endswith(b"\n"):
        return
    start = data.rfind(b"\n") + 1
    with path.open("r+b") as file:
        try:
            result_of(json.loads(data[start:]))
        except (ValueError, TypeError):
            file.truncate(start)
        else:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
