"""Curves of training runs as a PNG: a panel for each metric that any of the runs has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from editloop_trainer.run import RunError, read_metrics

PANELS = {
    "loss": "loss of what the model writes (nats a token)",
    "accuracy": "tokens right",
    "reward": "mean return",
    "solved": "episodes solved",
    "tokens_per_second": "tokens a second",
}
"""Metric and title, in the order of the panels."""
_COLUMNS = 2


def draw_curves(runs: Sequence[Path], out: Path) -> None:
    """Draw the metrics of the runs over their steps. Raises RunError where there are none."""
    matplotlib.use("Agg")
    curves = {run: _curves(run) for run in runs}
    panels = [name for name in PANELS if any(name in found for found in curves.values())]
    if not panels:
        raise RunError(f"{', '.join(map(str, runs))}: nothing was logged yet")
    height = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(6 * _COLUMNS, 3.2 * height), layout="constrained")
    for at, name in enumerate(panels):
        axes = figure.add_subplot(height, _COLUMNS, at + 1)
        for run, found in curves.items():
            if name in found:
                axes.plot(*found[name], label=run.name, linewidth=1.2)
        _label(axes, PANELS[name])
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, format="png", dpi=120)


def _label(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _curves(run: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values by metric."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for row in read_metrics(run):
        for name in PANELS:
            if name in row:
                steps, values = found.setdefault(name, ([], []))
                steps.append(int(row["step"]))
                values.append(float(row[name]))
    return found
