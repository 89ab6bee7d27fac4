"""A person's own pytest suite: where it is, and running it as the last and most expensive check.

The suite judges with its own code in the candidate's process, so its result is advisory: it is
shown to a person and never a reward in training.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from editloop.checks.project import project_root
from editloop.checks.pytestruns import (
    PytestReport,
    collect_pytest,
    raised_at,
    run_pytest,
    suite_findings,
)
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.verdict import CheckResult
from editloop.checks.warmruns import WarmRuns
from editloop.document.transcript import Finding
from editloop.sandbox import Level
from editloop.sandbox.errors import SandboxError
from editloop.sandbox.interpreters import interpreters
from editloop.sandbox.paths import holds_home
from editloop.sandbox.suite import Suite
from editloop.sandbox.warmsuite import available

__all__ = [
    "Regression",
    "SuiteCheck",
    "find_python",
    "find_suites",
    "raised_at",
    "suite_check",
]

_FIRST = 16
"""At most so many of the tests that fail decide whether the others are run."""
_POLL_SECONDS = 0.05
_CANCELLED = PytestReport("cancelled", (), (), "cancelled")


def find_suites(path: Path) -> list[Path]:
    """Test files named for a module: beside it, or in a test folder up to the project's root."""
    path = path.resolve()
    if path.stem.startswith("test_") or path.stem.endswith("_test"):
        return []
    root = project_root(path)
    names = (f"test_{path.stem}.py", f"{path.stem}_test.py")
    found = []
    for folder in path.parents:
        for place in (folder, folder / "tests", folder / "test"):
            found += [place / name for name in names if (place / name).is_file()]
        if folder == root:
            break
    return found


def find_python(root: Path) -> str | None:
    """An interpreter that has pytest: the project's, the active environment's, this one's.

    Nothing is started: files are looked at.
    """
    return next((found.program for found in interpreters(root) if found.has("pytest")), None)


def suite_check(path: Path, suites: Sequence[Path], level: Level) -> tuple[SuiteCheck | None, str]:
    """The check that runs test files on a module, None where it cannot; and a line that says so."""
    if level not in (Level.A, Level.B):
        return None, f"tests were found, but pytest is not run at sandbox level {level.name}"
    root = project_root(path)
    if holds_home(root):
        return None, "tests beside a file in the home folder are not run: they would see all of it"
    python = find_python(root)
    if python is None:
        return None, "tests were found, but no interpreter with pytest: pip install pytest"
    names = ", ".join(suite.name for suite in suites)
    note = f"{names}: a suite judges with its own code, so its result is advisory"
    return SuiteCheck(path.resolve(), suites, level, python=python), note


