"""Level C: a sandbox-exec profile for each candidate and a watchdog on its memory, which macOS has
no limit for.

Written after Apple's profile language and libproc's header. Untested on the real system: only the
texts and sizes are.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence

SANDBOX_EXEC = "/usr/bin/sandbox-exec"
_SYSTEM = (
    "/usr/lib",
    "/usr/share/zoneinfo",
    "/System/Library",
    "/System/Volumes/Preboot",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
)
_DEVICES = (
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/dev/autofs_nowait",
    "/dev/dtracehelper",
)
_RUSAGE_INFO_V2 = 2


class RusageInfoV2(ctypes.Structure):
    """`struct rusage_info_v2` of <sys/resource.h>: times in Mach units, memory in bytes."""

    _fields_ = [
        ("uuid", ctypes.c_uint8 * 16),
        *(
            (name, ctypes.c_uint64)
            for name in (
                "user_time",
                "system_time",
                "pkg_idle_wkups",
                "interrupt_wkups",
                "pageins",
                "wired_size",
                "resident_size",
                "phys_footprint",
                "proc_start_abstime",
                "proc_exit_abstime",
                "child_user_time",
                "child_system_time",
                "child_pkg_idle_wkups",
                "child_interrupt_wkups",
                "child_pageins",
                "child_elapsed_abstime",
                "diskio_bytesread",
                "diskio_byteswritten",
            )
        ),
    ]


def _quoted(path: str) -> str:
    """A string of the profile language."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def profile(python: str, readable: Sequence[str]) -> str:
    """Deny all but: reading the libraries, running that one interpreter, signals to oneself."""
    folders = [*_SYSTEM, *readable]
    parents = sorted(
        {os.path.dirname(path) for path in [python, *folders]} | {"/", "/private", "/private/var"}
    )
    return "\n".join(
        [
            "(version 1)",
            "(deny default)",
            f"(allow process-exec (literal {_quoted(python)}))",
            "(deny process-fork)",
            "(deny network*)",
            "(allow signal (target self))",
            "(allow sysctl-read)",
            "(allow file-read* " + " ".join(f"(subpath {_quoted(path)})" for path in folders) + ")",
            f"(allow file-read* (literal {_quoted(python)}))",
            "(allow file-read-metadata "
            + " ".join(f"(literal {_quoted(path)})" for path in parents)
            + ")",
            "(allow file-read* "
            + " ".join(f"(literal {_quoted(path)})" for path in _DEVICES)
            + ")",
            '(allow file-write-data (literal "/dev/null"))',
            "",
        ]
    )


class MacGuard:
    """How `fresh` starts, watches and ends a candidate on macOS."""

    def __init__(self, python: str, readable: Sequence[str]) -> None:
        self._profile = profile(python, readable)
        self._python = python

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The interpreter under the profile; sandbox-exec replaces itself, so the process id is the
        candidate's.
        """
        return [SANDBOX_EXEC, "-p", self._profile, self._python, *arguments]

    def options(self) -> dict[str, object]:
        """Further arguments of Popen."""
        return {"start_new_session": True}

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        """Nothing to do: the profile came with the start."""

    def usage(self, process: subprocess.Popen[bytes]) -> tuple[float, int]:
        """CPU seconds and bytes of memory, (0, 0) when the process is gone."""
        libproc = ctypes.CDLL("/usr/lib/libproc.dylib")
        info = RusageInfoV2()
        if libproc.proc_pid_rusage(process.pid, _RUSAGE_INFO_V2, ctypes.byref(info)) != 0:
            return 0.0, 0
        return (info.user_time + info.system_time) * _mach_seconds(), int(info.phys_footprint)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """The whole session."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()


def _mach_seconds() -> float:
    """Seconds in one Mach time unit."""
    scale = (ctypes.c_uint32 * 2)()
    ctypes.CDLL("/usr/lib/libSystem.dylib").mach_timebase_info(ctypes.byref(scale))
    return scale[0] / scale[1] / 1e9
