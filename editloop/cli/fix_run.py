"""What ``editloop fix`` does between its options and its output."""

from __future__ import annotations

import ast
import contextlib
import math
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from editloop.budget import Budget, Cancelled, Stop, cores
from editloop.checks.checkers import named
from editloop.checks.evidence import Wanted, gathered
from editloop.checks.static import StaticChecker
from editloop.checks.suites import find_suites, suite_check
from editloop.checks.typecheck import Aim, TypeCheck, type_check
from editloop.checks.verify import Check
from editloop.cli import CliError
from editloop.cli.server import open_server
from editloop.document.text import Snapshot, TextError, split_lines
from editloop.model.backend import Model
from editloop.model.choose import Chosen, choose
from editloop.prior import PriorPolicy, shipped
from editloop.python.definitions import definitions
from editloop.repair.fix import Request, Tools, fix
from editloop.repair.run import Repair
from editloop.repair.solutions import Progress
from editloop.report.building import fix_report
from editloop.report.values import FixReport
from editloop.report.wording import Asked, without_model
from editloop.sandbox import Level, SandboxPool, detect_level
from editloop.trust import WEIGHING_SECONDS
from editloop.trust.inputs import read_tests
from editloop.trust.weighed import Weighed
from editloop.trust.weighing import compared, weigh

MAX_FILE_BYTES = 4 << 20
MOST_WORKERS = 2
"""Searches of one fix: that of the policy, and one beside it."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options; ``line`` is 0-based, ``started`` the moment when the budget began."""

    path: Path
    function: str | None
    line: int | None
    tests: tuple[str, ...]
    budget: Budget
    model: str | None
    server: str | None
    alternatives: int
    seed: int
    started: float
    wanted: Wanted
    checker: str = ""
    """A type checker whose findings have to be gone, "" for none."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A repair and its report, and what makes the report of another one of ``document``."""

    document: Snapshot
    repair: Repair
    report: FixReport
    tell: Callable[[Repair, Weighed | None], FixReport]

    def encoded(self, text: str) -> bytes:
        """Another text of the document, in its encoding. Raises TextError."""
        return replace(self.document, lines=split_lines(text)).encode()

    def left_with(self, numbers: Sequence[int], reason: str = "") -> FixReport:
        """The report of some of the fixes that were compared, by their numbers."""
        kept = [compared(self.repair)[number] for number in numbers]
        return self.tell(self.repair.left_with(kept, reason), self.report.weighed)


def run_fix(
    options: Options,
    *,
    cancel: threading.Event,
    on_progress: Callable[[Progress], None] | None,
    on_found: Callable[[FixReport], None],
) -> Finished:
    """Read, check, search; ``on_found`` gets the report before it is looked at how far it can be
    trusted. Raises CliError and the errors of the core; writes nothing."""
    path = options.path
    if options.checker:
        named(options.checker)
    suites, expressions = split_tests(options.tests)
    try:
        document = Snapshot.from_bytes(read_source(path))
    except TextError as error:
        raise CliError(f"{path}: {error}") from error
    level = detect_level()
    notes: list[str] = []
    if level.level is Level.F:
        notes.append(f"no code is run here, so doctests and tests do not count: {level.reason}")
    elif not options.tests and not options.wanted.is_given:
        suites = find_suites(path)
    chosen = (
        Chosen(PriorPolicy(shipped()), open_server(options.server))
        if options.server
        else choose(options.model)
    )
    with contextlib.ExitStack() as stack:
        tools = _tools(chosen.model, level.level, stack)
        found = _found(options, document, suites, expressions, level.level, cancel, stack)
        request = found.request
        notes += found.notes
        done = fix(
            request,
            chosen.policy,
            tools,
            suites=found.checks,
            cancel=cancel,
            on_progress=on_progress,
        )
        if done.problem:
            notes.append(without_model(done.problem))
        asked = Asked(
            place=options.line is not None or options.function is not None,
            seconds=options.budget.seconds or 0.0,
            no_code=level.reason if level.level is Level.F else "",
            model=chosen.model is not None,
        )

        def tell(repair: Repair, weighed: Weighed | None = None) -> FixReport:
            return fix_report(
                path.name,
                document,
                repair,
                asked,
                notes=tuple(notes),
                sandbox=level.level.name,
                evidence=found.words,
                seconds=round(time.monotonic() - options.started, 3),
                weighed=weighed,
            )

        report = tell(done)
        on_found(report)
        if tools.pool is not None and report.best is not None:
            tests = [*expressions, *map(read_tests, suites)]
            until = Stop(request.stop(cancel), time.monotonic() + WEIGHING_SECONDS)
            fixes = [one.state.text for one in compared(done)]
            report = tell(done, weigh(document.text, fixes, tests, tools.pool, until))
        return Finished(document, done, report, tell)


