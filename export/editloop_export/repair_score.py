"""How many of a few small tasks a GGUF repairs by itself: what a quantization must not break.

By itself, since beside a search most of them are repaired before a model is asked.
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


@dataclass(frozen=True, slots=True)
class RepairScore:
    """``solved``: tasks that one greedy episode of the plain loop solves."""

    tasks: int
    solved: int
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
        "loop",
        budget=seconds,
        model=str(gguf),
        threads=max(1, cores() // jobs),
        temperature=0.0,
    )
    with WorkerPool(settings, jobs) as pool:
        results = [result for result in pool.run(tasks) if result is not None]
    return RepairScore(
        tasks=len(results),
        solved=sum(result.solved for result in results),
        errors=sum(result.failed for result in results),
    )