class SuiteCheck:
    """A Check: the suite in ``paths`` with the candidate in place of ``module``.

    A process that stays runs the candidates, and confirms none: a pass is that of a fresh process.
    Thread-safe. To be closed; it starts again when it is asked.
    """

    def __init__(
        self,
        module: Path,
        paths: Sequence[Path],
        level: Level,
        *,
        python: str,
        seconds: float = 30.0,
    ) -> None:
        self._made = (module, tuple(paths), level, python, seconds)
        root = project_root(module)
        names = tuple(os.path.relpath(path, root) for path in paths)
        self._suite = Suite(names, module, root, level, python)
        self._seconds = seconds
        self._expected: tuple[str, ...] | None = None
        self._warm = WarmRuns(self._suite) if available(level) else None
        self._lock = threading.Lock()
        self._before: PytestReport | None = None
        self._kept = False
        self._traced: tuple[str | None, tuple[SuiteTrace, ...]] = None, ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process has a process of its own."""
        return _again, (*self._made, self._kept)

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        """How many tests pass. Those that failed in the first text are run first, and the others
        count as they did in that where none of these passes."""
        report = self._quick(source, cancel, self._failing())
        if self._before is None and report.status != "cancelled":
            self._before = report
        if report.status == "pass":
            report = self.report(source, cancel)
        if report.status == "pass":
            total = len(report.expected)
            return CheckResult("pytest", total, total, kept=self._kept)
        outcomes = self._before if report.stopped and self._before else report
        good = sum(outcome == "passed" for _, outcome in outcomes.outcomes)
        total = max(len(report.expected), good + 1)
        return CheckResult("pytest", good, total, suite_findings(report, self._suite.module.name))

    def _failing(self) -> tuple[str, ...]:
        """What to run first: tests that failed in the first text, or never ended."""
        before = self._before
        if before is None or before.status == "pass":
            return ()
        outcomes = dict(before.outcomes)
        failed = [name for name in before.expected if outcomes.get(name) == "failed"]
        hung = [name for name in before.expected if name not in outcomes]
        return tuple([*failed, *(hung[:1] if before.status == "timeout" else ())][:_FIRST])

    def report(self, source: str, cancel: threading.Event | None) -> PytestReport:
        """How every test went, in a fresh process."""
        return self._fresh(source, cancel)

    def outcomes(self, source: str, cancel: threading.Event | None) -> PytestReport:
        """How every test went, from the process that stays: not to be believed where it matters."""
        return self._quick(source, cancel, ())

    def traces(self, source: str, cancel: threading.Event | None) -> tuple[SuiteTrace, ...]:
        """Each test's way through the module, by one run more: lines, and where it fails.

        A file of tests that cannot be collected has one as well. The last is remembered: where to
        look in a document and where to have the model write are found out one after the other.
        """
        if source != self._traced[0]:
            report = self._quick(source, cancel, (), traced=True)
            if report.status == "cancelled":
                return ()
            self._traced = source, report.traces
        return self._traced[1]

    def refused(self, cancel: threading.Event | None) -> str:
        """Why no test of the person's own version can be run, one line with the error itself.

        "" where some can, or where the module's own fault is what keeps them from it: that is to be
        repaired.
        """
        own = self._own(cancel)
        self._kept = own.status == "pass"
        if own.own or own.status == "cancelled":
            return ""
        if own.broken:
            return own.broken
        names = ", ".join(self._suite.paths)
        return "" if own.expected or own.status == "timeout" else f"{names}: {own.problem}"

    def close(self) -> None:
        """End the process that stays."""
        with self._lock:
            if self._warm is not None:
                self._warm.close()

    def _own(self, cancel: threading.Event | None) -> PytestReport:
        """On the person's own version."""
        report = self._from_warm(lambda warm: warm.own(cancel), cancel)
        text = self._suite.module.read_text("utf-8", "replace")
        return report or self._fresh(text, cancel)

    def _quick(
        self,
        source: str,
        cancel: threading.Event | None,
        first: Sequence[str],
        *,
        traced: bool = False,
    ) -> PytestReport:
        def asked(warm: WarmRuns) -> PytestReport:
            return warm.report(source, cancel, first=first, traced=traced)

        return self._from_warm(asked, cancel) or self._fresh(source, cancel, traced=traced)

    def _from_warm(
        self, asked: Callable[[WarmRuns], PytestReport], cancel: threading.Event | None
    ) -> PytestReport | None:
        """What the process that stays says; None where there cannot be one for this suite."""
        while not self._lock.acquire(timeout=_POLL_SECONDS):
            if cancel is not None and cancel.is_set():
                return _CANCELLED
        try:
            if self._warm is None:
                return None
            report = asked(self._warm)
            self._expected = self._expected or report.expected or None
            return report
        except SandboxError:
            if cancel is not None and cancel.is_set():
                return _CANCELLED
            if self._warm is not None:
                self._warm.close()
            self._warm = None  # each candidate costs a start from now on
            return None
        finally:
            self._lock.release()

    def _fresh(
        self, source: str, cancel: threading.Event | None, *, traced: bool = False
    ) -> PytestReport:
        if self._expected is None:
            # Of the person's own version, before any candidate has run.
            self._expected = collect_pytest(self._suite, cancel=cancel)
        return run_pytest(
            self._suite,
            source,
            expected=self._expected,
            wall_seconds=self._seconds,
            traced=traced,
            cancel=cancel,
        )


def _again(
    module: Path, paths: Sequence[Path], level: Level, python: str, seconds: float, kept: bool
) -> SuiteCheck:
    made = SuiteCheck(module, paths, level, python=python, seconds=seconds)
    made._kept = kept
    return made


class Regression:
    """A Check: no test that passed with the original may fail. For a fix that is not about tests.

    ``passed`` are the tests that have to pass; without any the check says nothing.
    """

    def __init__(self, suite: SuiteCheck, original: str, cancel: threading.Event | None) -> None:
        self._suite, self._original = suite, original
        outcomes = dict(suite.outcomes(original, cancel).outcomes)
        self.passed = frozenset(name for name, told in outcomes.items() if told == "passed")

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        lost: list[str] = []
        if source != self._original:
            lost = self._lost(self._suite.outcomes(source, cancel))
            lost = lost or self._lost(self._suite.report(source, cancel))
        findings = tuple(Finding(f"{name} passed before") for name in lost)
        good, total = len(self.passed) - len(lost), len(self.passed)
        return CheckResult("pytest", good, total, findings, kept=True)

    def _lost(self, report: PytestReport) -> list[str]:
        outcomes = dict(report.outcomes)
        return sorted(name for name in self.passed if outcomes.get(name) != "passed")
