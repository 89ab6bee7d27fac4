"""A person's suite on one candidate after the other, in a process that has started already.

It finds out by itself how much can be done ahead: the first run of the person's own version says
what is imported, and the second whether the tests come out the same with that at hand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from editloop.checks.pytestruns import PytestReport, judge
from editloop.sandbox.errors import SandboxError
from editloop.sandbox.suite import Suite, SuiteRun
from editloop.sandbox.warmsuite import Limits, WarmSuite

_FIRST = Limits(10.0, 20.0)
"""For the person's own version; tests that take longer are no help in a search of half a minute."""
_UNKNOWN = Limits(2.0, 6.0)
"""Where the person's own version does not end, or cannot be imported."""
_HEADROOM, _LEAST = 5.0, Limits(0.5, 2.0)
"""Limits of a fork: so many times what the person's version takes, and at least these. Chosen."""
_SETTLE_SECONDS = 30.0


class WarmRuns:
    """Starts when it is first asked. Used by one thread at a time; to be closed."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._process: WarmSuite | None = None
        self._plan: tuple[tuple[str, ...], bool] | None = None
        self._limits = _UNKNOWN
        self._own: tuple[str, PytestReport] | None = None

    def report(
        self,
        source: str,
        cancel: threading.Event | None,
        *,
        first: Sequence[str] = (),
        traced: bool = False,
    ) -> PytestReport:
        """How the tests went: the tests `first`, and the others only where one of these passes.

        Nothing of it is to be believed where it matters. Raises SandboxError where no process can
        be kept for this suite.
        """
        text, own = self._begun(cancel)
        if source == text and not traced:
            return own
        run, seconds = self._run(source, cancel, first=first, traced=traced)
        report = judge(run, own.expected, self._suite.paths)
        if not own.expected and report.expected and run.end == "exit":
            self._allow(run, seconds)
        return report

    def own(self, cancel: threading.Event | None) -> PytestReport:
        """On the person's own version, as it was at first on disk. Raises SandboxError."""
        return self._begun(cancel)[1]

    def close(self) -> None:
        """End the process; the next run starts another."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _begun(self, cancel: threading.Event | None) -> tuple[str, PytestReport]:
        """The person's own version and how its tests went; run twice where that makes all further
        runs faster.
        """
        if self._own is not None:
            return self._own
        text = self._suite.module.read_text("utf-8", "replace")
        run, seconds = self._run(text, cancel, limits=_FIRST, scout=True)
        again = run
        own = judge(run, (), self._suite.paths)
        if own.status == "cancelled":
            raise SandboxError("cancelled")
        self._plan = _plan(run)
        if not self._settled(cancel):
            self._give_up()
        elif run.end == "exit":
            again, seconds = self._run(text, cancel, limits=_FIRST)
            if judge(again, (), self._suite.paths).outcomes != own.outcomes:
                self._give_up()
        if run.end == "exit" and own.expected:
            self._allow(again, seconds)
        self._own = text, own
        return self._own

    def _give_up(self) -> None:
        """Have nothing at hand but pytest itself."""
        self._plan = None
        self.close()

    def _allow(self, run: SuiteRun, seconds: float) -> None:
        """Set the limits for candidates by what an honest run took."""
        cpu = min(max(_HEADROOM * run.cpu_seconds, _LEAST.cpu_seconds), _FIRST.cpu_seconds)
        wall = max(_HEADROOM * seconds, 3 * cpu, _LEAST.wall_seconds)
        self._limits = Limits(cpu, min(wall, _FIRST.wall_seconds))

    def _run(
        self, source: str, cancel: threading.Event | None, limits: Limits | None = None, **more: Any
    ) -> tuple[SuiteRun, float]:
        """What a run told, and the seconds it took."""
        process = self._started(cancel)
        started = time.monotonic()
        run = process.run(source, limits or self._limits, cancel=cancel, **more)
        if not process.alive:
            self.close()
        return run, time.monotonic() - started

    def _started(self, cancel: threading.Event | None) -> WarmSuite:
        if self._process is not None and not self._process.alive:
            self.close()
        if self._process is None:
            self._process = WarmSuite(self._suite, cancel)
            if not self._settled(cancel):
                self.close()
                raise SandboxError("the process for pytest does not start again")
        return self._process

    def _settled(self, cancel: threading.Event | None) -> bool:
        if self._plan is None or self._process is None:
            return self._process is not None
        return self._process.settle(*self._plan, _SETTLE_SECONDS, cancel)


def _plan(run: SuiteRun) -> tuple[tuple[str, ...], bool] | None:
    """What to import ahead, and whether pytest may be configured ahead; None for neither."""
    names: tuple[str, ...] = ()
    early: bool | None = None
    for line in run.lines:
        if isinstance(line, dict):
            early = line.get("early", early)
            found = line.get("modules")
            names = tuple(map(str, found)) if isinstance(found, list) else names
    return None if early is None else (names, not early)
