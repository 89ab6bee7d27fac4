"""The process that forks one confined child per job and watches its CPU clock and its wall clock.

It runs no candidate code and reads nothing that a child wrote. Control messages are packets on one
socket: `RUN id cpu wall` with the child's socket attached, or `WARM` for one that takes several
jobs, with `NEXT id cpu wall` before each further one; `KILL id`; the answer is `END id reason
status cpu`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Any

from editloop.sandbox.inner import child, confine, landlock, seccomp, wire

RUN, KILL, READY, WARM, NEXT = 1, 2, 3, 4, 5
REQUEST = struct.Struct("<BQdd")
REPORT = struct.Struct("<QBid")
ENDED, CPU, WALL, KILLED = 0, 1, 2, 3
JOB_FD = 3
DESCRIPTORS = 64
CORES = os.cpu_count() or 1
WARM_CPU = 60.0
"""Seconds of CPU in all that the kernel leaves to a warm child; each of its jobs has far less."""


@dataclass(slots=True)
class _Child:
    job: int
    pid: int
    pidfd: int
    cpu: float
    deadline: float
    reason: int = ENDED


def cpu_clock(pid: int) -> float:
    """CPU seconds of a whole process (all threads), from its CPU clock: (~pid << 3) | 2 is its
    clock id.
    """
    return time.clock_gettime((~pid << 3) | 2)


class Zygote:
    """State: the control socket, the ruleset that every child enters, the children alive."""

    def __init__(self, control: socket.socket, config: dict[str, Any]) -> None:
        self.control = control
        self.config = config
        # Moved up, so that putting the job's socket at its place cannot overwrite it.
        self.ruleset = fcntl.fcntl(
            landlock.ruleset(config["readable"]), fcntl.F_DUPFD_CLOEXEC, DESCRIPTORS // 2
        )
        self.children: dict[int, _Child] = {}
        self.poller = select.poll()
        self.poller.register(control.fileno(), select.POLLIN)
        self.uid = config["uid"]
        if self.uid is not None and not self._can_run_as(self.uid):
            self.uid = None
        self.template = seccomp.template(confine.machine())
        if self.uid is not None:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
        confine.hide()
        confine.limit_common(config["memory_mb"], descriptors=DESCRIPTORS)
        confine.no_new_privileges()
        confine.install_filter(seccomp.assemble(seccomp.build_base(confine.machine())))

    def _can_run_as(self, uid: int) -> bool:
        """Whether a process of that uid can still read the standard library."""
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                os.close(os.open(os.__file__, os.O_RDONLY))
                os._exit(0)
            except BaseException:  # noqa: BLE001
                os._exit(1)
        return os.waitpid(pid, 0)[1] == 0

    def serve(self) -> None:
        """Until the control socket closes."""
        while True:
            for fd, _ in self.poller.poll(self._pause()):
                if fd == self.control.fileno():
                    if not self._request():
                        return
                else:
                    self._reap(fd)
            self._enforce()

    def _pause(self) -> int | None:
        if not self.children:
            return None
        now = time.monotonic()
        waits = []
        for one in self.children.values():
            left = max(one.cpu - cpu_clock(one.pid), 0.0) / CORES
            waits.append(min(max(one.deadline - now, 0.0), left if left < 0.5 else left * 0.8))
        return max(1, int(min(waits) * 1000) + 1)

    def _request(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self.control, 64, 1)
        if not data:
            return False
        kind, job, cpu, wall = REQUEST.unpack(data)
        if kind in (RUN, WARM):
            self._fork(job, fds[0], cpu, wall, cpu if kind == RUN else WARM_CPU)
        elif kind == NEXT:
            for one in self.children.values():
                if one.job == job:
                    one.cpu = cpu_clock(one.pid) + cpu
                    one.deadline = time.monotonic() + wall
        elif kind == KILL:
            for one in self.children.values():
                if one.job == job:
                    one.reason = KILLED
                    self._kill(one)
        return True

    def _fork(self, job: int, fd: int, cpu: float, wall: float, most: float) -> None:
        pid = os.fork()
        if pid == 0:
            try:
                os.dup2(fd, JOB_FD)
                os.dup2(self.ruleset, JOB_FD + 1)
                os.closerange(JOB_FD + 2, 1 << 16)
                code = seccomp.fill(self.template, os.getpid())
                confine.enter(
                    JOB_FD + 1, code, cpu_seconds=most, uid=self.uid, counted=self.config["counted"]
                )
                child.run_job(JOB_FD)
            except BaseException as error:  # no candidate code ran yet: run_job does not return  # noqa: BLE001
                wire.send(JOB_FD, {"fault": f"{type(error).__name__}: {error}"})
            finally:
                os._exit(1)
        os.close(fd)
        one = _Child(job, pid, os.pidfd_open(pid), cpu, time.monotonic() + wall)
        self.children[one.pidfd] = one
        self.poller.register(one.pidfd, select.POLLIN)

    def _kill(self, one: _Child) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)

    def _enforce(self) -> None:
        now = time.monotonic()
        for one in self.children.values():
            if one.reason == ENDED and (now > one.deadline or cpu_clock(one.pid) > one.cpu):
                one.reason = WALL if now > one.deadline else CPU
                self._kill(one)

    def _reap(self, pidfd: int) -> None:
        one = self.children.pop(pidfd)
        self.poller.unregister(pidfd)
        os.close(pidfd)
        _, status, usage = os.wait4(one.pid, 0)
        used = usage.ru_utime + usage.ru_stime
        ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        limits = (signal.SIGXCPU, signal.SIGKILL)
        if one.reason == ENDED and ended_by in limits and used >= one.cpu:
            one.reason = CPU
        self.control.send(REPORT.pack(one.job, one.reason, status, used))


def main(control: socket.socket, config: dict[str, Any]) -> None:
    """Serve until the parent is gone."""
    import gc
    import importlib

    for name in config["preload"]:
        importlib.import_module(name)
    sys.argv = [""]
    for name in [name for name in sys.modules if name.split(".")[0] == "editloop"]:
        del sys.modules[name]  # a candidate may itself be called that
    confine.die_with_parent()
    zygote = Zygote(control, config)
    gc.collect()
    gc.freeze()  # children would copy the pages that a collection touches
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 2)
    os.close(null)
    control.send(REPORT.pack(0, READY, 0 if zygote.uid is None else zygote.uid, 0.0))
    try:
        zygote.serve()
    finally:
        for one in zygote.children.values():
            zygote._kill(one)
        os._exit(0)
