"""The doctests of a document as checks of a fix, and where its docstrings are."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from editloop.budget import raise_if_set
from editloop.checks.doccompare import DocGroup
from editloop.checks.plans import TestPlan, plan_doctests
from editloop.checks.testdoc import has_objects
from editloop.checks.testoutcome import NOT_RUN, TestOutcome
from editloop.checks.testruns import run_plan
from editloop.checks.verify import Check, Limits, TestCheck
from editloop.document.text import Snapshot
from editloop.python.definitions import Definition, definitions
from editloop.python.syntax import check_syntax
from editloop.sandbox import SandboxPool

_ALL_OTHERS = Limits(cpu_seconds=5.0, wall_seconds=20.0)
_QUOTE = re.compile(r"\s+[rR]?(\"\"\"|''')")


@dataclass(frozen=True, slots=True)
class Examples:
    """Doctests: ``known`` are those of the window and those outside that pass already and have to
    go on; of ``unknown`` nobody knows, since the document does not parse."""

    known: tuple[Check, ...] = ()
    unknown: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Documented:
    """The examples of one docstring; ``definition`` is None for the module's own.

    How they went: an outcome for each, () where the document does not parse; the seconds of loading
    the module, and theirs after that; whether their child had run no others before them (``first``)
    and did not outlive them (``last``).
    """

    definition: Definition | None
    group: DocGroup
    outcomes: tuple[TestOutcome, ...] = ()
    load: float = 0.0
    seconds: float = 0.0
    first: bool = True
    last: bool = False

    @property
    def passes(self) -> bool:
        """Whether all of its examples do; False where nobody ran them."""
        return bool(self.outcomes) and all(outcome.status == "pass" for outcome in self.outcomes)

    @property
    def line(self) -> int:
        """The line (0-based) of the definition's header, else of the first example."""
        return self.definition.header if self.definition else self.group[0].line - 1

    def is_shown(self, view: set[int], line: int | None) -> bool:
        """Whether a window, made around ``line``, shows the code that the examples are about: all
        of a definition, or that part of a function where the line is."""
        found = self.definition
        if found is None or found.header not in view:
            return False
        within = line is not None and found.kind == "function" and found.start <= line < found.stop
        return found.stop - 1 in view or within


def doctest_checks(
    document: Snapshot,
    found: Sequence[Documented],
    view: set[int],
    pool: SandboxPool,
    stop: threading.Event | None = None,
    line: int | None = None,
) -> Examples:
    """Checks of the examples of a window (line indices, made around ``line``), and of those around
    it. ``found``: all of the document. Raises Cancelled.
    """
    if not found:
        return Examples()
    if view.issuperset(range(len(document.lines))):
        return Examples((_check(document, found, pool, stop),))
    parses = bool(found[0].outcomes)
    own, others = tuple[Check, ...](), list[Documented]()
    for one in found:
        if one.is_shown(view, line):
            own += (_check(document, (one,), pool, stop),)
        elif one.passes or not parses:
            others.append(one)
    if not others:
        return Examples(own)
    rest = _check(document, others, pool, stop, _ALL_OTHERS)
    return Examples((*own, rest)) if parses else Examples(own, (rest,))


def _check(
    document: Snapshot,
    some: Sequence[Documented],
    pool: SandboxPool,
    stop: threading.Event | None,
    limits: Limits = Limits(),
) -> TestCheck:
    """The check of some examples. What failed in a child that others had used is run by itself."""
    plan = _of(document, tuple(one.group for one in some))
    check = TestCheck("doctests", plan, pool, limits=limits)
    if limits is _ALL_OTHERS and not some[0].outcomes:
        return check  # nobody knows what it takes where it cannot be run yet
    if not some[0].outcomes or not (some[0].first or all(one.passes for one in some)):
        return check.calibrated(document.text, stop)
    seconds = max(one.load for one in some) + sum(one.seconds for one in some)
    return check.fitted(document.text, tuple(_in_one_child(some)), seconds)


def _in_one_child(some: Sequence[Documented]) -> Iterator[TestOutcome]:
    """The outcomes of examples as one child would have them: none after those that it does not
    outlive."""
    ended = False
    for one in some:
        for outcome in one.outcomes:
            if ended:
                outcome = replace(outcome, status="error", got=NOT_RUN, line=None, weak="")
            yield outcome
        ended |= one.last


