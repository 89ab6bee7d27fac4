"""How a workflow tells where it stands: JSON lines for a program, a bar for a person."""

from __future__ import annotations

import json
from typing import Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn


class Show(Protocol):
    """Told by the runner; ``fraction`` (0 to 1) is of the current step."""

    def step(self, name: str, index: int, of: int, title: str) -> None: ...

    def update(self, fraction: float, message: str) -> None: ...

    def close(self) -> None: ...


class JsonShow:
    """One object a line on standard output, at most one for each percent of a step."""

    def __init__(self) -> None:
        self._row: dict[str, Any] = {}

    def step(self, name: str, index: int, of: int, title: str) -> None:
        self._row = {"step": name, "index": index, "of": of, "fraction": 0.0, "message": title}
        self._print(self._row)

    def update(self, fraction: float, message: str) -> None:
        if round(fraction, 2) != self._row["fraction"]:
            self._row["fraction"] = round(fraction, 2)
            self._print({**self._row, "message": f"{self._row['message']}: {message}"})

    def close(self) -> None:
        pass

    @staticmethod
    def _print(row: dict[str, Any]) -> None:
        typer.echo(json.dumps(row, ensure_ascii=False))


class BarShow:
    """A bar for each step on standard error; a line for each where that is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.fields[number]:>5}"),
            TextColumn("{task.description:45}"),
            BarColumn(30),
            TextColumn("{task.fields[message]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._progress.start()

    def step(self, name: str, index: int, of: int, title: str) -> None:
        number = f"{index}/{of}"
        if not self._console.is_terminal:
            self._console.print(f"{number:>5} {title}", markup=False, soft_wrap=True)
        self._task = self._progress.add_task(title, total=1.0, number=number, message="")

    def update(self, fraction: float, message: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=fraction, message=message)

    def close(self) -> None:
        self._progress.stop()
