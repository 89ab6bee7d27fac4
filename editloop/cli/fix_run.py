"""What ``editloop fix`` does between its options and its output."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from editloop.budget import Budget
from editloop.checks.static import StaticChecker
from editloop.cli import CliError
from editloop.cli.evidence import Wanted, gathered
from editloop.engine.policy import load_policy
from editloop.fix import Request, Tools, fix
from editloop.models import find_model
from editloop.outcome import Outcome
from editloop.policy import Policy
from editloop.sandbox import Level, SandboxPool, detect_level
from editloop.solutions import Progress
from editloop.suites import find_suites, suite_check
from editloop.text import Snapshot
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
    wanted: Wanted


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
    elif not options.tests and not options.wanted.is_given:
        suites = find_suites(path)

    def policy() -> Policy:
        return load_policy(find_model(options.model))

    sandboxed = level.level not in (Level.D, Level.F)
    with (
        StaticChecker() as static,
        SandboxPool(options.workers, level.level)
        if sandboxed
        else contextlib.nullcontext() as pool,
        gathered(options.wanted, path, document, level.level, cancel) as evidence,
    ):
        checks: list[Check] = [*evidence.checks]
        notes += evidence.notes
        if suites:
            suite, note = suite_check(path, suites, level.level)
            if suite is None and options.tests:
                raise CliError(note)
            checks += [suite] if suite else []
            notes.append(note)
        request = Request(
            document,
            options.line if options.line is not None or options.function else evidence.line,
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
    return Outcome(path.name, document, done, level, tuple(notes), evidence.words)


def split_tests(tests: Sequence[str]) -> tuple[list[Path], tuple[str, ...]]:
    """Test files and folders, and expressions. Raises CliError for a path that is not there."""
    paths = [Path(text) for text in tests if Path(text).exists()]
    expressions = tuple(text for text in tests if not Path(text).exists())
    for text in expressions:
        if text.endswith(".py") or (os.sep in text and not any(c in text for c in " (=")):
            raise CliError(f"--tests {text}: no such file")
    return paths, expressions
