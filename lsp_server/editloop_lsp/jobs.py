"""The queue of jobs: one model, so one step at a time, in turn over documents; one job a document.

A job asks for its ``turn`` before each step, so a job of many steps lets others in between. Tasks
are what else runs beside the messages, such as checks: they wait for nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
_FINISH_SECONDS = 1.5
Key = tuple[object, ...]
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(slots=True)
class Job:
    """One running job; ``reason`` is set when it is cancelled on purpose."""

    uri: str
    key: Key
    task: asyncio.Task[Any] | None = None
    waiters: int = 0
    reason: str = ""
    token: int | str | None = None
    """Token of the job's work-done progress."""
    progress: dict[str, Any] = field(default_factory=dict)
    on_change: Callable[[], None] = lambda: None

    def tell(self, progress: dict[str, Any]) -> None:
        """Keep how far it is, for whoever looks at the queue."""
        self.progress = progress
        self.on_change()

    def cancel(self, reason: str) -> None:
        if self.task is not None and not self.task.done() and not self.reason:
            self.reason = reason
            self.task.cancel()


class JobCancelled(Exception):
    """The job was cancelled by another way than its own request; the message says why."""


class Jobs:
    """Used from the event loop alone. ``on_change`` hears that a job starts, gets on or ends."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self.turn = asyncio.Lock()  # wakes its waiters in order of arrival
        self.on_change: Callable[[], None] = lambda: None

    @property
    def running(self) -> list[Job]:
        return list(self._jobs.values())

    async def run(self, uri: str, key: Key, work: Callable[[Job], Coroutine[Any, Any, T]]) -> T:
        """The result of ``work``. An equal job that runs already is joined, another one of the same
        document is replaced. Raises JobCancelled."""
        while (job := self._jobs.get(uri)) is not None and (job.key != key or job.reason):
            await self._end([job], "replaced by a newer request for the same file")
        if job is None:
            job = self._start(uri, key, work)
        job.waiters += 1
        assert job.task is not None
        try:
            return await asyncio.shield(job.task)
        except asyncio.CancelledError:
            if job.task.cancelled() and job.reason:
                raise JobCancelled(job.reason) from None
            if job.waiters == 1:
                job.cancel("cancelled")
            raise
        finally:
            job.waiters -= 1

    def cancel_progress(self, token: int | str) -> None:
        """Cancel the job whose progress has this token."""
        for job in self.running:
            if job.token == token:
                job.cancel("cancelled")

    def cancel(self, uri: str | None, reason: str = "cancelled") -> int:
        """Cancel the job of a document, or all; how many there were."""
        jobs = [job for job in self._jobs.values() if uri is None or job.uri == uri]
        for job in jobs:
            job.cancel(reason)
        return len(jobs)

    async def finish(self) -> None:
        """Cancel all and wait for their end, but not for long: an editor does not either."""
        await self._end(self.running, "the server is shutting down", _FINISH_SECONDS)

    async def _end(self, jobs: Sequence[Job], reason: str, seconds: float | None = None) -> None:
        for job in jobs:
            job.cancel(reason)
        tasks = [job.task for job in jobs if job.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def _start(self, uri: str, key: Key, work: Callable[[Job], Coroutine[Any, Any, T]]) -> Job:
        job = self._jobs[uri] = Job(uri, key, on_change=self.on_change)
        job.task = asyncio.create_task(work(job))
        job.task.add_done_callback(lambda _: self._ended(job))
        self.on_change()
        return job

    def _ended(self, job: Job) -> None:
        """Forget a job; one that was cancelled before its first step is here too."""
        if self._jobs.get(job.uri) is job:
            del self._jobs[job.uri]
        self.on_change()


class Tasks:
    """Used from the event loop alone."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine beside; its failure is logged."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def cancel(self) -> None:
        """Cancel all that run."""
        for task in list(self._running):
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task failed", exc_info=task.exception())
