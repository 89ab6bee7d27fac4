"""Level E: a Windows job object around each candidate. It limits processes, memory and time; it
hides no files.

Used only after explicit consent. Written after the Win32 documentation. Untested on the real
system: only the structures are.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from typing import Any

PROCESS_TIME, ACTIVE_PROCESS, PROCESS_MEMORY = 0x2, 0x8, 0x100
DIE_ON_UNHANDLED, KILL_ON_CLOSE = 0x400, 0x2000
UI_ALL = 0xFF
_BASIC_UI, _EXTENDED, _ACCOUNTING = 4, 9, 1
CREATE_NO_WINDOW = 0x08000000


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION; times in units of 100 ns."""

    _fields_ = [
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    ]


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = [
        ("Basic", BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    ]


class Accounting(ctypes.Structure):
    """JOBOBJECT_BASIC_ACCOUNTING_INFORMATION."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("TotalUserTime", "TotalKernelTime", "PeriodUser", "PeriodKernel")
        ),
        *(
            (name, ctypes.c_uint32)
            for name in ("PageFaults", "TotalProcesses", "ActiveProcesses", "Terminated")
        ),
    ]


def limits(memory_mb: int, processes: int = 1) -> ExtendedLimits:
    """One process, so much memory, killed when the job's handle is closed (also by our own end)."""
    wanted = ExtendedLimits()
    wanted.Basic.LimitFlags = ACTIVE_PROCESS | PROCESS_MEMORY | DIE_ON_UNHANDLED | KILL_ON_CLOSE
    wanted.Basic.ActiveProcessLimit = processes
    wanted.ProcessMemoryLimit = memory_mb << 20
    return wanted


def kernel32() -> Any:
    """The library, with the result types that 64-bit handles need."""
    library = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009 - absent on other systems
    library.CreateJobObjectW.restype = ctypes.c_void_p
    return library


class WindowsGuard:
    """How `fresh` starts, watches and ends a candidate on Windows, each in a job object."""

    def __init__(self, python: str, memory_mb: int) -> None:
        self._python = python
        self._memory_mb = memory_mb
        self._jobs: dict[int, int] = {}

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The bare interpreter."""
        return [self._python, *arguments]

    def options(self) -> dict[str, object]:
        """Further arguments of Popen."""
        return {"creationflags": CREATE_NO_WINDOW}

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        """Put the process under a job before it is sent anything. Raises OSError."""
        library = kernel32()
        job = library.CreateJobObjectW(None, None)
        wanted, screen = limits(self._memory_mb), ctypes.c_uint32(UI_ALL)
        handle = ctypes.c_void_p(int(getattr(process, "_handle")))  # noqa: B009 - absent on other systems
        done = (
            job
            and library.SetInformationJobObject(
                ctypes.c_void_p(job), _EXTENDED, ctypes.byref(wanted), ctypes.sizeof(wanted)
            )
            and library.SetInformationJobObject(
                ctypes.c_void_p(job), _BASIC_UI, ctypes.byref(screen), 4
            )
            and library.AssignProcessToJobObject(ctypes.c_void_p(job), handle)
        )
        if not done:
            process.kill()
            raise OSError(getattr(ctypes, "get_last_error")(), "the job object could not be set up")  # noqa: B009
        self._jobs[process.pid] = job

    def usage(self, process: subprocess.Popen[bytes]) -> tuple[float, int]:
        """CPU seconds; memory is the job's own business."""
        job = self._jobs.get(process.pid)
        told = Accounting()
        if job is None or not kernel32().QueryInformationJobObject(
            ctypes.c_void_p(job), _ACCOUNTING, ctypes.byref(told), ctypes.sizeof(told), None
        ):
            return 0.0, 0
        return (told.TotalUserTime + told.TotalKernelTime) / 1e7, 0

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Closing the last handle of the job kills all in it."""
        job = self._jobs.pop(process.pid, None)
        if job is not None:
            kernel32().TerminateJobObject(ctypes.c_void_p(job), 1)
            kernel32().CloseHandle(ctypes.c_void_p(job))
        process.kill()
