"""Worker processes for the benchmark: each has a model and a sandbox, and one task at a time.

A worker that dies or does not answer in time costs its task a line that says so, and is replaced.
Messages are JSON; a worker is in a session of its own, so an interrupt reaches the parent alone.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from editloop.bench.results import BenchError, TaskResult, result_of
from editloop.bench.runner import BenchSettings, TaskRunner
from editloop.tasks import Task, parse_task, task_row

START_SECONDS = 180.0
"""For loading the model."""
GRACE_SECONDS = 45.0
"""For what follows or precedes the budget of a stage: the first verification, the hidden tests."""
_START_FAILURES = 3


def worker_main(connection: Connection, settings: dict[str, Any]) -> None:
    """The body of a worker: ready or failed, then for each task any number of parts, then done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):
            os.setsid()
    # Read when llama.cpp is loaded: threads that spin starve the sandbox and the other workers.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        runner = TaskRunner(BenchSettings(**settings))
    except Exception as error:  # noqa: BLE001 - the job boundary: the parent says it
        _send(connection, "failed", " ".join(str(error).split()) or type(error).__name__)
        return
    _send(connection, "ready", _about(runner))
    try:
        while True:
            task = parse_task(json.loads(connection.recv_bytes()))
            _send(connection, "done", _run(runner, task, connection).row())
    except (EOFError, OSError):
        pass  # the parent is gone
    finally:
        runner.close()


def _run(runner: TaskRunner, task: Task, connection: Connection) -> TaskResult:
    part = TaskResult(task.id)

    def keep(result: TaskResult) -> None:
        nonlocal part
        part = result
        _send(connection, "part", result.row())

    try:
        return runner.run(task, keep)
    except Exception as error:  # noqa: BLE001 - a task can never end the run
        text = " ".join(str(error).split())[:300]
        return _cut_short(part, task, f"error: {type(error).__name__}: {text}")


def _cut_short(part: TaskResult, task: Task, reason: str) -> TaskResult:
    """What is known of a task that did not come to its end; what was not judged is not passed."""
    if task.hidden_test_names and part.solved_hidden is None:
        part = replace(part, solved_hidden=False)
    return replace(part, reason=reason)


def _about(runner: TaskRunner) -> dict[str, Any]:
    level = runner.pool.level
    return {"sandbox": f"{level.name}: {level.value}", "policy": runner.policy.name}


def _send(connection: Connection, kind: str, body: Any) -> None:
    connection.send_bytes(json.dumps([kind, body]).encode())


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    deadline: float
    ready: bool = False
    task: Task | None = None
    part: TaskResult | None = None


class WorkerPool:
    """Runs tasks in ``jobs`` processes. ``about`` says what they run, once one is ready.

    Use as a context manager: leaving it ends every process, whatever they are doing.
    """

    def __init__(self, settings: BenchSettings, jobs: int, *, grace: float = GRACE_SECONDS) -> None:
        self.settings = settings
        self.jobs = jobs
        self.grace = grace
        self.about: dict[str, Any] = {}
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._failures = 0

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self._workers):
            self._end(worker)

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult | None]:
        """Results as they come, None now and then while nothing does.

        Raises BenchError when no worker can be started.
        """
        waiting = deque(tasks)
        while waiting or any(worker.task for worker in self._workers):
            busy = sum(worker.task is not None for worker in self._workers)
            while len(self._workers) < min(self.jobs, len(waiting) + busy):
                self._workers.append(self._start())
            for worker in self._workers:
                if worker.ready and worker.task is None and waiting:
                    self._give(worker, waiting)
            results = self._hear()
            yield from results
            if not results:
                yield None

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=worker_main, args=(theirs, self.settings.row()), daemon=True
        )
        # An ignored signal is inherited: no interrupt hits the worker while it starts.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if _in_main_thread() else None
        try:
            process.start()
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)
        theirs.close()
        return _Worker(process, ours, time.monotonic() + START_SECONDS)

    def _give(self, worker: _Worker, waiting: deque[Task]) -> None:
        task = waiting.popleft()
        try:
            worker.connection.send_bytes(json.dumps(task_row(task)).encode())
        except OSError:  # it died while idle: the task did nothing to it
            waiting.appendleft(task)
            self._end(worker)
            self._count_failure("a worker ended while it was idle")
            return
        worker.task, worker.part = task, None
        self._extend(worker)

    def _extend(self, worker: _Worker) -> None:
        worker.deadline = time.monotonic() + self.settings.seconds + self.grace

    def _hear(self) -> list[TaskResult]:
        """What the workers say or fail to say within a moment."""
        readable = wait([worker.connection for worker in self._workers], timeout=0.2)
        results = []
        for worker in list(self._workers):
            if worker.connection in readable:
                try:
                    kind, body = json.loads(worker.connection.recv_bytes())
                except (EOFError, OSError, ValueError):
                    worker.process.join(5)
                    results += self._lose(worker, _ended(worker.process.exitcode))
                    continue
                results += self._take(worker, kind, body)
            elif time.monotonic() > worker.deadline and (worker.task or not worker.ready):
                results += self._lose(worker, "time-out: the task did not end", timeout=True)
        return results

    def _take(self, worker: _Worker, kind: str, body: Any) -> list[TaskResult]:
        if kind == "failed":
            self._end(worker)
            self._count_failure(str(body), fatal=not self.about)
        elif kind == "ready":
            worker.ready, self.about, self._failures = True, body, 0
        elif kind == "part":
            worker.part = result_of(body)
            self._extend(worker)
        else:
            worker.task = None
            return [result_of(body)]
        return []

    def _lose(self, worker: _Worker, reason: str, *, timeout: bool = False) -> list[TaskResult]:
        """A worker is given up; its task gets a line with what is known."""
        self._end(worker)
        if worker.task is None:
            self._count_failure(reason)
            return []
        part = worker.part or TaskResult(worker.task.id)
        if timeout and worker.part is None:
            part = replace(part, seconds=round(self.settings.seconds + self.grace, 3))
        return [_cut_short(part, worker.task, reason)]

    def _count_failure(self, reason: str, *, fatal: bool = False) -> None:
        self._failures += 1
        if fatal or self._failures >= _START_FAILURES:
            raise BenchError(f"no worker can be started: {reason}" if not fatal else reason)

    def _end(self, worker: _Worker) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
        worker.connection.close()
        pid = worker.process.pid
        if worker.process.is_alive():
            if pid is not None and hasattr(os, "killpg"):
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
            worker.process.kill()
        worker.process.join(10)


def _in_main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"error: the worker was ended by {signal.Signals(-code).name}"
    return f"error: the worker ended with exit code {code}"
