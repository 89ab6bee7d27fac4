"""A pytest suite in a process that stays and forks for each candidate. Linux, levels A and B.

The process is the project's own interpreter, so nothing that it says is believed: a pass is to be
confirmed by ``run_suite``. Forks cannot reach it or one another: each has a folder of its own to
write in, and what it starts is ended with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.inner import landlock
from editloop.sandbox.inner.supervise import SETTLED
from editloop.sandbox.launch import Talk, end, framed, session
from editloop.sandbox.level import Level
from editloop.sandbox.suite import OUTPUT_CAP, Suite, SuiteRun, found_python, read_lines
from editloop.sandbox.suitestart import Job, first_frame, placed, shown_to, start

_START_SECONDS = 20.0
_GRACE = 10.0
"""Seconds in which a fork whose time is over has to end, and then what it left: beside a fork bomb
there is little of the processor for either. Chosen."""
_CPU_SECONDS = 3600.0


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

    def __init__(self, suite: Suite, cancel: threading.Event | None = None) -> None:
        """Start it for the tests of a suite.

        Raises SandboxUnavailable where `available` is false, SandboxError where the interpreter
        does not start or has no pytest.
        """
        level = suite.level
        if not available(level):
            raise SandboxUnavailable(f"level {level.name} keeps no process for pytest here")
        found = found_python(suite)
        self._level = level
        self._stack = contextlib.ExitStack()
        try:
            place = self._stack.enter_context(placed(suite.root, {suite.module: ""}, level))
            inside = place.root / suite.module.relative_to(suite.root)
            self._file = Path(place.files[0][0]) if place.files else inside
            job = Job(suite.paths, str(inside), serve=True)
            shown = shown_to(found, level)
            frame = first_frame(found, shown, place, level, job, _CPU_SECONDS)
            self._process = start(shown, suite.root, place, level)
            self._stack.callback(end, self._process)
            self._talk = Talk(self._process, 8 * OUTPUT_CAP)
            ready = self._greeted(frame, cancel).get("ready")
            # Untrusted, but only spared where it is of this session.
            self._pid = ready if isinstance(ready, int) else 0
        except BaseException as error:
            self.close()
            if isinstance(error, OSError | EOFError):
                raise SandboxError("the process for pytest ended at its start") from None
            raise

    def _greeted(self, frame: bytes, cancel: threading.Event | None) -> dict[str, Any]:
        """The first answer. Raises SandboxError with the reason that comes instead of one."""
        try:
            return self._talk.ask(frame, _START_SECONDS, cancel)
        except ValueError as error:
            told = next(read_lines(str(error).encode()), None)
            text = told.get("missing") or told.get("text") if isinstance(told, dict) else None
            raise SandboxError(str(text or "the process for pytest does not start")) from None

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
        answer, how = self._asked(request, limits.wall_seconds + _GRACE, cancel)
        if answer is None:
            self.close()
            return SuiteRun((), how, 1, "")
        cleared = not answer.get("left") or self._clear()
        if answer.get("dirty") or not cleared:  # its folder is the next one's
            self.close()
        lines = tuple(read_lines(str(answer.get("out", "")).encode()))
        how = answer["end"] if answer.get("end") in ("exit", "wall", "flood") else "exit"
        status, cpu = answer.get("status"), answer.get("cpu")
        return SuiteRun(
            lines,
            how,
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
        answer, _ = self._asked(request, seconds, cancel)
        if answer is None or answer.get("unfit") != "":
            self.close()
            return False
        return True

    def _asked(
        self, request: dict[str, Any], seconds: float, cancel: threading.Event | None
    ) -> tuple[dict[str, Any] | None, str]:
        """The answer; None and how it ended where there is none."""
        try:
            return self._talk.ask(framed(request), seconds, cancel), "exit"
        except TimeoutError:
            return None, "cancelled" if cancel is not None and cancel.is_set() else "wall"
        except (OSError, EOFError, ValueError, RecursionError):
            return None, "exit"

    def _clear(self) -> bool:
        """At level B, end what a fork left behind: all of the session but the process itself and
        its supervisor. False where that does not come to an end.
        """
        supervisor = self._process.pid
        deadline = time.monotonic() + _GRACE
        os.kill(supervisor, signal.SIGSTOP)  # a fork bomb's forks wait for an answer meanwhile
        try:
            while time.monotonic() < deadline:
                found = [pid for pid in session(supervisor) if pid not in (supervisor, self._pid)]
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
