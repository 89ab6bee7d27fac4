"""Runs a person's command again and again inside one confined process: each run is a forked child,
either a fresh program or, for Python, a copy of this process with its imports done.

Jobs come in and answers go out as frames (see ``wire``). This process runs no candidate code: exit
codes, output and limits are taken here, outside of the child. What a child tells of itself may be
the candidate's invention.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import os
import resource
import select
import signal
import sys
import time
from typing import Any

from editloop.sandbox.inner import confine, landlock, program, seccomp, supervise, wire

OUTPUT_CAP = 64 << 10
ERRORS_CAP = 16 << 10
_TOLD_CAP = 128 << 10
_FLOOD = 64 << 20
_TICK_MS = 10
_DRAIN_SECONDS = 0.2


class Runner:
    """State: where jobs come from and answers go, and the ruleset that every child enters."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.jobs, self.answers = os.dup(0), os.dup(1)
        wire.ROUTES[self.jobs] = self.answers
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1):
            os.dup2(null, fd)
        os.environ.clear()
        os.environ.update(config["env"])
        # The process that was started stays beside this one, as its supervisor.
        link = supervise.begin(config["writable"], 2)
        confine.limit_common(config["memory_mb"], file_mb=256, descriptors=512)
        confine.drop_capabilities()
        confine.die_with_parent()
        confine.no_new_privileges()
        abi = landlock.abi()
        self.scoped = bool(landlock.handled(abi)[2])
        self.ruleset = landlock.ruleset(config["readable"], config["writable"], execute=True)
        landlock.restrict(self.ruleset)
        os.dup2(null, 2)
        os.close(null)
        # A child leaves this process's group before it gives up the right to.
        supervise.hand_over(link, None, abi, also=("setpgid",))

    def serve(self) -> None:
        """Until the other side is gone."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                wire.send(self.jobs, self._run(wire.receive(self.jobs)))

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        pipes = [os.pipe() for _ in range(3)]
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                self._become(job, [write for _, write in pipes])
            finally:
                os._exit(127)
        for _, write in pipes:
            os.close(write)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # both do it, so that it is done before either goes on
        child = _Child(pid, [read for read, _ in pipes], job["cpu"], started + job["wall"])
        return child.watch() | {"seconds": time.monotonic() - started}

    def _become(self, job: dict[str, Any], pipes: list[int]) -> None:
        os.setpgid(0, 0)
        stdin = os.open(job["stdin"] or os.devnull, os.O_RDONLY)
        told = fcntl.fcntl(pipes[2], fcntl.F_DUPFD, 16)  # away from the places filled below
        for fd, target in zip((stdin, *pipes[:2]), range(3), strict=True):
            os.dup2(fd, target)
        landlock.restrict(self.ruleset)
        os.dup2(told, 3)
        os.closerange(4, 1 << 12)
        confine.limit(resource.RLIMIT_CPU, int(job["cpu"]) + 2)
        leaf = seccomp.build_leaf(confine.machine(), None if self.scoped else os.getpid())
        confine.install_filter(seccomp.assemble(leaf))
        os.chdir(job["cwd"])
        os.environ.update(job["env"])
        if job["how"] == "exec":
            os.close(3)
            try:
                os.execvpe(job["argv"][0], job["argv"], dict(os.environ))
            except OSError as error:
                os.write(2, f"{job['argv'][0]}: {error.strerror}\n".encode())
                os._exit(126)
        os.set_inheritable(3, False)
        program.run(job, 3)


class _Child:
    """A running child: what it wrote so far, and its limits."""

    def __init__(self, pid: int, pipes: list[int], cpu: float, deadline: float) -> None:
        self.pid, self.cpu, self.deadline = pid, cpu, deadline
        self.caps = dict(zip(pipes, (OUTPUT_CAP, ERRORS_CAP, _TOLD_CAP), strict=True))
        self.texts = {fd: bytearray() for fd in pipes}
        self.flood = 0
        self.open = select.poll()
        for fd in pipes:
            os.set_blocking(fd, False)
            self.open.register(fd, select.POLLIN | select.POLLHUP)
        self.left = set(pipes)

    def watch(self) -> dict[str, Any]:
        """Read and wait until it ends or its time is over; whatever it started ends with it."""
        end = ""
        while True:
            self._read(_TICK_MS)
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                end = end or "exit"
                break
            end = end or self._over()
            if end:
                self._kill()
        self._kill()
        until = time.monotonic() + _DRAIN_SECONDS
        while self.left and time.monotonic() < until:
            self._read(_TICK_MS)
        for fd in self.left:
            os.close(fd)
        if end == "exit" and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            end = "cpu"
        out, errors, told = (bytes(text) for text in self.texts.values())
        return {
            "end": end,
            "status": os.waitstatus_to_exitcode(status),
            "out": out.decode("utf-8", "replace"),
            "err": errors.decode("utf-8", "replace"),
            "told": told.decode("utf-8", "replace"),
            "cpu": usage.ru_utime + usage.ru_stime,
        }

    def _over(self) -> str:
        if time.monotonic() > self.deadline:
            return "wall"
        if self.flood > _FLOOD:
            return "flood"
        with contextlib.suppress(OSError):  # it has just ended
            if time.clock_gettime((~self.pid << 3) | 2) > self.cpu:
                return "cpu"
        return ""

    def _kill(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)

    def _read(self, wait_ms: int) -> None:
        if not self.left:
            time.sleep(wait_ms / 1000)
        for fd, _ in self.open.poll(wait_ms) if self.left else ():
            try:
                part = os.read(fd, 1 << 16)
            except BlockingIOError:
                continue
            if not part:
                self.open.unregister(fd)
                self.left.discard(fd)
                os.close(fd)
                continue
            self.flood += len(part)
            text, cap = self.texts[fd], self.caps[fd]
            text += part
            if len(text) > cap:  # of errors the end tells most
                cut = slice(-cap, None) if cap == ERRORS_CAP else slice(0, cap)
                self.texts[fd] = text[cut]


def main(config: dict[str, Any]) -> None:
    """Confine, import what the program will import, and serve."""
    runner = Runner(config)
    sys.path[:] = [place for place in sys.path if place]
    ours = [name for name in sys.modules if name.split(".")[0] == "editloop"]
    for name in config["preload"]:
        # A module that does not import is the program's business.
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)
    for name in ours:
        sys.modules.pop(name, None)
    gc.collect()
    gc.freeze()
    wire.send(runner.jobs, {"ready": sys.version})
    runner.serve()
