"""A pool of sandboxes: `run` a job in one child, or let a judge and a player `converse` in two."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, Self

from editloop.sandbox.drive import OnFrame
from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.job import END, Answers, Job, parse
from editloop.sandbox.level import Level
from editloop.sandbox.session import Session
from editloop.sandbox.workers import Ready, Worker


class SandboxPool:
    """`workers` sandboxes for use from any number of threads.

    Raises SandboxUnavailable for a level at which no code is run; `detect.open_pool` finds the
    level.
    """

    def __init__(self, workers: int, level: Level) -> None:
        if level is Level.F:
            raise SandboxUnavailable(f"level {level.name}: {level.value}")
        self.level = level
        self._workers = [Worker(level) for _ in range(workers)]
        self._free: queue.LifoQueue[Worker] = queue.LifoQueue()
        self._closed = threading.Event()
        for worker in reversed(self._workers):
            self._free.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all sandboxes; waits for runs in progress."""
        self._closed.set()
        for _ in self._workers:
            self._free.get().close()

    def _take(self, cancel: threading.Event | None) -> Worker | None:
        while True:
            if self._closed.is_set():
                raise SandboxError("the pool is closed")
            if cancel is not None and cancel.is_set():
                return None
            try:
                return self._free.get(timeout=0.02 if cancel is not None else 0.5)
            except queue.Empty:
                continue

    def start(self, cancel: threading.Event | None = None) -> None:
        """Start a sandbox, so that what the next run takes is its own."""
        worker = self._take(cancel)
        if worker is not None:
            try:
                worker.started()
            finally:
                self._free.put(worker)

    def run(self, job: Job, cancel: threading.Event | None = None) -> Answers:
        """Run one job to its end."""
        frames: list[Any] = []
        times = [time.monotonic()]

        def collect(session: Session, frame: bytes) -> bool:
            frames.append(parse(frame))
            times.append(time.monotonic())
            return job.answers is not None and len(frames) > job.answers + 1

        session = self._drive([job], collect, cancel)[0]
        return _answers(frames, session, (*times, time.monotonic()))

    def converse(
        self, judge: Job, player: Job, cancel: threading.Event | None = None
    ) -> tuple[Answers, Answers]:
        """Run two children and carry messages between them.

        The judge marks its frames: "P" + JSON goes to the player, "H" + JSON is an answer. The
        player's first frame goes to both; if that tells of an error, nothing else follows. From
        then on it speaks when it is spoken to: one frame for each. Neither side ever sees the
        other's source.
        """
        turns = 1
        verdicts: list[Any] = []
        loaded: list[Any] = []
        sides: dict[str, Session] = {}

        def relay(session: Session, frame: bytes) -> bool:
            nonlocal turns
            if session is sides["player"]:
                turns -= 1
                if turns < 0:
                    return True
                if not loaded:
                    loaded.append(parse(frame))
                    if not isinstance(loaded[0], dict):
                        return True
                sides["judge"].send(len(frame).to_bytes(4, "big") + frame)
            elif frame[:1] == b"P":
                turns += 1
                sides["player"].send((len(frame) - 1).to_bytes(4, "big") + frame[1:])
            else:
                verdicts.append(parse(frame[1:]))
                if verdicts[-1] == {"done": True}:
                    if not player.warm:
                        return True
                    sides["player"].send(END)
            return False

        def ready(sessions: list[Session]) -> None:
            sides["judge"], sides["player"] = sessions

        first, second = self._drive([judge, player], relay, cancel, ready)
        return _answers(verdicts, first), _answers(loaded, second)

    def _drive(
        self,
        jobs: list[Job],
        on_frame: OnFrame,
        cancel: threading.Event | None,
        ready: Ready = lambda sessions: None,
    ) -> list[Session] | list[None]:
        worker = self._take(cancel)
        if worker is None:
            return [None for _ in jobs]
        try:
            return worker.drive(jobs, on_frame, cancel, ready)
        finally:
            self._free.put(worker)


def _answers(
    frames: list[Any], session: Session | None, times: tuple[float, ...] = (0.0,)
) -> Answers:
    if session is None:
        return Answers((), "cancelled")
    end = session.end or "lost"
    return Answers(tuple(frames), end, session.signal_name, session.cpu_seconds, times)
