"""The host's end of one zygote: start it, open a session for a job, hear how it ended, end it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from importlib import resources
from typing import Any

from editloop.sandbox import bwrap, paths
from editloop.sandbox.errors import SandboxError
from editloop.sandbox.inner import wire
from editloop.sandbox.inner import zygote as protocol
from editloop.sandbox.level import Level
from editloop.sandbox.session import Session

_MODULES = (
    "wire",
    "seccomp",
    "landlock",
    "encode",
    "decode",
    "load",
    "show",
    "confine",
    "tracing",
    "calls",
    "player",
    "remote",
    "judge",
    "child",
    "zygote",
)
_PRELOAD = (
    "typing",
    "collections",
    "collections.abc",
    "math",
    "cmath",
    "itertools",
    "functools",
    "operator",
    "heapq",
    "bisect",
    "string",
    "re",
    "random",
    "copy",
    "dataclasses",
    "enum",
    "abc",
    "datetime",
    "traceback",
    "linecache",
)
LOAD = """base = "editloop.sandbox.inner"
for name in ("editloop", "editloop.sandbox", base):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, source in config["sources"]:
    module = sys.modules[base + "." + name] = types.ModuleType(base + "." + name)
    setattr(sys.modules[base], name, module)
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
"""
"""Makes the inner modules out of ``config["sources"]``; the last one stays as ``module``."""
LOAD_FRAMED = (
    """
import json, os, sys, types
def read(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part: os._exit(1)
        data += part
    return data
config = json.loads(read(int.from_bytes(read(4), "big")))
"""
    + LOAD
)
"""Makes the inner modules out of a config that comes as one frame on standard input, which stays
open for more."""
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
_SEATS = itertools.count()


def sources() -> list[tuple[str, str]]:
    """The code that runs inside, in import order."""
    folder = resources.files("editloop.sandbox.inner")
    return [(name, folder.joinpath(f"{name}.py").read_text("utf-8")) for name in _MODULES]


def environment() -> dict[str, str]:
    """All that a sandboxed process has for an environment."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/",
        "TZ": "UTC",
        "MALLOC_ARENA_MAX": "1",  # arenas of each thread would eat RLIMIT_AS
        "PYTHONHASHSEED": "0",  # set order, and so feedback, is the same in every run
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


class _Launcher:
    """A thread that lives as long as this process: PR_SET_PDEATHSIG fires when the *thread* that
    forked ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()

    def run(self, call: Callable[[], Any]) -> Any:
        """The result of `call`, made on that thread."""
        with self._lock:
            if self._pid != os.getpid():
                self._pid, self._jobs = os.getpid(), queue.SimpleQueue()
                threading.Thread(target=self._work, name="sandbox-launcher", daemon=True).start()
        future: Future[Any] = Future()
        self._jobs.put((call, future))
        return future.result(timeout=_START_SECONDS)

    def _work(self) -> None:
        jobs = self._jobs
        while True:
            call, future = jobs.get()
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001
                future.set_exception(error)


LAUNCHER = _Launcher()


class ZygoteProcess:
    """One running zygote. Used by one thread at a time."""

    def __init__(self, level: Level, *, site: tuple[str, ...] = (), memory_mb: int = 512) -> None:
        self.level = level
        self._jobs = itertools.count(1)
        self.uid = 0
        readable = paths.readable(site)
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
        command = bwrap.command(inner, readable, as_root=as_root) if level is Level.A else inner
        config = {
            "sources": sources(),
            "preload": _PRELOAD,
            "path": list(site),
            "readable": [*readable, *paths.DEVICES],
            "memory_mb": memory_mb,
            # Below the dynamic users of systemd's range nobody real is found; one
            # each, so that counts do not mix.
            "uid": 61184 + (os.getpid() + next(_SEATS)) % 4000 if as_root else None,
            "counted": level is Level.A and not as_root,
        }
        self.control = ours
        try:
            with theirs:
                self._process: subprocess.Popen[bytes] = LAUNCHER.run(
                    lambda: self._popen(command, theirs.fileno())
                )
            self._greet(json.dumps(config).encode())
        except BaseException:
            self.close()
            raise

    def _popen(self, command: list[str], fd: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd="/",
            pass_fds=(fd,),
            start_new_session=True,
        )

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
