"""The process beside a test suite: it grants processes and threads up to a limit, changes modes and
times of files where the suite may write, and ends the suite where it fills the disk.

RLIMIT_NPROC does not hold for uid 0 and counts a user's other processes; Landlock knows no right to
change a mode. So the suite's filter hands these calls over (seccomp's user notification) and they
are judged here, where none of the suite's code runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator, Sequence

from editloop.sandbox.inner import confine, landlock, metadata, seccomp

PROCESSES, TASKS = 64, 256
"""The most processes, and threads of all of them, that a suite has at a time."""
SCRATCH_BYTES = 256 << 20
FREE_BYTES = 1 << 30
"""What is left free on the disk of the scratch folder, whoever fills it."""

_RECEIVE, _SEND, _VALID = 0xC0502100, 0xC0182101, 0x40082102
_NOTICE = struct.Struct("<QIIiIQ6Q")
_ANSWER = struct.Struct("<QqiI")
_CONTINUE = 1
_SET_FILTER, _NEW_LISTENER = 1, 8
_SUBREAPER = 36
_TICK, _WATCH_SHARE, _END_TRIES = 0.25, 20, 40
SETTLED = 0.05
"""Seconds after which a granted process is surely counted by looking."""


def begin(writable: Sequence[str], out: int) -> socket.socket:
    """Fork. Returns in the child, which is to confine itself and call `hand_over`; the parent
    becomes its supervisor, ends as it ends, and tells on `out` if it had to end it.
    """
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        return theirs
    status = 1
    try:
        theirs.close()
        status = _Supervisor(pid, ours, writable, out).run()
    finally:
        os._exit(status)


def hand_over(link: socket.socket, pid: int | None, abi: int, also: Sequence[str] = ()) -> None:
    """Install the suite's filter, whose questions the supervisor answers from now on.

    Where the system has a listener of its own (some containers), the filter refuses what it cannot
    judge and the supervisor only watches. `pid`: the only process that may be signalled, None for
    all; `abi`: Landlock's version; `also`: names of further calls that are allowed.
    """
    machine = confine.machine()
    with link:
        try:
            code = seccomp.build_suite(machine, pid, abi=abi, also=also)
            listener = _listen(seccomp.assemble(code))
        except OSError:
            plain = seccomp.build_suite(machine, pid, abi=abi, judged=False, also=also)
            confine.install_filter(seccomp.assemble(plain))
            link.send(b"n")
            return
        socket.send_fds(link, [b"y"], [listener])
        os.close(listener)


def _listen(code: bytes) -> int:
    number = {"x86_64": 317, "aarch64": 277}[confine.machine()]
    buffer = ctypes.create_string_buffer(code, len(code))
    program = confine.Program(len(code) // 8, ctypes.addressof(buffer))
    args = ctypes.c_ulong(_SET_FILTER), ctypes.c_ulong(_NEW_LISTENER), ctypes.byref(program)
    told = int(landlock.libc.syscall(ctypes.c_long(number), *args))
    if told < 0:
        raise OSError(ctypes.get_errno(), "no listener")
    return told


class _Supervisor:
    def __init__(self, suite: int, link: socket.socket, writable: Sequence[str], out: int) -> None:
        self.suite, self.out = suite, out
        self.folders = [os.path.realpath(path) for path in writable if os.path.isdir(path)]
        self.calls = seccomp.judged(confine.machine())
        self.session = os.getsid(0)
        self.count = [1, 1]
        self.granted: list[tuple[float, int]] = []
        self.disks = {path: os.statvfs(path) for path in self.folders}
        confine.drop_capabilities()
        confine.hide()
        confine.no_new_privileges()
        confine.prctl(_SUBREAPER, 1)  # what the suite leaves stays below, and so can be read
        confine.die_with_parent()
        self._keep(out, link.fileno())
        self.link = link

    def _keep(self, *descriptors: int) -> None:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            if fd not in descriptors:
                os.dup2(null, fd)
        for other in map(int, os.listdir("/proc/self/fd")):
            if other > 2 and other not in descriptors:
                with contextlib.suppress(OSError):  # the listing's own is closed already
                    os.close(other)

    def run(self) -> int:
        """Serve until the suite has ended; its exit code, 128 and more for a signal."""
        self.listener = self._receive()
        poller = select.poll()
        ended = os.pidfd_open(self.suite)
        poller.register(ended, select.POLLIN)
        if self.listener is not None:
            poller.register(self.listener, select.POLLIN)
        watch = time.monotonic()
        while True:
            for fd, event in poller.poll(_TICK * 1000):
                if fd == self.listener and event & select.POLLIN:
                    self._answer(fd)
                elif fd == self.listener:
                    poller.unregister(fd)
            status = self._reap()
            if status is not None:
                return status
            started = time.monotonic()
            if started >= watch:
                problem = self._problem()
                if problem:
                    return self._end(problem)
                watch = time.monotonic() + max(_TICK, _WATCH_SHARE * (time.monotonic() - started))

    def _receive(self) -> int | None:
        with self.link:
            fds = socket.recv_fds(self.link, 1, 1)[1]
        return fds[0] if fds else None

    def _reap(self) -> int | None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if pid == self.suite:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if pid == 0:
                return None

    def _answer(self, listener: int) -> None:
        """One call: made by the kernel after all, made here, or refused."""
        notice = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, notice)
            ident, pid, _, number, _, _, *args = _NOTICE.unpack(notice)
            name = self.calls[number]
            if name in ("clone", "fork", "vfork"):
                made = self._room(name == "clone" and bool(args[0] & 0x10000))
                answer = (0, 0, _CONTINUE) if made else (0, -errno.EAGAIN, 0)
            else:
                answer = (0, -self._changed(name, pid, args, ident), 0)
            fcntl.ioctl(listener, _SEND, _ANSWER.pack(ident, *answer))
        except OSError:
            return  # who asked was killed meanwhile

    def _room(self, thread: bool) -> bool:
        """Count one more process, or thread; False where that is too many."""
        more = 0 if thread else 1
        if self.count[0] + more > PROCESSES or self.count[1] + 1 > TASKS:
            now = time.monotonic()
            self.granted = [part for part in self.granted if now - part[0] < SETTLED]
            told = list(self._tasks())
            self.count = [
                len(told) + sum(part[1] for part in self.granted),
                sum(count for _, count in told) + len(self.granted),
            ]
            if self.count[0] + more > PROCESSES or self.count[1] + 1 > TASKS:
                return False
        self.count = [self.count[0] + more, self.count[1] + 1]
        self.granted = [*self.granted[-TASKS:], (time.monotonic(), more)]
        return True

    def _tasks(self) -> Iterator[tuple[int, int]]:
        """Process id and number of threads of all in this session, which none can leave."""
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                try:
                    with open(f"/proc/{name}/stat", "rb") as file:
                        fields = file.read().rpartition(b")")[2].split()
                except OSError:
                    continue
                if int(fields[3]) == self.session:
                    yield int(name), max(1, int(fields[17]))

    def _changed(self, name: str, pid: int, args: Sequence[int], ident: int) -> int:
        """An errno, 0 for done."""
        try:
            change = metadata.asked(name, pid, args)
        except OSError as error:
            return error.errno or errno.EPERM
        with change:
            fcntl.ioctl(self.listener or 0, _VALID, struct.pack("<Q", ident))
            return change.make(self.folders)

    def _problem(self) -> str:
        """Why the suite has to end, "" where it may go on."""
        told = list(self._tasks())
        if len(told) > 2 * PROCESSES or sum(count for _, count in told) > 2 * TASKS:
            return f"the tests had more than {2 * PROCESSES} processes or {2 * TASKS} threads"
        for folder, before in self.disks.items():
            now = os.statvfs(folder)
            if now.f_blocks * now.f_frsize <= 2 * SCRATCH_BYTES:
                continue  # level A's own disk, which bounds itself
            if now.f_bavail < min(FREE_BYTES // now.f_frsize, before.f_bavail // 2):
                return "the disk of the temporary folder is nearly full"
            device = os.stat(folder).st_dev
            used = sum(_sizes(folder, device)) + sum(_unnamed([pid for pid, _ in told], device))
            if used > SCRATCH_BYTES:
                return f"the tests wrote more than {SCRATCH_BYTES >> 20} MB of files"
        return ""

    def _end(self, problem: str) -> int:
        with contextlib.suppress(OSError):
            os.write(self.out, json.dumps({"text": problem}).encode() + b"\n")
        for _ in range(_END_TRIES):
            left = [pid for pid, _ in self._tasks()]
            if not left:
                break
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(_TICK / 10)
            self._reap()
        return 1


def _sizes(folder: str, device: int) -> Iterator[int]:
    """Bytes on the disk of all below a folder; a small file costs a block, as an entry does."""
    waiting = [folder]
    while waiting:
        for entry in _entries(waiting.pop()):
            with contextlib.suppress(OSError):
                info = entry.stat(follow_symlinks=False)
                if info.st_dev == device:
                    yield max(info.st_blocks * 512, 4096)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _unnamed(pids: Sequence[int], device: int) -> Iterator[int]:
    """Bytes of files that are open and have no name any more."""
    seen = set()
    for pid in pids:
        for entry in _entries(f"/proc/{pid}/fd"):
            try:
                info = os.stat(entry.path)
            except OSError:
                continue
            if info.st_dev == device and info.st_nlink == 0 and info.st_ino not in seen:
                seen.add(info.st_ino)
                yield info.st_blocks * 512
