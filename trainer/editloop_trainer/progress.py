"""One progress bar for all training: what is done, and the time left."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

_SHOWN = {
    "loss": "loss {:.3f}",
    "accuracy": "right {:.0%}",
    "reward": "reward {:.2f}",
    "solved": "solved {:.0%}",
    "tokens_per_second": "{:.0f} tok/s",
}


class TrainingBar(Progress):
    """Shown by the first process of a distributed run alone."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=training_console(),
        )
        self._bar = self.add_task("training", total=1.0)

    def show(self, spent: float, row: dict[str, Any]) -> None:
        """The share of the budget that is spent, and the last line of the metrics."""
        parts = [form.format(row[name]) for name, form in _SHOWN.items() if name in row]
        text = " ".join([f"step {row.get('step', 0)}", *parts])
        self.update(self._bar, completed=min(spent, 1.0), description=text)


def training_console() -> Console:
    """Standard error for the process that speaks for a distributed run, silence for the others."""
    return Console(stderr=True, quiet=not is_first_process())


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
