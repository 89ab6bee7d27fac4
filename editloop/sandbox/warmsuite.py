"""A pytest suite in a process that stays and forks for each candidate. Linux, levels A and B.

The process is the project's own interpreter, so nothing that it says is believed: a pass is to be
confirmed by ``run_suite``. Forks cannot reach it or one another: each has a folder of its own to
write in, and what it starts is ended with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.inner import landlock
from editloop.sandbox.inner.supervise import SETTLED
from editloop.sandbox.interpreters import interpreter
from editloop.sandbox.level import Level
from editloop.sandbox.suite import OUTPUT_CAP, SuiteRun, read_lines
from editloop.sandbox.suitestart import Job, first_frame, placed, shown_to, start

_START_SECONDS = 20.0
_GRACE = 10.0
"""Seconds in which a fork whose time is over has to end, and then what it left: beside a fork bomb
there is little of the processor for either. Chosen."""
_CPU_SECONDS = 3600.0
_TICK = 0.05


def available(level: Level) -> bool:
    """Whether forks can be kept from the process: by namespaces, or Landlock's scope of signals."""
    return level is Level.A or bool(level is Level.B and landlock.handled(landlock.abi())[2])


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fork may use; its own processes count for the wall clock only."""

    cpu_seconds: float
    wall_seconds: float


class WarmSuite:
    """One process. Used by one thread at a time; to be closed."""

    def __init__(
        self,
        arguments: Sequence[str],
        root: Path,
        module: Path,
        *,
        level: Level,
        python: str | None = None,
        site: tuple[str, ...] = (),
        memory_mb: int = 2048,
        cancel: threading.Event | None = None,
    ) -> None:
        """Start it for the tests that `arguments` name, of `module` in `root`.

        Raises SandboxUnavailable where `available` is false, SandboxError where the interpreter
        does not start or has no pytest.
        """
        if not available(level):
            raise SandboxUnavailable(f"level {level.name} keeps no process for pytest here")
        program = python or sys.executable
        found = interpreter(program)
        if found is None:
            raise SandboxError(f"{program} is no Python interpreter")
        self._level = level
        self._stack = contextlib.ExitStack()
        try:
            place = self._stack.enter_context(placed(root, {module: ""}, level))
            inside = place.root / module.relative_to(root)
            self._file = Path(place.files[0][0]) if place.files else inside
            job = Job(tuple(arguments), str(inside), tuple(site), serve=True)
            shown = shown_to(found, site, level)
            frame = first_frame(found, shown, place, level, job, memory_mb, _CPU_SECONDS)
            self._process = start(shown, root, place, level)
            self._stack.callback(self._end)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._inlet = self._process.stdout.fileno()
            self._process.stdin.write(frame)
            self._process.stdin.flush()
            ready = self._answer(time.monotonic() + _START_SECONDS, cancel).get("ready")
            # Untrusted, but only spared where it is of this session.
            self._pid = ready if isinstance(ready, int) else 0
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise SandboxError("the process for pytest ended at its start") from None
            raise

    @property
    def alive(self) -> bool:
        """Whether the suite's process can run another candidate."""
        return self._process.poll() is None

    def run(
        self,
        source: str,
        limits: Limits,
        *,
        first: Sequence[str] = (),
        traced: bool = False,
        scout: bool = False,
        cancel: threading.Event | None = None,
    ) -> SuiteRun:
        """What one fork told, with `source` in the module's file.

        The tests `first` run ahead, and the others only where one of these passes. `scout`: also
        what `settle` needs. Afterwards it may be closed: after a cancel, or where a fork took the
        process with it. Raises SandboxError where it is closed.
        """
        if not self.alive:
            raise SandboxError("the process for pytest has ended")
        # In place: at level A it is this file that is mounted.
        self._file.write_bytes(source.encode())
        # No bytecode of another text may pass for this one's.
        os.utime(self._file, (0, 0))
        request = {
            "cpu": limits.cpu_seconds,
            "wall": limits.wall_seconds,
            "first": list(first),
            "traced": traced,
            "scout": scout,
        }
        deadline = time.monotonic() + limits.wall_seconds + _GRACE
        answer, end = self._asked(request, deadline, cancel)
        if answer is None:
            self.close()
            return SuiteRun((), end, 1, "")
        cleared = not answer.get("left") or self._clear()
        if answer.get("dirty") or not cleared:  # its folder is the next one's
            self.close()
        lines = tuple(read_lines(str(answer.get("out", "")).encode()))
        end = answer["end"] if answer.get("end") in ("exit", "wall", "flood") else "exit"
        status, cpu = answer.get("status"), answer.get("cpu")
        return SuiteRun(
            lines,
            end,
            status if isinstance(status, int) else 1,
            "",
            cpu if isinstance(cpu, float) else 0.0,
        )

    def settle(
        self, modules: Sequence[str], late: bool, seconds: float, cancel: threading.Event | None
    ) -> bool:
        """Import what a scout named, and fork only where pytest begins to collect (`late`).

        False where forks would not be like a fresh process; it is closed then.
        """
        request = {"settle": list(modules), "late": late}
        answer, _ = self._asked(request, time.monotonic() + seconds, cancel)
        if answer is None or answer.get("unfit") != "":
            self.close()
            return False
        return True

    def _asked(
        self, request: dict[str, Any], deadline: float, cancel: threading.Event | None
    ) -> tuple[dict[str, Any] | None, str]:
        """The answer; None and how it ended where there is none."""
        data = json.dumps(request).encode()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(len(data).to_bytes(4, "big") + data)
            self._process.stdin.flush()
            return self._answer(deadline, cancel), "exit"
        except TimeoutError:
            return None, "cancelled" if cancel is not None and cancel.is_set() else "wall"
        except (OSError, SandboxError, ValueError, RecursionError):
            return None, "exit"

    def _answer(self, deadline: float, cancel: threading.Event | None) -> dict[str, Any]:
        """The next frame. Raises TimeoutError, also after a cancel, and SandboxError."""
        head = self._read(4, deadline, cancel)
        if head[:1] == b"{":  # a line of one that could not start
            line = head + self._read(-1, deadline, cancel)
            told = next(read_lines(line), None)
            text = told.get("missing") or told.get("text") if isinstance(told, dict) else None
            raise SandboxError(str(text or "the process for pytest does not start"))
        size = int.from_bytes(head, "big")
        if size > 8 * OUTPUT_CAP:
            raise SandboxError("the process for pytest says too much")
        answer = json.loads(self._read(size, deadline, cancel))
        if not isinstance(answer, dict):
            raise SandboxError("the process for pytest says what it should not")
        return answer

    def _read(self, count: int, deadline: float, cancel: threading.Event | None) -> bytes:
        """So many bytes; with -1 all until the end, at most a page."""
        data = b""
        while count < 0 or len(data) < count:
            if time.monotonic() > deadline or (cancel is not None and cancel.is_set()):
                raise TimeoutError
            if not select.select([self._inlet], [], [], _TICK)[0]:
                continue
            part = os.read(self._inlet, 4096 if count < 0 else min(count - len(data), 1 << 16))
            if not part and count >= 0:
                raise SandboxError("the process for pytest has ended")
            data += part
            if not part or (count < 0 and len(data) > 4096):
                break
        return data

    def _clear(self) -> bool:
        """At level B, end what a fork left behind: all of the session but the process itself and
        its supervisor. False where that does not come to an end.
        """
        supervisor = self._process.pid
        deadline = time.monotonic() + _GRACE
        os.kill(supervisor, signal.SIGSTOP)  # a fork bomb's forks wait for an answer meanwhile
        try:
            while time.monotonic() < deadline:
                found = [pid for pid in _session(supervisor) if pid not in (supervisor, self._pid)]
                if not found:
                    time.sleep(SETTLED)  # or the supervisor counts them with the next fork's
                    return True
                for pid in found:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            return False
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def close(self) -> None:
        """End the process and all that it started; nothing of it is left on disk."""
        self._stack.close()

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _session(leader: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/stat", "rb") as file:
                # After the name, which may hold anything: state, parent, group, session.
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in (b"Z", b"X"):
            found.append(int(entry.name))
    return found
