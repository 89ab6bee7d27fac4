"""One progress bar for all training: what is done, and the time left."""

from __future__ import annotations

import os
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from torch.utils.tensorboard import SummaryWriter

from editloop_trainer.run import RunFolder

console = Console(stderr=True)
_SHOWN = {
    "loss": "loss {:.3f}",
    "accuracy": "right {:.0%}",
    "reward": "reward {:.2f}",
    "solved": "solved {:.0%}",
    "tokens_per_second": "{:.0f} tok/s",
}


class TrainingBar:
    """A context manager; ``update`` takes the share of the budget that is spent."""

    def __init__(self, console: Console = console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
        )
        self._task = self._bar.add_task("training", total=1.0)

    def update(self, spent: float, row: dict[str, Any]) -> None:
        """``row``: the last line of the metrics."""
        parts = [form.format(row[name]) for name, form in _SHOWN.items() if name in row]
        text = " ".join([f"step {row.get('step', 0)}", *parts])
        self._bar.update(self._task, completed=min(spent, 1.0), description=text)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def is_first_process() -> bool:
    """Whether the calling process speaks for a distributed run; one that is alone does."""
    return int(os.environ.get("RANK", "0")) == 0


def quiet_libraries() -> None:
    """Silence the libraries' own bars and notes on loading; errors and warnings stay."""
    import datasets  # type: ignore[import-untyped]  # it has no stubs
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers' own
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers' own


def open_tensorboard(run: RunFolder) -> None:
    """Send the metrics of a run to its ``tensorboard`` folder, too."""
    run.report_to(SummaryWriter(str(run.path / "tensorboard")))
