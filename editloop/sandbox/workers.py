"""A seat of a pool: it keeps a zygote and its warm children, and drives one or two jobs at a time.

Who gets a seat and what is said is the pool's matter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from editloop.sandbox.drive import drive
from editloop.sandbox.errors import SandboxError
from editloop.sandbox.job import Job, frame_job
from editloop.sandbox.level import Level
from editloop.sandbox.process import ZygoteProcess
from editloop.sandbox.session import Session, lost_session

OnFrame = Callable[[Any, bytes], bool]
Ready = Callable[[list[Any]], None]


class Worker:
    """A seat in the pool with a zygote, which is started on first use and again after it died."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._zygote: ZygoteProcess | None = None
        self._warm: dict[tuple[str, ...], list[Session]] = {}

    def started(self) -> ZygoteProcess:
        """The zygote, which runs."""
        if self._zygote is not None and not self._zygote.alive:
            self.close()
        if self._zygote is None:
            self._zygote = ZygoteProcess(self._level)
        return self._zygote

    def drive(
        self, jobs: Sequence[Job], on_frame: OnFrame, cancel: threading.Event | None, ready: Ready
    ) -> list[Session]:
        """Run one or two jobs at a time to their end."""
        warm = all(job.warm for job in jobs)
        zygote = self.started()
        kinds = tuple(job.message["kind"] for job in jobs)
        sessions = self._warm.pop(kinds, []) if warm else []
        if not all(session.idle for session in sessions):
            self._leave(sessions)
            sessions = []
        known = list(sessions)
        usable = False
        try:
            for at, job in enumerate(jobs):
                limits = job.cpu_seconds, job.wall_seconds
                if known:
                    payload = frame_job(job, known[at].jobs + 1)
                    zygote.resume(known[at], payload, *limits)
                else:
                    payload = frame_job(job, 1 if warm else None)
                    sessions.append(zygote.open(payload, *limits, job.cap, warm=warm))
            ready(sessions)
            wall = max(job.wall_seconds for job in jobs)
            usable = drive(zygote, sessions, on_frame, wall_seconds=wall, cancel=cancel)
        except SandboxError:
            sessions += [lost_session() for _ in jobs[len(sessions) :]]
        finally:
            if usable and all(session.end == "ready" for session in sessions):
                self._warm[kinds] = sessions
            else:
                self._leave(sessions)
            if not usable:
                self.close()
        return list(sessions)

    def _leave(self, sessions: Sequence[Session]) -> None:
        """What still runs at the other end reads that there is no more."""
        for session in sessions:
            session.sock.close()

    def close(self) -> None:
        """End the zygote."""
        for sessions in self._warm.values():
            self._leave(sessions)
        self._warm.clear()
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None
