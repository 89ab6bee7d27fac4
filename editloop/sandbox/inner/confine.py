"""What the zygote and each child do to themselves: limits, identity, Landlock, seccomp. There is no
way back.

What is the same for all children is done once in the zygote and inherited, so that a child costs
little.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource

from editloop.sandbox.inner import landlock

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SIGKILL = 9
THREADS = 64


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def prctl(option: int, value: int, extra: object = 0) -> None:
    """prctl(2); raises OSError."""
    if landlock.libc.prctl(option, ctypes.c_ulong(value), extra, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends."""
    prctl(_PR_SET_PDEATHSIG, _SIGKILL)


def hide() -> None:
    """Be unreadable through /proc and untraceable for processes of the same user."""
    prctl(_PR_SET_DUMPABLE, 0)


def limit(kind: int, value: int) -> None:
    """Set a soft and hard limit, never above the hard limit that is already there."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def limit_common(memory_mb: int, file_mb: int = 0, descriptors: int = 64) -> None:
    """Limits that are the same for all children of a zygote."""
    limit(resource.RLIMIT_AS, memory_mb << 20)
    limit(resource.RLIMIT_FSIZE, file_mb << 20)
    limit(resource.RLIMIT_NOFILE, descriptors)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_MEMLOCK, 0)
    limit(resource.RLIMIT_MSGQUEUE, 0)


def install_filter(code: bytes) -> None:
    """Put a seccomp filter over those already there; needs no_new_privs."""
    buffer = ctypes.create_string_buffer(code, len(code))
    prctl(_PR_SET_SECCOMP, 2, ctypes.byref(Program(len(code) // 8, ctypes.addressof(buffer))))


def no_new_privileges() -> None:
    """Setuid programs give nothing from now on; lets an ordinary user install filters."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Keep no capability, also as root."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    landlock.libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def enter(ruleset: int, code: bytes, *, cpu_seconds: float, uid: int | None, counted: bool) -> None:
    """Confine a child of a prepared zygote; `code` is its seccomp filter.

    `counted`: RLIMIT_NPROC counts only processes of this sandbox, so it may be low.
    """
    limit(resource.RLIMIT_CPU, math.ceil(cpu_seconds) + 1)
    if counted or uid is not None:
        limit(resource.RLIMIT_NPROC, THREADS)
    if uid is not None:
        os.setresuid(
            uid, uid, uid
        )  # from root to another: all capabilities are gone, and so is dumpable
    else:
        drop_capabilities()
    die_with_parent()  # a change of uid clears it
    landlock.restrict(ruleset)
    os.close(ruleset)
    install_filter(code)


def machine() -> str:
    """The name of the machine's processor in seccomp's tables."""
    name = os.uname().machine
    return {"arm64": "aarch64", "amd64": "x86_64"}.get(name, name)
