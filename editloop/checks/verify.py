"""Verification of candidates: syntax, static, doctests, tests, in order of cost.

One Verifier belongs to one document under repair. It runs no candidate code itself; that happens in
the sandbox, which returns answers, and the comparison is on this side.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import filterfalse
from typing import Literal, Protocol, runtime_checkable

from editloop.budget import raise_if_set, raise_if_too_long
from editloop.checks.diagnostic import Diagnostic
from editloop.checks.plans import TestPlan
from editloop.checks.static import StaticChecker
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.testoutcome import TestOutcome, short
from editloop.checks.testruns import run_plan, trace_plan
from editloop.checks.verdict import CheckResult, Verdict
from editloop.document.transcript import Finding
from editloop.python.syntax import CHARACTERS_A_SECOND, check_syntax
from editloop.sandbox import SandboxPool


@dataclass(frozen=True, slots=True)
class Limits:
    """What one candidate may use: seconds of CPU and of wall time."""

    cpu_seconds: float = 1.0
    wall_seconds: float = 5.0


_IMPORT = re.compile(r"^[ \t]*(import|from)[ \t]+([\w., \t]+)", re.MULTILINE)
_CODE = re.compile(r"^[ \t\f]*[^#\s]", re.MULTILINE)
_HEADROOM, _LEAST_CPU = 4.0, 0.1
"""CPU of a candidate: so many times what the original takes, at least so many seconds. Chosen."""
_NO_ANSWER = "no answer in time"
_UNKNOWN_CPU = 0.5
"""Chosen, for a version that does not parse: nobody knows what a fix needs, so it gets this much at
first, and less with each candidate that gives no answer."""
_ENDLESS_CPU = 0.06
"""Where this version does not end, and so many candidates will not: of 457 programs with short
tests all but two need less."""


class Check(Protocol):
    """A check that runs code, beyond syntax and static analysis."""

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult: ...


@runtime_checkable
class Tracing(Protocol):
    """A check that can tell each test's way through a source."""

    def traces(self, source: str, cancel: threading.Event | None) -> tuple[SuiteTrace, ...]: ...


@dataclass(slots=True)
class _Patience:
    """``waited`` counts the candidates without an answer."""

    waited: int = 0

    def limit(self, cpu_seconds: float) -> float:
        return max(_ENDLESS_CPU, cpu_seconds / (1 + self.waited / 2))


