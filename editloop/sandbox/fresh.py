"""A fresh process for each job, spoken to over pipes: for systems where a zygote cannot be confined
(levels C and E).
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from editloop.sandbox import process
from editloop.sandbox.inner import wire

_MODULES = frozenset(
    [
        "wire",
        "encode",
        "decode",
        "load",
        "show",
        "tracing",
        "calls",
        "player",
        "remote",
        "judge",
        "child",
    ]
)
_BOOTSTRAP = process.LOAD_FRAMED + "module.run_pipes(config)\n"
_TICK = 0.01


class Guard(Protocol):
    """How an operating system isolates one process."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line that runs the interpreter with these arguments."""
        ...

    def options(self) -> dict[str, object]:
        """Further arguments of Popen."""
        ...

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        """Called before the process is sent anything. May raise OSError."""
        ...

    def usage(self, process: subprocess.Popen[bytes]) -> tuple[float, int]:
        """CPU seconds and bytes of memory."""
        ...

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End it and all that it started."""
        ...


Events = queue.SimpleQueue["tuple[PipeSession, bytes | None]"]


class PipeSession:
    """One process; has the parts of `session.Session` that the pool uses."""

    def __init__(self, started: subprocess.Popen[bytes], events: Events, cap: int) -> None:
        self._cap = cap
        self.process = started
        self.end = ""
        self.signal_name = ""
        self.cpu_seconds = 0.0
        self.cpu_limit = self.deadline = 0.0
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._read, args=(events,), daemon=True),
            threading.Thread(target=self._write, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, frame: bytes) -> None:
        """Queue bytes; blocks nobody."""
        self._out.put(frame)

    def _write(self) -> None:
        assert self.process.stdin is not None
        try:
            while (frame := self._out.get()) is not None:
                self.process.stdin.write(frame)
                self.process.stdin.flush()
        except (OSError, ValueError):
            pass

    def _read(self, events: Events) -> None:
        stream, left = self.process.stdout, self._cap
        assert stream is not None
        try:
            while len(head := stream.read(4)) == 4:
                size = int.from_bytes(head, "big")
                left -= size + 4
                if left < 0 or size > wire.ANSWER_CAP:
                    self.end = self.end or "flood"
                    break
                events.put((self, stream.read(size)))
        except (OSError, ValueError):
            pass
        events.put((self, None))

    def close(self) -> None:
        """After the process has ended."""
        self._out.put(None)
        for thread in self._threads:
            thread.join(1.0)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class FreshBox:
    """Runs jobs in fresh processes under a guard.

    `memory_mb` is enforced by polling what the guard tells.
    """

    def __init__(self, guard: Guard, *, site: tuple[str, ...] = (), memory_mb: int = 512) -> None:
        self._guard = guard
        self._memory = memory_mb << 20
        sources = [(name, text) for name, text in process.sources() if name in _MODULES]
        self._config = wire_config({"sources": sources, "path": list(site)})

    def open(self, events: Events, cap: int = wire.ANSWER_CAP) -> PipeSession:
        """Start one process. Raises OSError."""
        arguments = ["-P", "-s", "-S", "-B", "-c", _BOOTSTRAP]
        started: subprocess.Popen[bytes] = process.LAUNCHER.run(lambda: self._popen(arguments))
        self._guard.attach(started)
        session = PipeSession(started, events, cap)
        session.send(self._config)
        return session

    def _popen(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        env = process.environment()
        if sys.platform == "win32":  # without these Python cannot start there
            import os

            env |= {
                key: os.environ[key] for key in ("SYSTEMROOT", "SYSTEMDRIVE") if key in os.environ
            }
        options: dict[str, Any] = dict(self._guard.options())
        return subprocess.Popen(
            self._guard.command(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            **options,
        )

    def drive(
        self,
        jobs: Sequence[tuple[bytes, float, float, int]],
        on_frame: Callable[[PipeSession, bytes], bool],
        cancel: threading.Event | None = None,
        ready: Callable[[list[PipeSession]], None] | None = None,
    ) -> list[PipeSession]:
        """Run one or two jobs (payload, CPU seconds, wall seconds, cap) to their end."""
        events: Events = queue.SimpleQueue()
        sessions: list[PipeSession] = []
        try:
            for payload, cpu, wall, cap in jobs:
                session = self.open(events, cap)
                session.cpu_limit, session.deadline = cpu, time.monotonic() + wall
                sessions.append(session)
                session.send(payload)
            if ready is not None:
                ready(sessions)
            self._loop(sessions, events, on_frame, cancel)
        finally:
            for session in sessions:
                self._guard.kill(session.process)
                session.process.wait()
                session.close()
        return sessions

    def _loop(
        self,
        sessions: list[PipeSession],
        events: Events,
        on_frame: Callable[[PipeSession, bytes], bool],
        cancel: threading.Event | None,
    ) -> None:
        """Ends when one process has ended: then the other has nobody to talk to."""
        while True:
            if cancel is not None and cancel.is_set():
                return _mark(sessions, "cancelled")
            for session in sessions:
                session.end = session.end or self._over(session)
                if session.end:
                    return _mark(sessions, "stopped")
            try:
                session, frame = events.get(timeout=_TICK)
            except queue.Empty:
                continue
            if frame is None:
                session.end = session.end or "exit"
                return _mark(sessions, "stopped")
            if on_frame(session, frame):
                return _mark(sessions, "stopped")

    def _over(self, session: PipeSession) -> str:
        if time.monotonic() > session.deadline:
            return "wall"
        session.cpu_seconds, memory = self._guard.usage(session.process)
        if session.cpu_seconds > session.cpu_limit + _START_CPU:
            return "cpu"
        return "memory" if memory > self._memory else ""


_START_CPU = 0.25
"""Allowed on top for the start of the interpreter, which a forked child does not pay."""


def _mark(sessions: Sequence[PipeSession], end: str) -> None:
    for session in sessions:
        session.end = session.end or end


def wire_config(config: dict[str, Any]) -> bytes:
    """The first frame: what the process needs before its job; not capped, it is ours."""
    body = json.dumps(config).encode()
    return len(body).to_bytes(4, "big") + body