def _tools(model: Model | None, level: Level, stack: contextlib.ExitStack) -> Tools:
    """What runs the checks, closed with ``stack``."""
    workers = min(MOST_WORKERS, cores())
    static = stack.enter_context(StaticChecker())
    pool = None if level is Level.F else stack.enter_context(SandboxPool(workers, level))
    if model is not None:
        stack.enter_context(contextlib.closing(model))
    return Tools(static, pool, workers, model)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a fix goes by: ``checks`` in order of cost; ``words`` and ``notes`` as in Evidence."""

    request: Request
    checks: tuple[Check, ...]
    words: str
    notes: tuple[str, ...]


def _found(
    options: Options,
    document: Snapshot,
    suites: Sequence[Path],
    expressions: tuple[str, ...],
    level: Level,
    cancel: threading.Event,
    stack: contextlib.ExitStack,
) -> _Found:
    """The evidence: a type checker's findings, a failing command, test suites. What was started for
    it is closed with ``stack``. Raises CliError, EvidenceError."""
    seconds = math.inf if options.budget.seconds is None else options.budget.seconds
    stop = Stop(cancel, options.started + seconds / 2)
    tested = bool(suites or expressions) or ">>>" in document.text
    evidence = stack.enter_context(
        gathered(options.wanted, options.path, document, level, stop, tested=tested)
    )
    checks: list[Check] = [*evidence.checks]
    line, first = options.line, None
    if options.checker:
        types = stack.enter_context(_types(options, document, level, cancel))
        checks.insert(0, types)
        first = types.line
    if line is None and options.function is None:
        line = evidence.line if evidence.line is not None else first
    request = Request(
        document,
        line,
        options.function,
        expressions,
        options.budget,
        options.alternatives,
        options.seed,
        started=options.started,
    )
    notes = [*evidence.notes]
    if suites:
        suite, note = suite_check(options.path, suites, level)
        if suite is not None:
            stack.callback(suite.close)
            refused = suite.refused(request.stop(cancel))
            suite, note = (None, refused) if refused else (suite, note)
        if suite is None and options.tests:
            raise CliError(note)
        checks += [suite] if suite else []
        notes.append(note)
    return _Found(request, tuple(checks), evidence.words, tuple(notes))


@contextlib.contextmanager
def _types(
    options: Options, document: Snapshot, level: Level, cancel: threading.Event
) -> Iterator[TypeCheck]:
    """The type checker's check; all of the budget may go into its start. Raises CliError."""
    checker, aim = named(options.checker), Aim(_asked_lines(options, document))
    seconds = options.budget.seconds or math.inf
    stop = Stop(cancel, options.started + seconds)
    with contextlib.ExitStack() as stack:
        try:
            check = stack.enter_context(
                type_check(checker, options.path, document.text, level, aim, stop)
            )
        except Cancelled:
            more = "cancelled" if cancel.is_set() else f"give it more: --budget {2 * seconds:g}"
            raise CliError(f"{checker.name} has no answer in {seconds:g} s: {more}") from None
        yield check


def _asked_lines(options: Options, document: Snapshot) -> range | None:
    """The lines of which a type checker's findings have to be gone, None for all of them."""
    if options.line is not None:
        return range(options.line, options.line + 1)
    if options.function is None:
        return None
    named = (d for d in definitions(document) if d.name == options.function)
    return next((range(d.start, d.stop) for d in named), None)


def read_source(path: Path) -> bytes:
    """A file's content. Raises CliError for what is no file of at most MAX_FILE_BYTES, OSError."""
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise CliError(f"{path} is a folder: name a Python file")
    if not stat.S_ISREG(kind):
        raise CliError(f"{path} is no regular file: name a Python file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise CliError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB")
        return file.read(size)


def split_tests(tests: Sequence[str]) -> tuple[list[Path], tuple[str, ...]]:
    """Test files and folders, and expressions. Raises CliError for what is neither, or says nothing
    of the code."""
    paths = [Path(text) for text in tests if _is_there(text)]
    expressions = tuple(text for text in tests if not _is_there(text))
    for text in expressions:
        if text.endswith(".py") or (os.sep in text and not any(c in text for c in " (=")):
            raise CliError(f"--tests {text}: no such file")
        if not _asks(text):
            told = text if len(text) < 60 else f"{text[:57]}..."
            raise CliError(
                f"--tests {told!r} says nothing of the code: give an expression that has to be "
                "true, such as 'f(2) == 3'"
            )
    return paths, expressions


def _is_there(text: str) -> bool:
    """Whether it is a path of something; neither is "", which would mean the current folder."""
    try:
        return bool(text.strip()) and Path(text).exists()
    except (OSError, ValueError):  # longer than a name can be, or with a null byte
        return False


def _asks(text: str) -> bool:
    """Whether it can be false: it asserts something, or is an expression with a name in it. What
    does not parse is not judged here."""
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    nodes = [node for statement in body for node in ast.walk(statement)]
    asked = [n.test for n in nodes if isinstance(n, ast.Assert)]
    asked += [n.value for n in body if isinstance(n, ast.Expr)]
    always = (ast.Tuple, ast.Lambda, ast.GeneratorExp, ast.JoinedStr)
    return any(
        not isinstance(test, always) and any(isinstance(n, ast.Name) for n in ast.walk(test))
        for test in asked
    )
