"""Fixing one file: where to look, what to check, and the search. The command line and the language
server both come through here; nothing is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from editloop.budget import Budget
from editloop.checks.plans import plan_asserts
from editloop.checks.static import StaticChecker
from editloop.checks.syntax import check_syntax
from editloop.doctests import docstrings, doctest_checks, documented
from editloop.policy import Policy
from editloop.region import opener, window
from editloop.repair import Repair, repair
from editloop.sandbox import SandboxPool
from editloop.solutions import Progress
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.verify import Check, TestCheck, Verifier


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


@dataclass(frozen=True, slots=True)
class Tools:
    """What runs the checks; without a sandbox no code is run, without ``static`` none is linted."""

    static: StaticChecker | None
    pool: SandboxPool | None
    workers: int = 1
    """Candidates verified at once; not more than the pool has sandboxes."""


def fix(
    request: Request,
    policy: Callable[[], Policy],
    tools: Tools,
    *,
    suites: Sequence[Check] = (),
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Repair:
    """Find verified fixes of a document.

    ``policy`` is called only when something is wrong, so a model is loaded only when it is needed;
    ``suites`` are checks that cost more than all others (a person's own test suite). Raises
    RequestError, RegionError, EngineError, SandboxError, StaticCheckError.
    """
    document = request.document
    asserts = _assert_checks(request.tests, document.text, tools)
    line = _line_to_fix(request, tools)
    view = _view(request, line, tools)
    inside = set(view)
    examples = doctest_checks(document, inside, tools.pool)
    verifying = partial(
        Verifier,
        document.text,
        static=tools.static,
        tolerated=[i for i in range(len(document.lines)) if i not in inside],
        asked=_asked(request, tools),
    )
    loaded = cache(policy)

    def attempt(checks: Sequence[Check], budget: Budget) -> Repair:
        verifier = verifying(checks=checks)
        before = verifier.verify(document.text, cancel)
        if before.passed:
            return Repair("nothing wrong", before, None)
        return repair(
            EditState.open(document, _without_docstrings(document, view, line)),
            loaded(),
            verifier,
            budget=budget,
            seed=request.seed,
            alternatives=request.alternatives,
            cancel=cancel,
            on_progress=on_progress,
            before=before,
            workers=tools.workers,
        )

    checks = [*examples.known, *asserts, *suites]
    if not examples.unknown:
        return attempt(checks, request.budget)
    # Nobody knows which examples elsewhere passed before the document was broken. A fix that all
    # of them confirm is best; without that only a single edit is believed.
    half = request.budget.half()
    done = attempt([*checks, *examples.unknown], half)
    stopped = cancel is not None and cancel.is_set()
    return done if done.status == "fixed" or stopped else attempt(checks, replace(half, turns=1))


def _line_to_fix(request: Request, tools: Tools) -> int | None:
    """The line that was asked for; where nothing was, that of the first suspect."""
    if request.line is None and request.function is None and request.lines is None:
        return next((suspect.line for suspect in suspects(request.document, tools)), None)
    return request.line


def _view(request: Request, line: int | None, tools: Tools) -> tuple[int, ...]:
    """The window's lines, and the one above that opens the block of a wrong indentation."""
    document = request.document
    view = window(
        document,
        line=line,
        function=request.function,
        lines=request.lines,
        narrow=request.narrow,
        imports=_lacks_name(document, tools),
    )
    broken = check_syntax(document.text)
    if broken is not None and broken.line is not None and "unindent" in broken.text:
        above = opener(document, broken.line)
        return view if above is None else tuple(sorted({*view, above}))
    return view


def _without_docstrings(
    document: Snapshot, view: Sequence[int], line: int | None
) -> tuple[int, ...]:
    """The lines of a view outside of docstrings, except for ``line``."""
    hidden = {i for found in docstrings(document) for i in found} - {line}
    return tuple(i for i in view if i not in hidden)


def _assert_checks(tests: Sequence[str], source: str, tools: Tools) -> list[Check]:
    if not tests:
        return []
    if tools.pool is None:
        raise RequestError("tests need a sandbox, and this machine has none (see editloop doctor)")
    try:
        check = TestCheck("tests", plan_asserts(tests), tools.pool)
    except SyntaxError as error:
        raise RequestError(f"neither a file nor a Python expression: {error.text}") from error
    return [check.calibrated(source)]


@dataclass(frozen=True, slots=True)
class Suspect:
    """Where something is wrong: a line (0-based, None where nobody knows), and what, in words."""

    line: int | None
    text: str


def suspects(document: Snapshot, tools: Tools) -> Iterator[Suspect]:
    """Where to look when nobody said: a syntax error, or static errors and failing doctests."""
    broken = check_syntax(document.text)
    if broken is not None:
        last = len(document.lines) - 1
        yield Suspect(None if broken.line is None else min(broken.line, last), broken.text)
        return
    for diagnostic in tools.static.check(document.text) if tools.static else ():
        if diagnostic.is_error:
            yield Suspect(diagnostic.line, f"{diagnostic.code} {diagnostic.message}")
    for definition, check in documented(document, tools.pool):
        if not check.run(document.text, None).passed:
            name = definition.name if definition else "the module"
            line = definition.header if definition else check.plan.groups[0][0].line - 1
            yield Suspect(line, f"a doctest of {name} fails")


def _lacks_name(document: Snapshot, tools: Tools) -> bool:
    """Whether something is used that nothing binds, so that an import may be missing."""
    parses = check_syntax(document.text) is None
    found = tools.static.check(document.text) if tools.static and parses else ()
    return any(diagnostic.code == "F821" for diagnostic in found)


def _asked(request: Request, tools: Tools) -> list[tuple[str, str]]:
    """Code and message of the hints that were asked about."""
    if not request.asked or tools.static is None:
        return []
    return [
        (found.code, found.message)
        for found in tools.static.check(request.document.text)
        if found.code == request.asked and found.line == request.line
    ]
