"""Starts the processes that confine themselves, gives them the code that they run inside, and
talks with those that answer frame by frame.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any

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
FRAMED = (
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
    + "module.main(config)\n"
)
"""Runs the inner modules of a config that comes as one frame on standard input, which stays open
for more."""
_START_SECONDS = 20.0
_TICK = 0.02
_PAGE = 4096


def sources(names: Sequence[str]) -> list[tuple[str, str]]:
    """The code of inner modules, in import order."""
    folder = resources.files("editloop.sandbox.inner")
    return [(name, folder.joinpath(f"{name}.py").read_text("utf-8")) for name in names]


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


_lock = threading.Lock()
_starters: dict[int, ThreadPoolExecutor] = {}
"""By process, as a fork has no threads: one thread that lives as long as it, since PR_SET_PDEATHSIG
fires when the *thread* that forked ends."""


def launch(
    command: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    passed: Sequence[int] = (),
    out: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """A process with pipes, a session of its own and no environment but ``env`` (None: the usual
    one); it ends with this process. ``passed``: descriptors that it keeps, ``out``: where its
    output goes, as for ``Popen``. Raises OSError.
    """

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            env=environment() if env is None else env,
            cwd="/",
            pass_fds=passed,
            start_new_session=True,
        )

    with _lock:
        if os.getpid() not in _starters:
            _starters[os.getpid()] = ThreadPoolExecutor(1, "sandbox-launcher")
        starting = _starters[os.getpid()].submit(start)
    return starting.result(_START_SECONDS)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a launched process and all of its session, which nothing in it can leave."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in session(process.pid):  # groups of their own
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def session(leader: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # After the name, which may hold anything: state, parent, group, session.
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in (b"Z", b"X"):
            found.append(int(name))
    return found


class Talk:
    """Frames to and from a launched process; what comes is untrusted."""

    def __init__(self, process: subprocess.Popen[bytes], cap: int) -> None:
        """``cap``: bytes of one answer, at most."""
        self._process, self._cap = process, cap
        self._data = bytearray()

    def ask(
        self, frame: bytes, seconds: float, cancel: threading.Event | None = None
    ) -> dict[str, Any]:
        """The answer to a frame. Raises TimeoutError, also once ``cancel`` is set, EOFError where
        the process has ended, OSError, and ValueError with the text that came in an answer's place.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(frame)
        self._process.stdin.flush()
        deadline = time.monotonic() + seconds
        head = self._read(4, deadline, cancel)
        size = int.from_bytes(head, "big")
        if size > self._cap:
            with contextlib.suppress(EOFError, TimeoutError):
                self._read(_PAGE, deadline, cancel)
            raise ValueError((head + self._data).decode("utf-8", "replace"))
        answer = json.loads(self._read(size, deadline, cancel))
        if not isinstance(answer, dict):
            raise ValueError("no JSON object")
        return answer

    def _read(self, count: int, deadline: float, cancel: threading.Event | None) -> bytes:
        assert self._process.stdout is not None
        source = self._process.stdout.fileno()
        while len(self._data) < count:
            if time.monotonic() > deadline or (cancel is not None and cancel.is_set()):
                raise TimeoutError
            if select.select([source], [], [], _TICK)[0]:
                part = os.read(source, 1 << 16)
                if not part:
                    raise EOFError
                self._data += part
        found = bytes(self._data[:count])
        del self._data[:count]
        return found


def framed(message: dict[str, Any]) -> bytes:
    """A message as the frame that carries it, however long."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return len(body).to_bytes(4, "big") + body