def documented(
    document: Snapshot, pool: SandboxPool, stop: threading.Event | None = None
) -> tuple[Documented, ...]:
    """The docstrings with examples, in order; those of a document that parses are run, each once.

    One child runs them all, and another what comes after one that ends or outlasts it. Raises
    Cancelled.
    """
    plan = _plan(document)
    raise_if_set(stop)
    if plan is None:
        return ()
    found = definitions(document)
    starts = [definition.start for definition in found]
    all_of_them = []
    for group in plan.groups:
        line = group[0].line - 1
        # Nothing is defined between a header and its docstring.
        at = bisect_right(starts, line) - 1
        around = found[at] if at >= 0 and line < found[at].stop else None
        all_of_them.append(Documented(around, group))
    if check_syntax(document.text) is not None:
        return tuple(all_of_them)
    pool.start(stop)
    ran: list[Documented] = []
    while len(ran) < len(all_of_them):
        ran += _ran(document, all_of_them[len(ran) :], plan, pool, stop)
    return tuple(ran)


def _ran(
    document: Snapshot,
    some: Sequence[Documented],
    plan: TestPlan,
    pool: SandboxPool,
    stop: threading.Event | None,
) -> list[Documented]:
    """How those went that a new child runs: all, or those up to one that it does not outlive."""
    outcomes = iter(
        run_plan(
            pool,
            document.text,
            replace(plan, groups=tuple(one.group for one in some)),
            # An endless one costs all of it, as each of many costs a little.
            cpu_seconds=min(1.0 + len(some) / 200, _ALL_OTHERS.cpu_seconds),
            wall_seconds=_ALL_OTHERS.wall_seconds,
            cancel=stop,
        )
    )
    raise_if_set(stop)
    found: list[Documented] = []
    for one in some:
        told = tuple(next(outcomes) for _ in one.group)
        if told[0].got == NOT_RUN and found:
            found[-1] = replace(found[-1], last=True)
            break
        load, seconds = told[0].load, sum(outcome.seconds for outcome in told)
        found.append(replace(one, outcomes=told, load=load, seconds=seconds, first=not found))
    return found


def _of(document: Snapshot, groups: tuple[DocGroup, ...]) -> TestPlan:
    """The plan of some of a document's examples."""
    return TestPlan("doctests", groups=groups, objects=has_objects(document.text))


def _plan(document: Snapshot) -> TestPlan | None:
    """All examples of a document, None without any."""
    plan = plan_doctests(_doctest_source(document))
    return plan and _of(document, plan.groups)


def _doctest_source(document: Snapshot) -> str:
    """A text that parses and holds the document's examples on their lines.

    Of a document that does not parse only headers and docstrings are kept: what should come out of
    a function is known although the function is broken.
    """
    if check_syntax(document.text) is None:
        return document.text
    texts = [line.text for line in document.lines]
    kept = [""] * len(texts)
    for definition in definitions(document):
        name = definition.name.rpartition(".")[2]
        found = _docstring(texts, definition)
        if found is None or not name.isidentifier():
            continue
        if not any(">>>" in texts[i] for i in found):
            continue
        lines = [f"def {name}():", *texts[found.start : found.stop]]
        if check_syntax("\n".join(lines)) is None:
            kept[definition.header] = lines[0]
            kept[found.start : found.stop] = lines[1:]
    return "\n".join(kept)


def docstrings(document: Snapshot) -> Iterator[range]:
    """Docstrings of several lines: no edit of theirs can fix anything, so no window shows them."""
    texts = [line.text for line in document.lines]
    for definition in definitions(document):
        found = _docstring(texts, definition)
        if found is not None and len(found) > 1:
            yield found


def _docstring(texts: Sequence[str], definition: Definition) -> range | None:
    """The lines of a docstring below a header; None where it does not clearly begin and end."""
    start = definition.header + 1
    while start < definition.stop and not texts[start - 1].rstrip().endswith(":"):
        start += 1
    quote = _QUOTE.match(texts[start]) if start < definition.stop else None
    if quote is None:
        return None
    quotes = 0
    for stop in range(start + 1, definition.stop + 1):
        quotes += texts[stop - 1].count(quote[1])
        if quotes > 1:
            ends = quotes == 2 and texts[stop - 1].rstrip().endswith(quote[1])
            return range(start, stop) if ends else None
    return None
