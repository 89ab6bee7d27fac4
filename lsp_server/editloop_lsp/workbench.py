"""What a worker keeps between jobs (model, sandboxes, static checker), and the jobs themselves.

Runs in the worker process. Results are plain JSON data; lines are 0-based, characters code points.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from editloop.budget import Budget, Cancelled, Stop, cores
from editloop.checks.checkers import CheckerError, named
from editloop.checks.doctests import docstrings
from editloop.checks.evidence import Evidence, Wanted, gathered
from editloop.checks.langserver import LanguageServerError
from editloop.checks.project import project_root
from editloop.checks.static import StaticChecker
from editloop.checks.suites import Regression, find_suites
from editloop.checks.typecheck import Aim, type_check
from editloop.checks.verify import Check
from editloop.document.text import Snapshot
from editloop.model.choose import Chosen
from editloop.model.store import declines_model
from editloop.policy import ScriptedPolicy
from editloop.python.definitions import Definition, definitions
from editloop.repair.diagnosis import diagnose
from editloop.repair.fix import Request, Tools, fix
from editloop.repair.region import MAX_LINES
from editloop.repair.solutions import Progress
from editloop.report.building import change, edit_rows, fix_report
from editloop.report.values import FixReport
from editloop.report.wording import Asked, without_model
from editloop.sandbox import Level, SandboxError, SandboxPool, detect_level
from editloop.trust.inputs import read_tests
from editloop.trust.keeping import with_example
from editloop.trust.weighed import Weighed
from editloop.trust.weighing import weigh
from editloop_lsp.lint import lint
from editloop_lsp.loaded import LoadedModel
from editloop_lsp.suitecache import SuiteCache
from editloop_lsp.testing import doctest_failures, suite_failures
from editloop_lsp.wire import (
    ChangeJob,
    CheckJob,
    FixJob,
    KeepJob,
    SuspectsJob,
    TestsJob,
    WeighJob,
)

WORKERS = min(2, cores())
"""Searches of one fix."""


class Workbench:
    """Thread-safe as far as its parts are; ``tell`` hears of the model's state."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._static = StaticChecker()
        self._pools: dict[Level, SandboxPool] = {}
        self._lock = threading.Lock()
        self._model = LoadedModel(tell)
        self._suites = SuiteCache()

    def fix(
        self,
        job: FixJob,
        cancel: threading.Event,
        on_progress: Callable[[dict[str, Any]], None],
    ) -> FixReport:
        """Find a fix."""
        started = time.monotonic()
        document = Snapshot.from_text(job.text)
        level = _level(job.level)
        checks, notes = self._checks(job, level, cancel)
        line, lines = _place(document, job)
        chosen = self._chosen(job.model, job.server)
        static = self._static if job.static else None
        tools = Tools(static, self._pool(level), WORKERS, chosen.model)

        def show(now: Progress) -> None:
            told = {"turn": now.turn, "candidates": now.candidates, "best": now.best}
            on_progress({**told, "place": now.place})

        try:
            with (
                _evidence(job, document, level, cancel) as evidence,
                _types(job, level, Stop(cancel, started + job.budget)) as (types, told),
            ):
                request = Request(
                    document,
                    evidence.line if line is None else line,
                    budget=Budget(seconds=job.budget),
                    alternatives=job.alternatives,
                    lines=lines,
                    narrow=job.narrow,
                    asked=job.asked,
                    started=started,
                )
                done = fix(
                    request,
                    chosen.policy,
                    tools,
                    suites=[*types, *evidence.checks, *checks],
                    cancel=cancel,
                    on_progress=show,
                )
        finally:
            self._suites.rest()
        if done.problem:
            notes.append(without_model(done.problem))
        notes += [*evidence.notes, *told]
        if done.result and done.result.solutions:
            notes += [f"the fix {words}" for words in done.result.solutions[0].verdict.hides]
        place = job.line is not None or job.lines is not None
        alone = chosen.model is None
        asked = Asked(editor=True, place=place, seconds=job.budget, model=not alone)
        return fix_report(
            job.name,
            document,
            done,
            asked,
            notes=tuple(notes),
            sandbox=level.name,
            evidence=evidence.words,
            seconds=round(time.monotonic() - started, 3),
            wants_model=done.status == "not fixed" and alone and not declines_model(job.model),
        )

    def weigh(self, job: WeighJob, cancel: threading.Event) -> dict[str, Any]:
        """How fixes compare (``Weighed.row``)."""
        pool = self._pool(Level[job.level])
        found = Weighed(len(job.fixes))
        if pool is not None:
            suites = find_suites(Path(job.path)) if job.path else []
            tests = [read_tests(path) for path in suites]
            until = Stop(cancel, time.monotonic() + job.seconds)
            found = weigh(job.text, job.fixes, tests, pool, until)
        return found.row()

    def keep(self, job: KeepJob) -> Sequence[dict[str, Any]]:
        """The edits that write an answer down as a doctest; none where there is no place for it."""
        kept = with_example(job.text, job.call, job.answer)
        if kept is None:
            return []
        return edit_rows(Snapshot.from_text(job.text), Snapshot.from_text(kept))

    def change(self, job: ChangeJob) -> dict[str, Any]:
        """``edits``, ``region`` and ``diff`` between two texts."""
        return change(job.name, Snapshot.from_text(job.before), Snapshot.from_text(job.after))

    def check(self, job: CheckJob) -> list[dict[str, Any]]:
        """Syntax errors and ruff's findings."""
        return lint(job.text, self._static if job.static else None)

    def suspects(self, job: SuspectsJob) -> list[dict[str, Any]]:
        """Objects with ``line``, ``text`` and ``scope``: suspects of one scope are one fix."""
        static = self._static if job.static else None
        pool = self._pool(_level(job.level))
        known = diagnose(Snapshot.from_text(job.text), static, pool)
        return [
            {"line": s.line, "text": s.text, "scope": _scope(s.line, known.definitions)}
            for s in known.suspects()
        ]

    def tests(self, job: TestsJob, cancel: threading.Event) -> list[dict[str, Any]]:
        """Failing doctests and tests of a text (``testing``)."""
        pool = self._pool(Level[job.level])
        if pool is None:
            return []
        found = doctest_failures(job.text, pool, cancel)
        check, _ = self._suites.of(job.path if job.suites else None, pool.level)
        if check is not None and not cancel.is_set():
            found += suite_failures(job.text, Path(job.path or "").name, check, cancel)
        return found

    def load(self, model: str) -> dict[str, Any]:
        """Have the model ready."""
        chosen = self._chosen(model)
        if chosen.model is not None:
            chosen.model.start()
        return {}

    def sandbox(self) -> dict[str, Any]:
        """The level of isolation, by its self-test."""
        report = detect_level()
        return {"level": report.level.name, "text": report.level.value, "reason": report.reason}

    def _chosen(self, model: str, server: str = "") -> Chosen:
        script = os.environ.get("EDITLOOP_SCRIPTED_POLICY")
        if script:
            return Chosen(ScriptedPolicy(json.loads(Path(script).read_text(encoding="utf-8"))))
        return self._model.chosen(model, server)

    def _pool(self, level: Level) -> SandboxPool | None:
        if level is Level.F:
            return None
        with self._lock:
            if level not in self._pools:
                self._pools[level] = SandboxPool(WORKERS, level)
            return self._pools[level]

    def _checks(
        self, job: FixJob, level: Level, cancel: threading.Event
    ) -> tuple[list[Check], list[str]]:
        if level is Level.F:
            return [], []
        check, note = self._suites.of(job.path if job.tests else None, level)
        refused = check.refused(cancel) if check is not None else ""
        if check is None or refused:
            return [], [refused or note] if refused or note else []
        if not job.tests_may_fail:
            return [check], [note]
        kept = Regression(check, job.text, cancel)
        if kept.passed:
            return [kept], [f"tests that passed before have to pass; {note}"]
        return [], ["no test passed before, so tests did not count"]


