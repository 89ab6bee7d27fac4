"""How many of a few small tasks a GGUF repairs: what a quantization must not break.

The tasks are ours (data/README.md); they are no evaluation set, and the counts are no benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from editloop.budget import cores
from editloop.tasks import Task

__all__ = ["TASKS", "RepairScore", "score_repair"]

TASKS = Path(__file__).parent / "data" / "tasks.jsonl"
_CANDIDATES = 24
"""Verifications a task: a model that ranks badly runs out of them, a slow machine does not."""


@dataclass(frozen=True, slots=True)
class RepairScore:
    """``search`` and ``greedy``: tasks solved by the model's search and by one plain episode."""

    tasks: int
    search: int
    greedy: int
    errors: int


def score_repair(
    gguf: Path,
    tasks: Sequence[Task],
    *,
    seconds: float = 20.0,
    jobs: int | None = None,
) -> RepairScore:
    """Repair every task, ``seconds`` at most for each.

    Raises BenchError when no worker can be started with this file.
    """
    from editloop.bench import BenchSettings, WorkerPool

    jobs = min(jobs or cores(), len(tasks))
    settings = BenchSettings(
        budget=seconds,
        candidates=_CANDIDATES,
        model=str(gguf),
        threads=max(1, cores() // jobs),
    )
    with WorkerPool(settings, jobs) as pool:
        results = [result for result in pool.run(tasks) if result is not None]
    return RepairScore(
        tasks=len(results),
        search=sum(result.solved for result in results),
        greedy=sum(bool(result.greedy) for result in results),
        errors=sum(result.failed for result in results),
    )
