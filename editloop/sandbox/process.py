"""The host's end of one zygote: start it, open a session for a job, hear how it ended, end it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
import time

from editloop.sandbox import bwrap, paths
from editloop.sandbox.errors import SandboxError
from editloop.sandbox.inner import wire
from editloop.sandbox.inner import zygote as protocol
from editloop.sandbox.launch import LOAD, launch, sources
from editloop.sandbox.level import Level
from editloop.sandbox.session import Session

_MODULES = (
    *("wire", "seccomp", "landlock", "encode", "decode", "load", "show", "confine", "tracing"),
    *("calls", "player", "remote", "judge", "child", "zygote"),
)
_PRELOAD = (
    *("typing", "collections", "collections.abc", "math", "cmath", "itertools", "functools"),
    *("operator", "heapq", "bisect", "string", "re", "random", "copy", "dataclasses", "enum"),
    *("abc", "datetime", "traceback", "linecache"),
)
_BOOTSTRAP = (
    """
import json, os, socket, sys, types
config = json.load(sys.stdin)
null = os.open(os.devnull, os.O_RDONLY)
os.dup2(null, 0)
os.close(null)
"""
    + LOAD
    + """control = os.dup(int(sys.argv[1]))
os.close(int(sys.argv[1]))
module.main(socket.socket(fileno=control), config)
"""
)
_START_SECONDS = 20.0
_MEMORY_MB = 512
_SEATS = itertools.count()


class ZygoteProcess:
    """One running zygote. Used by one thread at a time."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self._jobs = itertools.count(1)
        self.uid = 0
        readable = paths.readable()
        as_root = os.geteuid() == 0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Not -I, which would also ignore the hash seed: the environment is ours, and -P
        # -s -S give the rest of it.
        inner = [
            paths.interpreter(),
            "-P",
            "-s",
            "-S",
            "-B",
            "-c",
            _BOOTSTRAP,
            str(theirs.fileno()),
        ]
        if level is Level.A:
            inner = bwrap.command(inner, readable, as_root=as_root)
        config = {
            "sources": sources(_MODULES),
            "preload": _PRELOAD,
            "readable": [*readable, *paths.DEVICES],
            "memory_mb": _MEMORY_MB,
            # Below the dynamic users of systemd's range nobody real is found; one
            # each, so that counts do not mix.
            "uid": 61184 + (os.getpid() + next(_SEATS)) % 4000 if as_root else None,
            "counted": level is Level.A and not as_root,
        }
        self.control = ours
        try:
            with theirs:
                self._process = launch(inner, passed=[theirs.fileno()], out=subprocess.DEVNULL)
            self._greet(json.dumps(config).encode())
        except BaseException:
            self.close()
            raise

    def _greet(self, config: bytes) -> None:
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        try:
            self._process.stdin.write(config)
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self.control.settimeout(_START_SECONDS)
        try:
            data = self.control.recv(64)
        except TimeoutError:
            data = b""
        self.control.settimeout(None)
        if not data:
            self._process.kill()
            text = self._process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            raise SandboxError(text[-1] if text else "the sandbox process ended at its start")
        self._process.stderr.close()
        self.uid = protocol.REPORT.unpack(data)[2]

    @property
    def alive(self) -> bool:
        """Whether the zygote can take another job."""
        return self._process.poll() is None

    def open(
        self,
        payload: bytes,
        cpu_seconds: float,
        wall_seconds: float,
        cap: int = wire.ANSWER_CAP,
        *,
        warm: bool = False,
    ) -> Session:
        """Fork a child for one job, `warm`: the first of several. Raises SandboxError when the
        zygote is gone.
        """
        ours, theirs = socket.socketpair()
        number = next(self._jobs)
        kind = protocol.WARM if warm else protocol.RUN
        request = protocol.REQUEST.pack(kind, number, cpu_seconds, wall_seconds)
        try:
            with theirs:
                socket.send_fds(self.control, [request], [theirs.fileno()])
        except OSError:
            ours.close()
            raise SandboxError("the sandbox process is gone") from None
        session = Session(number, ours, cap, warm=warm)
        session.until = time.monotonic() + wall_seconds / 2
        session.send(payload)
        return session

    def resume(
        self, session: Session, payload: bytes, cpu_seconds: float, wall_seconds: float
    ) -> None:
        """Give a warm child another job with limits of its own. Raises SandboxError when the zygote
        is gone.
        """
        request = protocol.REQUEST.pack(protocol.NEXT, session.number, cpu_seconds, wall_seconds)
        try:
            self.control.send(request)
        except OSError:
            raise SandboxError("the sandbox process is gone") from None
        session.until = time.monotonic() + wall_seconds / 2
        session.resume(payload)

    def kill(self, session: Session) -> None:
        """Have one child killed; its end is still reported."""
        with contextlib.suppress(OSError):
            self.control.send(protocol.REQUEST.pack(protocol.KILL, session.number, 0.0, 0.0))

    def close(self) -> None:
        """End the zygote and with it every child."""
        self.control.close()
        process = getattr(self, "_process", None)
        if process is None:
            return
        if process.poll() is None:
            try:
                process.wait(0.5)  # it ends by itself when the control socket closes
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        for stream in (process.stdin, process.stderr):
            if stream is not None:
                stream.close()
