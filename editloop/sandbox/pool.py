"""A pool of sandboxes: `run` a job in one child, or let a judge and a player `converse` in two."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from editloop.sandbox import paths
from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.fresh import FreshBox, Guard, PipeSession
from editloop.sandbox.inner import wire
from editloop.sandbox.level import Level
from editloop.sandbox.process import ZygoteProcess
from editloop.sandbox.session import Session, drive, lost_session

BAD_FRAME: Any = object()
"""Stands for a frame that was not JSON."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one child is to do.

    `message` is JSON data whose "kind" names the runner, `cap` the bytes it may answer in all.
    `warm`: a child that ran others before may do it, which costs a fraction of a new one. They can
    have changed how it answers, so what it says is good enough to look for a candidate, and never
    to believe one.
    """

    message: dict[str, Any]
    cpu_seconds: float = 1.0
    wall_seconds: float = 5.0
    cap: int = wire.ANSWER_CAP
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """What one child answered. Frames are untrusted data.

    `end`: "exit", "crash", "cpu", "wall", "flood" (over the cap), "cancelled", "stopped" (by the
    host), "killed", "ready" (a warm child did its job), or "lost" (the zygote died).
    """

    frames: tuple[Any, ...]
    end: str
    signal: str = ""
    cpu_seconds: float = 0.0

    @property
    def timed_out(self) -> bool:
        """Whether a time limit ended it."""
        return self.end in ("cpu", "wall")


def parse(frame: bytes) -> Any:
    """One frame as JSON, or BAD_FRAME."""
    try:
        return json.loads(frame)
    except (ValueError, RecursionError):
        return BAD_FRAME


Talk = Session | PipeSession
OnFrame = Callable[[Any, bytes], bool]
Ready = Callable[[list[Any]], None]


class _ForkWorker:
    """A seat in the pool with a zygote, which is started on first use and again after it died."""

    def __init__(self, start: Callable[[], ZygoteProcess]) -> None:
        self._start = start
        self._zygote: ZygoteProcess | None = None
        self._warm: dict[tuple[str, ...], list[Session]] = {}

    def drive(
        self, jobs: Sequence[Job], on_frame: OnFrame, cancel: threading.Event | None, ready: Ready
    ) -> list[Talk]:
        """Run one or two jobs at a time to their end."""
        warm = all(job.warm for job in jobs)
        if self._zygote is not None and not self._zygote.alive:
            self.close()
        if self._zygote is None:
            self._zygote = self._start()
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
                    self._zygote.resume(known[at], payload, *limits)
                else:
                    payload = frame_job(job, 1 if warm else None)
                    sessions.append(self._zygote.open(payload, *limits, job.cap, warm=warm))
            ready(sessions)
            wall = max(job.wall_seconds for job in jobs)
            usable = drive(self._zygote, sessions, on_frame, wall_seconds=wall, cancel=cancel)
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


class _FreshWorker:
    """A seat in the pool that starts a process for each job."""

    def __init__(self, box: FreshBox) -> None:
        self._box = box

    def drive(
        self, jobs: Sequence[Job], on_frame: OnFrame, cancel: threading.Event | None, ready: Ready
    ) -> list[Talk]:
        """Run one or two jobs at a time to their end."""
        parts = [(frame_job(job), job.cpu_seconds, job.wall_seconds, job.cap) for job in jobs]
        try:
            return list(self._box.drive(parts, on_frame, cancel, ready))
        except OSError as error:
            raise SandboxError(str(error)) from None

    def close(self) -> None:
        """Nothing outlives a job."""


def _make_worker(level: Level, site: tuple[str, ...], memory_mb: int) -> _ForkWorker | _FreshWorker:
    if level in (Level.A, Level.B):
        return _ForkWorker(lambda: ZygoteProcess(level, site=site, memory_mb=memory_mb))
    if level is Level.C:
        from editloop.sandbox.macos import MacGuard

        guard: Guard = MacGuard(paths.interpreter(), paths.readable(site))
    elif level is Level.E:
        from editloop.sandbox.windows import WindowsGuard

        guard = WindowsGuard(paths.interpreter(), memory_mb)
    else:
        raise SandboxUnavailable(f"level {level.name}: {level.value}")
    return _FreshWorker(FreshBox(guard, site=site, memory_mb=memory_mb))


class SandboxPool:
    """`workers` sandboxes for use from any number of threads.

    `level` None takes the detected one; `site` are folders of third-party packages to show and put
    on sys.path. Raises SandboxUnavailable where untrusted code cannot be run.
    """

    def __init__(
        self,
        workers: int = 2,
        level: Level | None = None,
        site: tuple[str, ...] = (),
        *,
        memory_mb: int = 512,
    ) -> None:
        if level is None:
            from editloop.sandbox.detect import detect_level

            report = detect_level()
            level = report.level
            if level in (Level.D, Level.F):
                raise SandboxUnavailable(report.reason)
        self.level = level
        self.site = tuple(site)
        self._workers = [_make_worker(self.level, self.site, memory_mb) for _ in range(workers)]
        self._free: queue.LifoQueue[_ForkWorker | _FreshWorker] = queue.LifoQueue()
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

    def _take(self, cancel: threading.Event | None) -> _ForkWorker | _FreshWorker | None:
        while True:
            if self._closed.is_set():
                raise SandboxError("the pool is closed")
            if cancel is not None and cancel.is_set():
                return None
            try:
                return self._free.get(timeout=0.02 if cancel is not None else 0.5)
            except queue.Empty:
                continue

    def run(
        self,
        job: Job,
        cancel: threading.Event | None = None,
        on_frame: Callable[[Any], bool] | None = None,
    ) -> Answers:
        """Run one job. `on_frame` sees each answer as it comes and may end the run by returning
        True.
        """
        frames: list[Any] = []

        def collect(session: Talk, frame: bytes) -> bool:
            frames.append(parse(frame))
            return on_frame is not None and on_frame(frames[-1])

        session = self._drive([job], collect, cancel)[0]
        return _answers(frames, session)

    def converse(
        self, judge: Job, player: Job, cancel: threading.Event | None = None
    ) -> tuple[Answers, Answers]:
        """Run two children and carry messages between them.

        The judge marks its frames: "P" + JSON goes to the player, "H" + JSON is an answer. The
        player's first frame goes to both; if that tells of an error, nothing else follows. Neither
        side ever sees the other's source.
        """
        verdicts: list[Any] = []
        loaded: list[Any] = []
        sides: dict[str, Talk] = {}

        def relay(session: Talk, frame: bytes) -> bool:
            if session is sides["player"]:
                if not loaded:
                    loaded.append(parse(frame))
                    if not isinstance(loaded[0], dict):
                        return True
                sides["judge"].send(len(frame).to_bytes(4, "big") + frame)
            elif frame[:1] == b"P":
                sides["player"].send((len(frame) - 1).to_bytes(4, "big") + frame[1:])
            else:
                verdicts.append(parse(frame[1:]))
                if verdicts[-1] == {"done": True}:
                    if not player.warm:
                        return True
                    sides["player"].send(_END)
            return False

        def ready(sessions: list[Talk]) -> None:
            sides["judge"], sides["player"] = sessions

        first, second = self._drive([judge, player], relay, cancel, ready)
        return _answers(verdicts, first), _answers(loaded, second)

    def _drive(
        self,
        jobs: list[Job],
        on_frame: OnFrame,
        cancel: threading.Event | None,
        ready: Ready = lambda sessions: None,
    ) -> list[Talk] | list[None]:
        worker = self._take(cancel)
        if worker is None:
            return [None for _ in jobs]
        try:
            return worker.drive(jobs, on_frame, cancel, ready)
        finally:
            self._free.put(worker)


def frame_job(job: Job, number: int | None = None) -> bytes:
    """The job as the frame that its child reads; a warm one counts them."""
    return _frame(job.message if number is None else {**job.message, "number": number})


def _frame(message: dict[str, Any]) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body


_END = _frame({"end": True})


def _answers(frames: list[Any], session: Talk | None) -> Answers:
    if session is None:
        return Answers((), "cancelled")
    return Answers(tuple(frames), session.end or "lost", session.signal_name, session.cpu_seconds)