def _evidence(
    job: FixJob, document: Snapshot, level: Level, cancel: threading.Event
) -> AbstractContextManager[Evidence]:
    """What was handed over with the job; nothing where that is nothing."""
    if not job.traceback and not job.run:
        return nullcontext(Evidence())
    path = Path(job.path or job.name)
    if job.path is None:
        level = Level.F  # a file that was never saved is in no project
    wanted = Wanted(job.run or None, traceback=job.traceback or None, folder=project_root(path))
    return gathered(wanted, path, document, level, cancel)


@contextmanager
def _types(job: FixJob, level: Level, stop: Stop) -> Iterator[tuple[list[Check], list[str]]]:
    """The type checker that reported the finding which was asked about; without it, why."""
    with ExitStack() as stack:
        checks, notes = list[Check](), list[str]()
        try:
            if job.checker and job.line is not None:
                if job.path is None:
                    raise CheckerError("the file was never saved")
                aim = Aim(range(job.line, job.line + 1), job.asked)
                checker, path = named(job.checker), Path(job.path)
                check = stack.enter_context(
                    type_check(checker, path, job.text, level, aim, stop, job.importers)
                )
                if not check.asked:
                    raise CheckerError(f"here {check.name} does not report it")
                checks.append(check)
        except (CheckerError, LanguageServerError, SandboxError, Cancelled) as error:
            why = str(error) or "it has no answer in time"
            notes.append(f"{job.checker} does not say whether its finding is gone: {why}")
        yield checks, notes


def _level(name: str | None) -> Level:
    """The level by its name; None, where no code may be run, is the level that runs none."""
    return Level.F if name is None else Level[name]


def _place(document: Snapshot, job: FixJob) -> tuple[int | None, range | None]:
    """The line to look at, or the lines: a selection within one function is that function."""
    if job.lines is None:
        return _code_line(document, job.line), None
    first, stop = job.lines
    for definition in definitions(document):
        around = definition.start <= first and stop <= definition.stop
        if around and definition.kind == "function" and definition.size <= MAX_LINES:
            return _code_line(document, first), None
    return None, range(first, stop)


def _code_line(document: Snapshot, line: int | None) -> int | None:
    """The line, or the header above it where it is in a docstring (an example that fails)."""
    if line is not None:
        for found in docstrings(document):
            if line in found:
                return max(found.start - 1, 0)
    return line


def _scope(line: int | None, found: Sequence[Definition]) -> str:
    """The outermost function or class around a line, "" outside of all."""
    return next((d.name for d in found if line is not None and d.start <= line < d.stop), "")
