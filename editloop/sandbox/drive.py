"""The loop that drives one or two children of a zygote at a time, to their end."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence

from editloop.sandbox.inner import zygote as protocol
from editloop.sandbox.process import ZygoteProcess
from editloop.sandbox.session import Session

_CANCEL_POLL, _GRACE = 0.02, 3.0
"""Seconds between two looks at ``cancel``, and until a killed child counts as lost. Chosen."""

OnFrame = Callable[[Session, bytes], bool]
"""Called with each whole frame; True ends the run."""


def drive(
    zygote: ZygoteProcess,
    sessions: Sequence[Session],
    on_frame: OnFrame,
    *,
    wall_seconds: float,
    cancel: threading.Event | None = None,
) -> bool:
    """Run until every child has ended, or is ready for another job.

    When one ends or `on_frame` says so, the others are killed.

    Returns whether the zygote is still usable. Reports are awaited, so no child runs when this
    returns.
    """
    loop = _Loop(zygote, sessions, on_frame)
    hard = time.monotonic() + wall_seconds + _GRACE
    while loop.running:
        if cancel is not None and cancel.is_set():
            loop.stop("cancelled")
            hard = min(hard, time.monotonic() + _GRACE)
        if time.monotonic() > hard:
            loop.lose()
            return False
        if not loop.step(_CANCEL_POLL if cancel is not None else 0.5):
            loop.lose()
            return False
    return True


class _Loop:
    def __init__(
        self, zygote: ZygoteProcess, sessions: Sequence[Session], on_frame: OnFrame
    ) -> None:
        self.zygote = zygote
        self.running = {session.number: session for session in sessions}
        self.reading = {session.sock.fileno(): session for session in sessions}
        self.on_frame = on_frame
        self.stopped = False

    def stop(self, end: str) -> None:
        if not self.stopped:
            self.stopped = True
            for session in self.running.values():
                session.end = end if session.end in ("", "ready") else session.end
                self.zygote.kill(session)

    def lose(self) -> None:
        for session in self.running.values():
            session.end = session.end if session.end in ("cancelled", "flood") else "lost"

    def step(self, timeout: float) -> bool:
        control = self.zygote.control.fileno()
        poller = select.poll()
        poller.register(control, select.POLLIN)
        for fd, session in self.reading.items():
            poller.register(fd, session.interest)
        events = sorted(poller.poll(timeout * 1000), key=lambda event: event[0] == control)
        for fd, mask in events:
            if fd == control:
                if not self._report():
                    return False
            else:
                self._talk(fd, mask)
        return True

    def _talk(self, fd: int, mask: int) -> None:
        session = self.reading[fd]
        if mask & select.POLLOUT:
            session.flush()
        if mask & ~select.POLLOUT:
            frames, more = session.read()
            if not self.stopped:
                for frame in frames:
                    if self.on_frame(session, frame):
                        self.stop("stopped")
                        break
            if not more:
                del self.reading[fd]
                if session.end == "flood":
                    self.stop("stopped")
                elif session.end == "ready" and not self.stopped:
                    del self.running[session.number]

    def _report(self) -> bool:
        data = self.zygote.control.recv(64)
        if not data:
            return False
        number, reason, status, cpu = protocol.REPORT.unpack(data)
        session = self.running.pop(number, None)
        if session is not None:
            while (
                session.sock.fileno() in self.reading
            ):  # what it said before it ended still counts
                self._talk(session.sock.fileno(), select.POLLIN)
            session.finish(reason, status, cpu)
            if self.running:
                self.stop("stopped")
        return True
