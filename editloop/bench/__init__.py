"""The benchmark: every task of a task file is repaired in a worker process, none ends the run.

``runner`` repairs one task, ``workers`` supervises the processes, ``results`` keeps the lines on
disk, ``summary`` counts them. What is measured is said in ``results.TaskResult``.
"""

from editloop.bench.results import BenchError, ResultFile, TaskResult
from editloop.bench.runner import BenchSettings, TaskRunner
from editloop.bench.summary import summarize, summary_table
from editloop.bench.workers import WorkerPool

__all__ = [
    "BenchError",
    "BenchSettings",
    "ResultFile",
    "TaskResult",
    "TaskRunner",
    "WorkerPool",
    "summarize",
    "summary_table",
]
