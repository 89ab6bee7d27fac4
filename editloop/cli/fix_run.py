"""What ``editloop fix`` does between its options and its output."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.checks.static import StaticChecker
from editloop.cli import CliError
from editloop.edits import minimal_hunks, unified_diff
from editloop.engine.policy import load_policy
from editloop.fix import Request, Tools, fix
from editloop.models import find_model
from editloop.policy import Policy
from editloop.repair import Repair
from editloop.sandbox import Level, LevelReport, SandboxPool, detect_level
from editloop.search import Budget, Progress, Solution
from editloop.suites import SuiteCheck, find_python, find_suites, project_root
from editloop.text import Snapshot
from editloop.verdict import Verdict
from editloop.verify import Check

MAX_FILE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options; ``line`` is 0-based."""

    path: Path
    function: str | None
    line: int | None
    tests: tuple[str, ...]
    budget: Budget
    model: str | None
    alternatives: int
    seed: int
    workers: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it came out, with what the output needs."""

    name: str
    original: bytes
    document: Snapshot
    repair: Repair
    level: LevelReport
    notes: tuple[str, ...]

    @property
    def best(self) -> Solution | None:
        result = self.repair.result
        return result.solutions[0] if result and result.solutions else None

    @property
    def diff(self) -> str:
        return self.diff_of(self.best) if self.best else ""

    @property
    def before_line(self) -> str:
        return _describe(self.repair.before)

    @property
    def after_line(self) -> str:
        return _describe(self.best.verdict) if self.best else ""

    @property
    def sandbox(self) -> str:
        return f"level {self.level.level.name}, {self.level.level.value}"

    def diff_of(self, solution: Solution) -> str:
        return unified_diff(self.document, solution.state.document, self.name)

    def row(self, seconds: float) -> dict[str, Any]:
        """The JSON object; an alternative has the keys of the best fix."""
        result = self.repair.result
        found = [self._fix_row(solution) for solution in result.solutions] if result else []
        nothing = {"diff": "", "edits": [], "verified_by": [], "commands": []}
        return {
            "status": self.repair.status,
            **(found[0] if found else nothing),
            "turns": result.turns if result else 0,
            "candidates": result.candidates if result else 0,
            "seconds": round(seconds, 3),
            "sandbox": self.level.level.name,
            "alternatives": found[1:],
            "reason": self.repair.reason,
            "before": self.before_line,
            "notes": list(self.notes),
        }

    def _fix_row(self, solution: Solution) -> dict[str, Any]:
        hunks = minimal_hunks(self.document, solution.state.document)
        return {
            "diff": self.diff_of(solution),
            "edits": [
                {
                    "start": {"line": e.start_line, "character": e.start_character},
                    "end": {"line": e.end_line, "character": e.end_character},
                    "new_text": e.new_text,
                }
                for e in hunks
            ],
            "verified_by": [check.summary for check in solution.verdict.checks],
            "commands": [str(command) for command in solution.commands],
        }


def run_fix(
    options: Options,
    *,
    cancel: threading.Event,
    on_progress: Callable[[Progress], None] | None,
) -> Outcome:
    """Read, check, search. Raises CliError and the errors of the core; writes nothing."""
    path = options.path
    if path.is_dir():
        raise CliError(f"{path} is a folder: name a Python file")
    original = path.read_bytes()
    if len(original) > MAX_FILE_BYTES:
        raise CliError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB")
    document = Snapshot.from_bytes(original)
    level = detect_level()
    suites, expressions = split_tests(options.tests)
    notes: list[str] = []
    if level.level is Level.F:
        notes.append(f"no code is run here, so doctests and tests do not count: {level.reason}")
    elif not options.tests:
        suites = find_suites(path)

    def policy() -> Policy:
        return load_policy(find_model(options.model))

    with StaticChecker() as static, _sandbox(level, options.workers) as pool:
        checks: list[Check] = []
        python = find_python(project_root(path)) if suites and pool is not None else None
        if python is not None:
            checks = [SuiteCheck(path.resolve(), suites, level.level, python=python)]
            names = ", ".join(suite.name for suite in suites)
            notes.append(f"{names}: a suite judges with its own code, so its result is advisory")
        elif suites and options.tests:
            raise CliError("no interpreter with pytest was found: pip install pytest")
        elif suites:
            notes.append("tests were found, but no interpreter with pytest to run them")
        request = Request(
            document,
            options.line,
            options.function,
            expressions,
            options.budget,
            options.alternatives,
            options.seed,
        )
        done = fix(
            request,
            policy,
            Tools(static, pool, options.workers),
            suites=checks,
            cancel=cancel,
            on_progress=on_progress,
        )
    return Outcome(path.name, original, document, done, level, tuple(notes))


def split_tests(tests: Sequence[str]) -> tuple[list[Path], tuple[str, ...]]:
    """Test files and folders, and expressions. Raises CliError for a path that is not there."""
    paths = [Path(text) for text in tests if Path(text).exists()]
    expressions = tuple(text for text in tests if not Path(text).exists())
    for text in expressions:
        if text.endswith(".py") or (os.sep in text and not any(c in text for c in " (=")):
            raise CliError(f"--tests {text}: no such file")
    return paths, expressions


@contextlib.contextmanager
def _sandbox(level: LevelReport, workers: int) -> Iterator[SandboxPool | None]:
    if level.level in (Level.D, Level.F):
        yield None
        return
    with SandboxPool(workers, level.level) as pool:
        yield pool


def _describe(verdict: Verdict) -> str:
    """``syntax 1/1, static 2/2, doctests 1/2``, and the first finding of what failed."""
    text = ", ".join(check.summary for check in verdict.checks)
    first = next((f for f in verdict.findings), None)
    if first is None:
        return text
    place = "" if first.line is None else f"line {first.line + 1}: "
    return f"{text}\n{place}{first.text}"
