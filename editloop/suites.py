"""A person's own pytest suite: where it is, and running it as the last and most expensive check.

The suite judges with its own code in the candidate's process, so its result is advisory: it is
shown to a person and never a reward in training.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from editloop.checks.pytestruns import PytestReport, collect_pytest, run_pytest
from editloop.sandbox import Level
from editloop.sandbox.paths import holds_home
from editloop.transcript import Finding
from editloop.verdict import CheckResult

_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", ".git")
_LEVELS = 6


def project_root(path: Path) -> Path:
    """The nearest folder above a file that looks like a project's, else the file's own.

    Never the home folder or one above it, even where it is under version control, unless the file
    lies right there.
    """
    folders = list(path.resolve().parents)[:_LEVELS]
    for folder in folders:
        if holds_home(folder):
            break
        if any((folder / mark).exists() for mark in _ROOT_MARKS):
            return folder
    return folders[0]


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
    """An interpreter that has pytest: the project's, the active environment's, this one's."""
    folders = [root / ".venv", root / "venv", Path(os.environ.get("VIRTUAL_ENV", root / ".venv"))]
    places = [str(f / "bin" / "python") for f in folders]
    for python in [*places, sys.executable, shutil.which("python3") or sys.executable]:
        if Path(python).is_file() and _has_pytest(python):
            return python
    return None


@functools.cache
def _has_pytest(python: str) -> bool:
    probe = [python, "-c", "import pytest"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def suite_check(path: Path, suites: Sequence[Path], level: Level) -> tuple[SuiteCheck | None, str]:
    """The check that runs test files on a module, None where it cannot; and a line that says so."""
    if level not in (Level.A, Level.B):
        return None, f"tests were found, but pytest is not run at sandbox level {level.name}"
    if holds_home(project_root(path)):
        return None, "tests beside a file in the home folder are not run: they would see all of it"
    python = find_python(project_root(path))
    if python is None:
        return None, "tests were found, but no interpreter with pytest: pip install pytest"
    names = ", ".join(suite.name for suite in suites)
    note = f"{names}: a suite judges with its own code, so its result is advisory"
    return SuiteCheck(path.resolve(), suites, level, python=python), note


class SuiteCheck:
    """A Check: the suite in ``paths`` with the candidate in place of ``module``."""

    def __init__(
        self,
        module: Path,
        paths: Sequence[Path],
        level: Level,
        *,
        python: str,
        seconds: float = 30.0,
    ) -> None:
        self._module, self._level, self._python = module, level, python
        self._root = project_root(module)
        self._paths = [os.path.relpath(path, self._root) for path in paths]
        self._seconds = seconds
        self._expected: tuple[str, ...] | None = None

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        report = self.report(source, cancel)
        if report.status == "pass":
            return CheckResult("pytest", len(report.expected), len(report.expected))
        good = sum(outcome == "passed" for _, outcome in report.outcomes)
        total = max(len(report.expected), good + 1)
        return CheckResult("pytest", good, total, _findings(report, self._module.name))

    def report(self, source: str, cancel: threading.Event | None) -> PytestReport:
        """How every test went."""
        if self._expected is None:
            # Of the person's own version, before any candidate has run.
            self._expected = collect_pytest(
                self._paths, self._root, level=self._level, python=self._python, cancel=cancel
            )
        return run_pytest(
            self._paths,
            self._module,
            source,
            self._root,
            level=self._level,
            expected=self._expected or None,
            python=self._python,
            wall_seconds=self._seconds,
            cancel=cancel,
        )


class Regression:
    """A Check: no test that passed with the original may fail. For a fix that is not about tests.

    ``passed`` are the tests that have to pass; without any the check says nothing.
    """

    def __init__(self, suite: SuiteCheck, original: str, cancel: threading.Event | None) -> None:
        self._suite = suite
        outcomes = dict(suite.report(original, cancel).outcomes)
        self.passed = frozenset(name for name, told in outcomes.items() if told == "passed")

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        report = self._suite.report(source, cancel)
        outcomes = dict(report.outcomes)
        lost = sorted(name for name in self.passed if outcomes.get(name) != "passed")
        findings = tuple(Finding(f"{name} passed before") for name in lost)
        return CheckResult("pytest", len(self.passed) - len(lost), len(self.passed), findings)


def raised_at(text: str, module: str) -> int | None:
    """The deepest line (0-based) of a file in pytest's traceback, None where it is not there.

    ``module`` is the file's name.
    """
    lines = re.findall(rf"^(?:\S*[/\\])?{re.escape(module)}:(\d+): ", text, re.MULTILINE)
    return int(lines[-1]) - 1 if lines else None


def _findings(report: PytestReport, module: str) -> tuple[Finding, ...]:
    """One for each failed test, with pytest's own word on why where there is one."""
    details = dict(report.details)
    failed = [name for name, outcome in report.outcomes if outcome == "failed"]
    if not failed:
        said = _said(report.text)
        return (Finding(f"{report.problem} {said}".strip(), raised_at(report.text, module)),)
    texts = [(name, details.get(name, "")) for name in failed]
    return tuple(
        Finding(f"{name} failed: {_said(text)}", raised_at(text, module)) for name, text in texts
    )


def _said(text: str) -> str:
    """pytest's first line on what went wrong, "" where there is none."""
    found = re.search(r"^E\s+(.+)$", text, re.MULTILINE)
    return found[1] if found else ""
