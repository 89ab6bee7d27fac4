"""Levels C and E as far as they can be tested elsewhere: texts, sizes, and the pipes with a guard that isolates nothing."""  # noqa: E501

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence

import pytest

from editloop.sandbox import Level, detect, macos, paths, windows
from editloop.sandbox.fresh import FreshBox, PipeSession
from editloop.sandbox.job import Job, frame_job, parse

if not hasattr(os, "sysconf"):
    pytest.skip("needs a POSIX system", allow_module_level=True)


class OpenGuard:
    """Isolates nothing: for these tests' own harmless programs only."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        return [paths.interpreter(), *arguments]

    def options(self) -> dict[str, object]:
        return {"start_new_session": True}

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        pass

    def usage(self, process: subprocess.Popen[bytes]) -> tuple[float, int]:
        try:
            with open(f"/proc/{process.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return 0.0, 0
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def run(
    source: str, expression: str, cpu: float = 5.0, memory: int = 512
) -> tuple[list[object], PipeSession]:
    job = Job({"kind": "calls", "source": source, "items": [{"e": expression}]}, cpu, 10.0)
    frames: list[object] = []

    def collect(session: PipeSession, frame: bytes) -> bool:
        frames.append(parse(frame))
        return False

    box = FreshBox(OpenGuard(), memory_mb=memory)
    (session,) = box.drive([(frame_job(job), job.cpu_seconds, job.wall_seconds, job.cap)], collect)
    return frames, session


def test_fresh_processes() -> None:
    frames, session = run("def f(x): print('noise'); return [x]", "f(1)")
    assert frames == [{"n": -1}, {"n": 0, "ret": {"r": [0], "t": [["L", 1]]}}]
    assert session.end == "exit"


def test_fresh_processes_are_watched() -> None:
    assert run("while True: pass", "0", cpu=0.1)[1].end == "cpu"
    assert (
        run("x = b'x' * (300 << 20)\nimport time; time.sleep(5)", "0", memory=100)[1].end
        == "memory"
    )


def test_mac_profile() -> None:
    text = macos.profile("/opt/py/bin/python3", ["/opt/py/lib", '/odd "name"'])
    assert text.startswith("(version 1)\n(deny default)\n")
    assert '(allow process-exec (literal "/opt/py/bin/python3"))' in text
    assert '(subpath "/odd \\"name\\"")' in text
    assert "(deny network*)" in text
    assert text.count("(") == text.count(")")
    assert [line for line in text.splitlines() if "write" in line] == [
        '(allow file-write-data (literal "/dev/null"))'
    ]
    command = macos.MacGuard("/opt/py/bin/python3", ["/opt/py/lib"]).command(["-c", "x"])
    assert command[:2] == ["/usr/bin/sandbox-exec", "-p"]
    assert command[3:] == ["/opt/py/bin/python3", "-c", "x"]
    assert ctypes.sizeof(macos.RusageInfoV2) == 16 + 18 * 8


def test_windows_structures() -> None:
    if ctypes.sizeof(ctypes.c_void_p) == 8:
        assert ctypes.sizeof(windows.BasicLimits) == 64
        assert ctypes.sizeof(windows.ExtendedLimits) == 144
    assert ctypes.sizeof(windows.Accounting) == 48
    wanted = windows.limits(256)
    assert wanted.ProcessMemoryLimit == 256 << 20
    assert wanted.Basic.ActiveProcessLimit == 1
    assert wanted.Basic.LimitFlags == 0x2508


def test_choice_of_levels() -> None:
    assert detect.candidates("linux", False) == (Level.A, Level.B)
    assert detect.candidates("darwin", False) == (Level.C,)
    assert detect.candidates("win32", False) == ()
    assert detect.candidates("win32", True) == (Level.E,)
    assert detect.candidates("plan9", True) == ()
