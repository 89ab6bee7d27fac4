"""The conversation with one child, and the loop that drives one or two of them at a time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from editloop.sandbox.inner import wire
from editloop.sandbox.inner import zygote as protocol

if TYPE_CHECKING:
    from editloop.sandbox.process import ZygoteProcess

_REASONS = {
    protocol.ENDED: "exit",
    protocol.CPU: "cpu",
    protocol.WALL: "wall",
    protocol.KILLED: "killed",
}
_MOST_JOBS = 32
"""Of one warm child: what candidates leave behind does not add up for ever."""
_CANCEL_POLL = 0.02
_GRACE = 3.0

OnFrame = Callable[["Session", bytes], bool]
"""Called with each whole frame; True ends the run."""


class Session:
    """The host's socket to one child.

    `end` is "" while it runs, "ready" when a warm one has done its job; `jobs` counts what it got.
    """

    def __init__(
        self, number: int, sock: socket.socket, cap: int = wire.ANSWER_CAP, *, warm: bool = False
    ) -> None:
        self.number = number
        self.sock = sock
        self.warm = warm
        self.jobs = 1
        self.until = 0.0
        self.end = ""
        self.signal = 0
        self.cpu_seconds = 0.0
        self._cap = cap
        self._received = 0
        self._in = bytearray()
        self._out = bytearray()
        sock.setblocking(False)

    @property
    def idle(self) -> bool:
        """Whether the child takes another job: alive, not too old, and it said nothing more."""
        if self.end != "ready" or self.jobs >= _MOST_JOBS or time.monotonic() > self.until:
            return False
        try:
            self.sock.recv(1, socket.MSG_PEEK)  # it spoke out of turn, or it is gone
        except BlockingIOError:
            return not self._in
        except OSError:
            pass
        return False

    def resume(self, payload: bytes) -> None:
        """Begin another job."""
        self.jobs += 1
        self.end, self._received = "", 0
        self.send(payload)

    def send(self, frame: bytes) -> None:
        """Queue bytes for the child; what it does not read stays here and blocks nobody."""
        self._out += frame
        self.flush()

    def flush(self) -> None:
        """Write what the socket takes."""
        try:
            while self._out:
                del self._out[: self.sock.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self._out.clear()  # the child is gone; its end will be reported

    @property
    def interest(self) -> int:
        """Poll mask."""
        return select.POLLIN | (select.POLLOUT if self._out else 0)

    def read(self) -> tuple[list[bytes], bool]:
        """Whole frames that came, and whether the conversation goes on.

        Sets `end` to "flood" over the cap.
        """
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return [], True
        except OSError:
            data = b""
        self._received += len(data)
        self._in += data
        frames: list[bytes] = []
        while len(self._in) >= 4:
            size = int.from_bytes(self._in[:4], "big")
            if size > wire.ANSWER_CAP or self._received > self._cap:
                self.end = "flood"
                return frames, False
            if len(self._in) < 4 + size:
                break
            frame = bytes(self._in[4 : 4 + size])
            del self._in[: 4 + size]
            if self.warm and frame == wire.ready(self.jobs):
                self.end = "ready"
                return frames, False
            frames.append(frame)
        return frames, bool(data)

    def finish(self, reason: int, status: int, cpu: float) -> None:
        """Take in the zygote's report."""
        self.cpu_seconds = cpu
        if os.WIFSIGNALED(status):
            self.signal = os.WTERMSIG(status)
        if not self.end:
            end = _REASONS.get(reason, "exit")
            self.end = "crash" if end == "exit" and self.signal else end

    @property
    def signal_name(self) -> str:
        """The name of the signal that ended the child, such as SIGSEGV; "" for none."""
        if self.signal:
            with contextlib.suppress(ValueError):
                return signal.Signals(self.signal).name
        return ""


def lost_session() -> Session:
    """Stands for a job whose sandbox was gone before it began."""
    session = Session(0, socket.socket())
    session.end = "lost"
    return session


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