@dataclass(frozen=True, slots=True)
class TestCheck:
    """A plan, and the name under which its result is shown."""

    __test__ = False

    name: Literal["doctests", "tests"]
    plan: TestPlan
    pool: SandboxPool
    prelude: str = ""
    limits: Limits = Limits()
    patience: _Patience | None = None
    original: str = ""
    before: CheckResult | None = None
    """How ``original``, the version that it was calibrated with, does; it is not run again."""

    def calibrated(self, source: str, cancel: threading.Event | None = None) -> TestCheck:
        """A check with limits that fit what ``source``, a version of the module, needs.

        A wrong loop condition is a common mistake and a common candidate: each endless candidate
        costs the whole limit, so it has to be near what an honest one needs. Raises Cancelled.
        """
        if check_syntax(source) is not None:
            cpu_seconds = min(_UNKNOWN_CPU, self.limits.cpu_seconds)
            limits = Limits(cpu_seconds, self.limits.wall_seconds)
            return replace(self, limits=limits, patience=_Patience())
        check = replace(self, plan=self.plan.about(source))
        self.pool.start(cancel)
        started = time.monotonic()
        outcomes = check._run(source, cancel, warm=False)
        seconds = time.monotonic() - started
        raise_if_set(cancel)
        return check.fitted(source, outcomes, seconds)

    def fitted(self, source: str, outcomes: Sequence[TestOutcome], seconds: float) -> TestCheck:
        """A check with limits that fit, where it is known how ``source`` went, and how long."""
        cpu_seconds = min(max(_HEADROOM * seconds, _LEAST_CPU), self.limits.cpu_seconds)
        if any(outcome.status == "timeout" and outcome.call for outcome in outcomes):
            cpu_seconds = _ENDLESS_CPU
        limits = Limits(cpu_seconds, self.limits.wall_seconds)
        before = self._result(outcomes)
        before = replace(before, kept=before.passed)
        return replace(self, limits=limits, original=source, before=before)

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        """The result for ``source`` by a warm child; a pass is confirmed by a fresh child."""
        if self.before is not None and source == self.original:
            return self.before
        outcomes = self._run(source, cancel, warm=True)
        if all(outcome.status == "pass" for outcome in outcomes):
            outcomes = self._run(source, cancel, warm=False)
        if self.patience and any(outcome.status == "timeout" for outcome in outcomes):
            self.patience.waited += 1
        return self._result(outcomes)

    def _result(self, outcomes: Sequence[TestOutcome]) -> CheckResult:
        kept = self.before is not None and self.before.passed
        good = sum(outcome.status == "pass" for outcome in outcomes)
        weak = tuple(outcome.weak for outcome in outcomes if outcome.weak)
        found = outcome_findings(outcomes)
        return CheckResult(self.name, good, len(outcomes), found, weak, kept=kept)

    def traces(self, source: str, cancel: threading.Event | None) -> tuple[SuiteTrace, ...]:
        """Each test's way through the module, by one run more. Raises SandboxError."""
        return trace_plan(self.pool, source, self.plan, prelude=self.prelude, cancel=cancel)

    def _run(
        self, source: str, cancel: threading.Event | None, *, warm: bool
    ) -> tuple[TestOutcome, ...]:
        seconds = self.limits.cpu_seconds
        return run_plan(
            self.pool,
            source,
            self.plan,
            prelude=self.prelude,
            cpu_seconds=self.patience.limit(seconds) if self.patience else seconds,
            wall_seconds=self.limits.wall_seconds,
            warm=warm,
            cancel=cancel,
        )


