"""The host's conversation with one child of a zygote."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time

from editloop.sandbox.inner import wire
from editloop.sandbox.inner import zygote as protocol

_REASONS = {
    protocol.ENDED: "exit",
    protocol.CPU: "cpu",
    protocol.WALL: "wall",
    protocol.KILLED: "killed",
}
_MOST_JOBS = 32
"""Of one warm child: what candidates leave behind does not add up for ever."""


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
