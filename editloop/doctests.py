"""The doctests of a document as checks of a fix, and where its docstrings are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from editloop.checks.plans import TestPlan, plan_doctests
from editloop.checks.syntax import check_syntax
from editloop.checks.testdoc import DocGroup, has_objects
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


def doctest_checks(document: Snapshot, view: set[int], pool: SandboxPool | None) -> Examples:
    """Those of a window (line indices); none without a sandbox."""
    if pool is None:
        return Examples()
    if view.issuperset(range(len(document.lines))):
        plan = _plan(document)
        whole = TestCheck("doctests", plan, pool) if plan else None
        return Examples((whole.calibrated(document.text),) if whole else ())
    parses = check_syntax(document.text) is None
    inside: list[Check] = []
    others: list[DocGroup] = []
    for definition, check in documented(document, pool):
        shown = definition is not None and {definition.header, definition.stop - 1} <= view
        if shown:
            inside.append(check.calibrated(document.text))
        elif not parses or check.run(document.text, None).passed:
            others += check.plan.groups
    if not others:
        return Examples(tuple(inside))
    plan = TestPlan("doctests", groups=tuple(others), objects=has_objects(document.text))
    rest = TestCheck("doctests", plan, pool, limits=_ALL_OTHERS)
    if not parses:
        return Examples(tuple(inside), (rest,))
    return Examples((*inside, rest.calibrated(document.text)))


def documented(
    document: Snapshot, pool: SandboxPool | None
) -> Iterator[tuple[Definition | None, TestCheck]]:
    """Functions and classes whose own docstring has examples; None stands for the module."""
    plan = _plan(document) if pool else None
    if plan is None or pool is None:
        return
    found = definitions(document)
    for group in plan.groups:
        line = group[0].line - 1
        around = [d for d in found if d.start <= line < d.stop]
        own = replace(plan, groups=(group,))
        yield max(around, key=lambda d: d.start, default=None), TestCheck("doctests", own, pool)


def _plan(document: Snapshot) -> TestPlan | None:
    """All examples of a document, None without any."""
    plan = plan_doctests(_doctest_source(document))
    return plan and replace(plan, objects=has_objects(document.text))


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
    for stop in range(start + 1, definition.stop + 1):
        body = "\n".join(texts[start:stop]).strip()
        if body.count(quote[1]) == 2 and body.endswith(quote[1]):
            return range(start, stop)
    return None