class Verifier:
    """Checks candidates of one document. Thread-safe.

    ``original`` is the document before any edit: what ruff already said of lines outside of the
    window is not held against a candidate, a new hint anywhere is.
    """

    def __init__(
        self,
        original: str,
        *,
        static: StaticChecker | None = None,
        checks: Sequence[Check] = (),
        prelude: str = "",
        tolerated: Sequence[int] = (),
        asked: Sequence[tuple[str, str]] = (),
        found: Sequence[Diagnostic] | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """``tolerated``: line indices (0-based) whose errors cannot be fixed in this window;
        ``checks``: in order of cost; ``asked``: codes and messages of hints that have to be gone
        as if they were errors; ``found``: what ruff says of the original with its prelude, asked
        here where it is None. Raises Cancelled where ``cancel`` is set meanwhile."""
        self._static = static
        self._checks = tuple(checks)
        self._prelude = prelude
        self._asked = frozenset(asked)
        self._original, self._known = original, found
        known = None
        if check_syntax(original) is None:
            known = self._known = self._diagnose(original, cancel)
        outside = set(tolerated)
        self._has_code = _CODE.search(original) is not None
        self._imported = _imports(prelude + original)
        self._tolerated = Counter(_key(d) for d in known or () if d.is_error and d.line in outside)
        # A text that did not parse had no hints to compare with, so all are allowed.
        hints = None if known is None else [d for d in known if not self._counts(d)]
        self._hints = None if hints is None else Counter(map(_key, hints))

    def verify(self, source: str, cancel: threading.Event | None = None) -> Verdict:
        """Run the checks in order of cost; the first that fails ends it. Raises Cancelled."""
        raise_if_too_long(cancel, len(source) / CHARACTERS_A_SECOND)
        broken = check_syntax(source)
        raise_if_set(cancel)
        if broken is None and self._has_code and not _CODE.search(source):
            broken = Finding("nothing is left of the code")
        checks = [CheckResult("syntax", int(broken is None), 1, (broken,) if broken else ())]
        hints: tuple[Finding, ...] = ()
        if broken is None and self._static is not None:
            result, hints = self._check_static(source, cancel)
            checks.append(result)
        for check in self._checks:
            if not checks[-1].passed:
                break
            raise_if_set(cancel)
            checks.append(check.run(source, cancel))
        wanted = 1 + (self._static is not None) + len(self._checks)
        return Verdict(tuple(checks), complete=len(checks) == wanted, hints=hints)

    def traces(self, source: str, cancel: threading.Event | None = None) -> tuple[SuiteTrace, ...]:
        """Each test's way through a source, of the checks that can tell. Raises Cancelled."""
        return tuple(
            trace
            for check in self._checks
            if isinstance(check, Tracing)
            for trace in check.traces(source, cancel)
        )

    def _counts(self, diagnostic: Diagnostic) -> bool:
        """Whether it has to be gone from a fix."""
        return diagnostic.is_error or _key(diagnostic) in self._asked

    def _diagnose(self, source: str, cancel: threading.Event | None) -> Sequence[Diagnostic]:
        if self._known is not None and source == self._original:
            return self._known
        if self._static is None:
            return ()
        shift = self._prelude.count("\n")
        found = self._static.check(self._prelude + source, cancel)
        return tuple(
            Diagnostic(d.code, d.message, d.line - shift) for d in found if d.line >= shift
        )

    def _check_static(
        self, source: str, cancel: threading.Event | None
    ) -> tuple[CheckResult, tuple[Finding, ...]]:
        """An item for every error, at least one, and one for "no new hint"; hints come apart."""
        found = self._diagnose(source, cancel)
        errors = [d for d in found if self._counts(d)]
        hints = [d for d in found if not self._counts(d)]
        allowed = Counter(self._tolerated)
        wrong = [d for d in errors if not _take(allowed, d)]
        new: list[Diagnostic] = []
        if self._hints is not None:
            allowed = Counter(self._hints)
            new = [d for d in hints if not _take(allowed, d)]
        # An import makes any name known to ruff.
        invented = sorted(filterfalse(_is_module, _imports(source) - self._imported))
        findings = tuple(d.finding for d in [*wrong, *new])
        findings += tuple(Finding(f"there is no module {name}") for name in invented)
        bad = len(wrong) + len(invented)
        result = CheckResult("static", int(not bad) + int(not new), max(bad, 1) + 1, findings)
        return result, tuple(d.finding for d in hints if d not in new)


def _imports(source: str) -> set[str]:
    """Top-level modules that a source imports, relative ones left out."""
    found: set[str] = set()
    for kind, rest in _IMPORT.findall(source):
        names = rest.split(",") if kind == "import" else [rest]
        found |= {name.split()[0].partition(".")[0] for name in names if name.split()}
    return found - {""}


@lru_cache(maxsize=1024)
def _is_module(name: str) -> bool:
    """Whether a module of that name is in the standard library or installed here."""
    if name in sys.stdlib_module_names:
        return True
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def outcome_findings(outcomes: Sequence[TestOutcome]) -> tuple[Finding, ...]:
    """Findings for the tests that did not pass, without repetition.

    ``f(2, 3) -> 6, expected 5``; an exception names the line of the module that raised it.
    """
    findings = []
    for outcome in outcomes:
        if outcome.status == "pass":
            continue
        got = _NO_ANSWER if outcome.status == "timeout" else outcome.got
        text = f"{outcome.call} -> {got}" if outcome.call else f"{outcome.name}: {got}"
        if outcome.status == "fail" and not (outcome.call and outcome.expected):
            # Of an expression that is more than one call, the call alone says little.
            text = f"{short(outcome.name)} is not true" + (f": {text}" if outcome.call else "")
        elif outcome.expected:
            text += f", expected {outcome.expected}"
        findings.append(Finding(text, None if outcome.line is None else outcome.line - 1))
    return tuple(dict.fromkeys(findings))


def _key(diagnostic: Diagnostic) -> tuple[str, str]:
    return diagnostic.code, diagnostic.message


def _take(allowed: Counter[tuple[str, str]], diagnostic: Diagnostic) -> bool:
    """Use up one allowance for this diagnostic; lines may have moved, so they do not count."""
    key = _key(diagnostic)
    if allowed[key] <= 0:
        return False
    allowed[key] -= 1
    return True
