"""Fixing one file: where to look, what to check, and the search. The command line and the language
server both come through here; nothing is written.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from editloop.budget import Budget, Cancelled, Stop, raise_if_set
from editloop.checks.doctests import Examples, docstrings, doctest_checks
from editloop.checks.plans import TestPlan, plan_asserts
from editloop.checks.static import StaticChecker
from editloop.checks.suites import SuiteCheck
from editloop.checks.verdict import Verdict
from editloop.checks.verify import Check, TestCheck, Verifier
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.model.backend import Model
from editloop.policy import Policy
from editloop.python.syntax import CHARACTERS_A_SECOND
from editloop.repair.diagnosis import Diagnosis, diagnose
from editloop.repair.region import MAX_LINES, opener, window
from editloop.repair.run import Repair, repair
from editloop.repair.solutions import Progress, SearchResult
from editloop.repair.spectrum import suspect_lines
from editloop.sandbox import SandboxPool

MOST_LINES = 120
"""Lines of all functions that failing tests point to and that are looked at together. Chosen."""


class RequestError(ValueError):
    """What was asked for cannot be done; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to fix. ``line`` and ``lines`` are 0-based; ``tests`` are expressions or assertions, in
    Python."""

    document: Snapshot
    line: int | None = None
    function: str | None = None
    tests: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)
    alternatives: int = 3
    seed: int = 0
    lines: range | None = None
    narrow: bool = False
    """Look at one function alone, even in a small file: what fails elsewhere is tolerated."""
    asked: str = ""
    """The code of a hint of ruff on ``line`` that has to be gone, such as F841."""
    started: float = field(default_factory=time.monotonic)
    """The moment of ``time.monotonic`` from which on the budget runs."""

    def stop(self, cancel: threading.Event | None) -> Stop:
        """Set when ``cancel`` is, and from the end of the budget on."""
        seconds = math.inf if self.budget.seconds is None else self.budget.seconds
        return Stop(cancel, self.started + seconds)


@dataclass(frozen=True, slots=True)
class Tools:
    """What runs the checks; without a sandbox no code is run, without ``static`` none is linted."""

    static: StaticChecker | None
    pool: SandboxPool | None
    workers: int = 1
    """Candidates verified at once; not more than the pool has sandboxes."""
    model: Model | None = None
    """What fills in places and judges; None for moves alone."""


def fix(
    request: Request,
    policy: Policy,
    tools: Tools,
    *,
    suites: Sequence[Check] = (),
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Repair:
    """Find verified fixes of a document.

    ``policy`` orders moves; ``suites`` are checks that cost more than all others (a person's own
    test suite). Raises RequestError, RegionError, SandboxError, StaticCheckError.
    """
    _refuse_too_long(request)
    _window(request, request.line)  # a place that is not there is refused before anything is asked
    stop = request.stop(cancel)
    view = tuple[int, ...]()
    try:
        known = diagnose(request.document, tools.static, tools.pool, stop)
        lines = _lines_to_fix(request, known, suites, stop)
        raise_if_set(stop)
        line = lines[0] if lines else None
        view = _view(request, lines, known)
        done = _fix(request, known, policy, tools, suites, cancel, on_progress, line, view, stop)
        return replace(done, view=view)
    except Cancelled:
        return replace(_given_up(request, cancel), view=view)


def _refuse_too_long(request: Request) -> None:
    """A parse cannot be stopped, so what takes longer than the budget is not begun."""
    characters = sum(len(line.text) + 1 for line in request.document.lines)
    needed = characters / CHARACTERS_A_SECOND
    if request.budget.seconds is not None and needed > request.budget.seconds:
        raise RequestError(
            f"to read {characters / 1e6:.1f} million characters takes longer than the budget of "
            f"{request.budget.seconds:g} seconds: give {math.ceil(needed)} or more"
        )


def _certain(verdict: Verdict) -> Verdict:
    """A verdict without what may have failed for being cut off."""
    static = ("syntax", "static")
    kept = tuple(check for check in verdict.checks if check.passed or check.name in static)
    return Verdict(kept, complete=False)


def _given_up(request: Request, cancel: threading.Event | None) -> Repair:
    """Where not even the checks came to an end."""
    asked = cancel is not None and cancel.is_set()
    seconds = time.monotonic() - request.started
    result = SearchResult((), 0, 0, seconds, "cancelled" if asked else "out of time")
    return Repair("not fixed", Verdict((), complete=False), result)


def _fix(
    request: Request,
    known: Diagnosis,
    policy: Policy,
    tools: Tools,
    suites: Sequence[Check],
    cancel: threading.Event | None,
    on_progress: Callable[[Progress], None] | None,
    line: int | None,
    view: Sequence[int],
    stop: Stop,
) -> Repair:
    """The fix within the lines of ``view``. Raises Cancelled."""
    document = request.document
    asserts = _assert_checks(request.tests, document.text, tools, stop)
    inside = set(view)
    raise_if_set(stop)
    examples = Examples()
    if tools.pool is not None:
        examples = doctest_checks(document, known.examples, inside, tools.pool, stop, line)
    verifying = partial(
        Verifier,
        document.text,
        static=tools.static,
        tolerated=[i for i in range(len(document.lines)) if i not in inside],
        asked=_asked(request, known),
        found=known.found,
        cancel=stop,
    )

    def attempt(checks: Sequence[Check], budget: Budget) -> Repair:
        verifier = verifying(checks=checks)
        before = verifier.verify(document.text, stop)
        if before.passed:
            return Repair("nothing wrong", before, None)
        if stop.is_set():
            return replace(_given_up(request, cancel), before=_certain(before))
        return repair(
            EditState.open(document, _without_docstrings(document, view, line)),
            policy,
            verifier,
            budget=budget,
            seed=request.seed,
            alternatives=request.alternatives,
            cancel=cancel,
            on_progress=on_progress,
            before=before,
            workers=tools.workers,
            model=tools.model,
            traced=bool(suites),
        )

    checks = [*examples.known, *asserts, *suites]
    left = replace(request.budget, seconds=stop.left)
    if not examples.unknown:
        return attempt(checks, left)
    # Nobody knows which examples elsewhere passed before the document was broken. A fix that all
    # of them confirm is best; without that only a single edit is believed.
    done = attempt([*checks, *examples.unknown], left.half())
    if done.status == "fixed" or stop.is_set():
        return done
    return attempt(checks, replace(left.half(), seconds=stop.left, turns=1))


def _lines_to_fix(
    request: Request, known: Diagnosis, suites: Sequence[Check], stop: Stop
) -> list[int]:
    """The line that was asked for; where nothing was, that of the first suspect, and else those
    that failing tests of a suite point to, if not all lines are looked at anyway."""
    if request.line is not None or request.function is not None or request.lines is not None:
        return [] if request.line is None else [request.line]
    first = next((suspect.line for suspect in known.suspects()), None)
    if first is not None:
        return [first]
    if len(request.document.lines) <= MAX_LINES:
        return []
    text = request.document.text
    traces = [t for s in suites if isinstance(s, SuiteCheck) for t in s.traces(text, stop)]
    return suspect_lines(request.document, traces)


def _view(request: Request, lines: Sequence[int], known: Diagnosis) -> tuple[int, ...]:
    """The window's lines: of the first line, and of others while there is room; with the line that
    opens the block of a wrong indentation."""
    view = _window(request, lines[0] if lines else None, imports=known.lacks_name)
    for line in lines[1:]:
        if line not in view:
            wider = tuple(sorted({*view, *_window(request, line)}))
            view = wider if len(wider) <= MOST_LINES else view
    broken = known.broken
    if broken is not None and broken.line is not None and "unindent" in broken.text:
        above = opener(request.document, broken.line)
        return view if above is None else tuple(sorted({*view, above}))
    return view


def _window(request: Request, line: int | None, *, imports: bool = False) -> tuple[int, ...]:
    return window(
        request.document,
        line=line,
        function=request.function,
        lines=request.lines,
        narrow=request.narrow,
        imports=imports,
    )


def _without_docstrings(
    document: Snapshot, view: Sequence[int], line: int | None
) -> tuple[int, ...]:
    """The lines of a view outside of docstrings, except for ``line``."""
    hidden = {i for found in docstrings(document) for i in found} - {line}
    return tuple(i for i in view if i not in hidden)


def _assert_checks(tests: Sequence[str], source: str, tools: Tools, stop: Stop) -> list[Check]:
    if not tests:
        return []
    if tools.pool is None:
        raise RequestError("tests need a sandbox, and this machine has none (see editloop doctor)")
    try:
        check = TestCheck("tests", _plan(tests), tools.pool)
    except SyntaxError as error:
        raise RequestError(f"neither a file nor a Python expression: {error.text}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        told = str(error) or "too deeply nested"
        raise RequestError(f"no Python expression: {told}") from error
    return [check.calibrated(source, stop)]


def _plan(tests: Sequence[str]) -> TestPlan:
    """The plan of a person's expressions, each under its own text. Raises what a parser does."""
    different = tuple(dict.fromkeys(test.strip() for test in tests))
    plan = plan_asserts(different)
    named = zip(plan.tests, different, strict=True)
    return replace(plan, tests=tuple(replace(test, name=text) for test, text in named))


def _asked(request: Request, known: Diagnosis) -> list[tuple[str, str]]:
    """Code and message of the hints that were asked about."""
    return [
        (found.code, found.message)
        for found in known.found
        if found.code == request.asked and found.line == request.line
    ]
