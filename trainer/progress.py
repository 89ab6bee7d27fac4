"""One progress bar for all training: what is done, the time so far, and the time left."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch.utils.tensorboard import SummaryWriter

from trainer.run import RunFolder

console = Console(stderr=True)
_SHOWN = ("loss", "accuracy", "reward", "solved", "tokens_per_second")


class TrainingBar:
    """A context manager; ``update`` takes the share of the budget that is spent."""

    def __init__(self, console: Console = console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("training", total=1.0)

    def update(self, spent: float, row: dict[str, Any]) -> None:
        """``row``: the last line of the metrics."""
        parts = [f"{name} {row[name]:.4g}" for name in _SHOWN if name in row]
        text = f"step {row.get('step', 0)} {', '.join(parts)}"
        self._bar.update(self._task, completed=min(spent, 1.0), description=text)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()


def open_tensorboard(run: RunFolder) -> None:
    """Send the metrics of a run to its ``tensorboard`` folder, too."""
    run.report_to(SummaryWriter(str(run.path / "tensorboard")))
