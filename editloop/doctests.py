"""The doctests of a document as checks of a fix, and where its docstrings are."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from editloop.budget import raise_if_set
from editloop.checks.docexample import DocGroup
from editloop.checks.plans import TestPlan, plan_doctests
from editloop.checks.syntax import check_syntax
from editloop.checks.testdoc import has_objects
from editloop.checks.testoutcome import NOT_RUN
from editloop.checks.testruns import run_plan
from editloop.definitions import Definition, definitions
from editloop.sandbox import SandboxPool
from editloop.text import Snapshot
from editloop.verify import Check, Limits, TestCheck

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
    """The examples of one docstring; ``definition`` is None for the module's own."""

    definition: Definition | None
    group: DocGroup
    passes: bool

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
    view: set[int],
    pool: SandboxPool | None,
    stop: threading.Event | None = None,
    line: int | None = None,
) -> Examples:
    """The examples of a window (line indices, made around ``line``), and of what is around it; none
    without a sandbox. Raises Cancelled.
    """
    if pool is None:
        return Examples()
    if view.issuperset(range(len(document.lines))):
        plan = _plan(document)
        whole = TestCheck("doctests", plan, pool) if plan else None
        return Examples((whole.calibrated(document.text, stop),) if whole else ())
    parses = check_syntax(document.text) is None
    inside: list[Check] = []
    others: list[DocGroup] = []
    for found in documented(document, pool, stop):
        if found.is_shown(view, line):
            own = TestCheck("doctests", _of(document, (found.group,)), pool)
            inside.append(own.calibrated(document.text, stop))
        elif not parses or found.passes:
            others.append(found.group)
    if not others:
        return Examples(tuple(inside))
    plan = _of(document, tuple(others))
    rest = TestCheck("doctests", plan, pool, limits=_ALL_OTHERS)
    if not parses:
        return Examples(tuple(inside), (rest,))
    return Examples((*inside, rest.calibrated(document.text, stop)))


def documented(
    document: Snapshot, pool: SandboxPool | None, stop: threading.Event | None = None
) -> Iterator[Documented]:
    """The docstrings with examples, in order; none without a sandbox. Raises Cancelled."""
    plan = _plan(document) if pool else None
    raise_if_set(stop)
    if plan is None or pool is None:
        return
    parses = check_syntax(document.text) is None
    passing = _passing(document.text, plan, pool, stop) if parses else set()
    raise_if_set(stop)
    found = definitions(document)
    starts = [definition.start for definition in found]
    for number, group in enumerate(plan.groups):
        line = group[0].line - 1
        # Nothing is defined between a header and its docstring.
        at = bisect_right(starts, line) - 1
        around = found[at] if at >= 0 and line < found[at].stop else None
        yield Documented(around, group, number in passing)


def _passing(
    source: str, plan: TestPlan, pool: SandboxPool, stop: threading.Event | None
) -> set[int]:
    """Numbers of the docstrings whose examples all pass; one child runs them all, and another what
    comes after one that ends or outlasts it. Raises Cancelled."""
    groups = plan.groups
    passing: set[int] = set()
    first = 0
    while first < len(groups):
        begin = first
        # An endless one costs all of it, as each of many costs a little.
        cpu_seconds = min(1.0 + len(groups[first:]) / 200, _ALL_OTHERS.cpu_seconds)
        outcomes = iter(
            run_plan(
                pool,
                source,
                replace(plan, groups=groups[first:]),
                cpu_seconds=cpu_seconds,
                wall_seconds=_ALL_OTHERS.wall_seconds,
                cancel=stop,
            )
        )
        raise_if_set(stop)
        for number in range(first, len(groups)):
            told = [next(outcomes) for _ in groups[number]]
            if told[0].got == NOT_RUN and number > begin:
                break
            if all(outcome.status == "pass" for outcome in told):
                passing.add(number)
            first = number + 1
    return passing


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
