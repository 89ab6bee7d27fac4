"""Landlock through its three system calls: a ruleset that allows reading a few folders and nothing
else.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ = 0b1100
"""READ_FILE and READ_DIR.

Not EXECUTE: no program is started, and loading an extension module does not need it.
"""
_EXECUTE = 0b1
_FILE_ONLY = 0b1 | 0b10 | 0b100 | 1 << 14 | 1 << 15

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def _call(number: int, *args: object) -> int:
    result = int(libc.syscall(ctypes.c_long(number), *args))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    try:
        return _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except OSError:
        return 0


def handled(version: int) -> tuple[int, int, int]:
    """All that this version can refuse: file system, network and scope bits."""
    bits = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    return (1 << bits) - 1, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0


def ruleset(readable: Sequence[str], writable: Sequence[str] = (), *, execute: bool = False) -> int:
    """A descriptor for `restrict`.

    Paths that do not exist are skipped. Raises OSError without Landlock.
    """
    version = abi()
    fs, net, scoped = handled(version)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    fd = _call(
        _CREATE, ctypes.byref(_Ruleset(fs, net, scoped)), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    wanted = [(path, _READ | (_EXECUTE if execute else 0)) for path in readable]
    for path, access in wanted + [(path, fs) for path in writable]:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            mask = access & fs & (-1 if os.path.isdir(path) else _FILE_ONLY)
            _call(
                _ADD,
                ctypes.c_int(fd),
                ctypes.c_int(1),
                ctypes.byref(_PathBeneath(mask, parent)),
                ctypes.c_uint32(0),
            )
        finally:
            os.close(parent)
    return fd


def restrict(fd: int) -> None:
    """Put this process under the ruleset for good; needs no_new_privs."""
    _call(_RESTRICT, ctypes.c_int(fd), ctypes.c_uint32(0))
