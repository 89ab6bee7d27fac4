"""Changes modes and times of files on behalf of another process, whose own call is held back.

The file is opened first and judged by where it really is, so nothing that the process does
meanwhile can put another one in its place.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from editloop.sandbox.inner import landlock

_HERE = -100
_NOFOLLOW = 0x100
_PATH_CAP, _PAGE = 4096, 4096
_TIMES = 32
"""Bytes of two `struct timespec`."""


@dataclass(frozen=True)
class Change:
    """What a process asked for: a descriptor of the file (closed at the end of ``with``), and a
    mode, or the bytes of two times, None for now.
    """

    file: int
    mode: int | None = None
    times: bytes | None = None

    def __enter__(self) -> Change:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.file)

    def make(self, folders: Sequence[str]) -> int:
        """Change a file below one of the folders; an errno, 0 for done."""
        name = f"/proc/self/fd/{self.file}"
        place = os.readlink(name)
        if not any(place.startswith(folder.rstrip("/") + "/") for folder in folders):
            return errno.EPERM
        if self.mode is None:
            done = landlock.libc.utimensat(_HERE, name.encode(), self.times, 0) == 0
            return 0 if done else ctypes.get_errno()
        if self.mode & 0o6000:
            return errno.EPERM
        try:
            os.chmod(name, self.mode & 0o1777)
        except OSError as error:
            return error.errno or errno.EPERM
        return 0


def asked(name: str, pid: int, args: Sequence[int]) -> Change:
    """The change that a call of process `pid` stands for; its name and arguments are the kernel's.

    Raises OSError, whose errno is the answer, where there is no such file or memory.
    """
    times = name == "utimensat"
    if name == "fchmod" or (times and not args[1]):
        rest = args[1:] if name == "fchmod" else args[2:]
        file = os.open(f"/proc/{pid}/fd/{_signed(args[0])}", os.O_PATH)
    else:
        base, (at, *rest) = (_HERE, args) if name == "chmod" else (_signed(args[0]), args[1:])
        file = _open(pid, base, _read(pid, at, _PATH_CAP), rest[1] if times else 0)
    try:
        if not times:
            return Change(file, mode=rest[0])
        return Change(file, times=_read(pid, rest[0], _TIMES) if rest[0] else None)
    except OSError:
        os.close(file)
        raise


def _open(pid: int, base: int, memory: bytes, flags: int) -> int:
    """The file that a process names, relative to its own folder or descriptor."""
    path = memory.split(b"\0")[0]
    if flags & ~_NOFOLLOW:
        raise OSError(errno.EINVAL, "unknown flags")
    if not path:
        raise FileNotFoundError(errno.ENOENT, "no name")
    place = f"/proc/{pid}/cwd" if base == _HERE else f"/proc/{pid}/fd/{base}"
    folder = os.open("/" if path[:1] == b"/" else place, os.O_PATH | os.O_DIRECTORY)
    try:
        follow = os.O_NOFOLLOW if flags & _NOFOLLOW else 0
        return os.open(path, os.O_PATH | follow, dir_fd=folder)
    finally:
        os.close(folder)


def _signed(value: int) -> int:
    return ctypes.c_int32(value & 0xFFFFFFFF).value


def _read(pid: int, address: int, size: int) -> bytes:
    """Another process's memory, up to the end of what is mapped; raises OSError (EFAULT) for none.

    A page at a time: a string may end right before memory that is not there.
    """
    out = b""
    while len(out) < size:
        here = address + len(out)
        part = ctypes.create_string_buffer(min(size - len(out), _PAGE - here % _PAGE))
        vector = ctypes.c_size_t * 2
        local = vector(ctypes.addressof(part), len(part))
        count = landlock.libc.process_vm_readv(
            pid, ctypes.byref(local), 1, ctypes.byref(vector(here, len(part))), 1, 0
        )
        if count <= 0:
            break
        out += part.raw[:count]
        if size == _PATH_CAP and b"\0" in out:
            break
    if not out:
        raise OSError(errno.EFAULT, "no such memory")
    return out
