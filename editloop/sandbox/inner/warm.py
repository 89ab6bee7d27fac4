"""A process that has pytest and what a project imports at hand, and forks for each candidate. It is
confined before it starts; the project's interpreter, 3.8 or later.

A fork is made where pytest begins to collect, so that each one imports the module under repair and
the tests anew; before that where the project's conftest files import the module themselves.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import shutil
import signal
import stat
import sys
import tempfile
import time
from typing import Any

import pytest

from editloop.sandbox.inner import landlock, wire
from editloop.sandbox.inner.ahead import fitness, loaded, preload, remember
from editloop.sandbox.inner.recorder import Recorder

CAP = 4 << 20
"""Bytes that one fork may tell."""
_SUBREAPER = 36
_SETTLED = 0.05
"""Seconds, as `supervise.SETTLED`; that module is not among those that come along in here."""


class Server:
    """Answers requests on descriptor ``inlet`` with what a fork told, on ``outlet``."""

    def __init__(self, config: dict[str, Any], inlet: int, outlet: int) -> None:
        self.config = config
        self.inlet, self.outlet = inlet, outlet
        self.recorder = Recorder(-1, config["module"])
        self.late = False
        self.names: list[str] = []

    def serve(self) -> dict[str, Any] | None:
        """Fork for each request and return it in the fork; None in this process, at its end."""
        while True:
            try:
                request: dict[str, Any] = wire.receive(self.inlet)
            except EOFError:
                os._exit(0)
            if "settle" in request:
                self.names = request["settle"]
                self.late = request["late"]
                return None
            # What the other side has ended since is counted until it is reaped.
            self._reap(os.WNOHANG)
            inlet, outlet = os.pipe()
            pid = os.fork()
            if pid == 0:
                self._enter(request, outlet)
                return request
            os.close(outlet)
            self.answer(self._watched(pid, inlet, request["cpu"], request["wall"]))

    # A fork.

    def _enter(self, request: dict[str, Any], outlet: int) -> None:
        """Cut a fork off from this process and from other forks."""
        os.close(self.inlet)
        os.close(self.outlet)
        landlock.restrict(self.config["slot_rules"])
        os.close(self.config["slot_rules"])
        slot = self.config["slot"]
        os.environ["HOME"] = os.environ["TMPDIR"] = slot
        tempfile.tempdir = None
        seconds = int(request["cpu"]) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        self.recorder.out, self.recorder.leaves = outlet, True
        self.recorder.traced = request["traced"]
        self.recorder.first = request["first"]

    # Its parent.

    def _watched(self, pid: int, inlet: int, cpu: float, wall: float) -> dict[str, Any]:
        """What a fork told until it ended, or had to be ended."""
        told, end, deadline = bytearray(), "exit", time.monotonic() + wall
        while True:
            left = deadline - time.monotonic()
            if cpu_clock(pid) > cpu:
                left = 0.0
            if left <= 0 or len(told) > CAP:
                end = "wall" if left <= 0 else "flood"
                break
            if select.select([inlet], [], [], min(left, 0.02))[0]:
                part = os.read(inlet, 1 << 16)
                told += part
                if not part and self._over(pid, min(left, 0.5)):
                    break
            elif self._over(pid, 0.0):
                while select.select([inlet], [], [], 0)[0] and len(told) <= CAP:
                    part = os.read(inlet, 1 << 16)
                    told += part
                    if not part:
                        break
                break
        os.close(inlet)
        left_over = self._cleared(pid)
        status, self.status = self.status, 0
        return {
            "out": told[:CAP].decode("utf-8", "replace"),
            "end": end,
            "status": status,
            "cpu": self.cpu,
            "left": left_over,
            "dirty": not self._emptied(self.config["slot"]),
        }

    status = gone = reaped = 0
    cpu = 0.0

    def _over(self, pid: int, seconds: float) -> bool:
        """Whether a fork has ended; waits for that."""
        deadline = time.monotonic() + seconds
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                self.gone, self.status = pid, status
                self.cpu = usage.ru_utime + usage.ru_stime
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.0005)

    def _cleared(self, pid: int) -> bool:
        """End a fork and all that it started; True where that is left to the other side."""
        if self.gone != pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        left = False
        if self.config["own_processes"]:  # the namespace is the suite's
            with contextlib.suppress(OSError):  # there is nothing, or but the supervisor
                os.kill(-1, signal.SIGKILL)
            before = self.reaped
            self._reap(0)
            if self.reaped > before:
                time.sleep(_SETTLED)  # or the supervisor counts them with the next fork's
        else:
            left = not self._reap(os.WNOHANG)
        return left

    def _reap(self, options: int) -> bool:
        """Whether no child is left."""
        while True:
            try:
                if os.waitpid(-1, options)[0] == 0:
                    return False
                self.reaped += 1
            except ChildProcessError:
                return True

    def _emptied(self, slot: str) -> bool:
        """Whether nothing is left of what a fork wrote, whatever it did to its folder."""
        try:
            os.chmod(slot, stat.S_IRWXU)
            for folder, names, _ in os.walk(slot):  # a folder is opened before it is entered
                for name in names:
                    path = os.path.join(folder, name)
                    if not os.path.islink(path):
                        os.chmod(path, stat.S_IRWXU)
            for entry in list(os.scandir(slot)):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
        except (OSError, RecursionError):
            return False
        return True

    def answer(self, answer: dict[str, Any]) -> None:
        """Send one frame."""
        data = json.dumps(answer).encode()
        wire.write(self.outlet, len(data).to_bytes(4, "big") + data)


class Late:
    """A pytest plugin that serves where pytest begins to collect."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> None:
        """Serve requests where pytest would collect; never returns in the serving process."""
        server = self.server
        preload(server.names, server.recorder, server.config["root"], whole=True)
        remember(server.names, session.config)
        server.answer(fitness(server.recorder))
        gc.collect()
        gc.freeze()
        server.late = False
        if server.serve() is None:
            os._exit(0)


class Scout:
    """A pytest plugin for the first fork: what is loaded when, and from where."""

    def __init__(self, recorder: Recorder, root: str) -> None:
        self.recorder, self.root = recorder, root

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> None:
        """Whether the module is loaded before the tests are."""
        self.recorder.tell(early=loaded(self.recorder))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> None:
        """The names of all modules that were loaded; of tests, the files, marked with "="."""
        names = []
        for name, module in list(sys.modules.items()):
            loader = type(getattr(module, "__loader__", None)).__name__
            file = getattr(module, "__file__", None)
            if not isinstance(file, str) or name == "__main__":
                continue
            test = loader == "AssertionRewritingHook" and file.startswith(self.root + os.sep)
            names.append(f"={file}" if test else name)
        self.recorder.tell(modules=names[:20000])


def cpu_clock(pid: int) -> float:
    """CPU seconds of a process, from its CPU clock: (~pid << 3) | 2 is its clock id."""
    return time.clock_gettime((~pid << 3) | 2)


def adopt() -> None:
    """Become the parent of what forks leave behind."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)
