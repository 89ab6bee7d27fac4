"""Tests of the "doctests" kind: sends examples to one child, reads its numbered answers and holds
what would have been shown against what the docstring wants.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import Any

from editloop.checks import doccompare, testdoc
from editloop.checks.doccompare import DocExample, DocGroup
from editloop.checks.plans import TestPlan
from editloop.checks.testoutcome import (
    NOT_RUN,
    Limits,
    TestOutcome,
    clean,
    ending,
    error_text,
    load_error,
    noted,
    short,
)
from editloop.sandbox.inner.calls import OUTPUT_CAP
from editloop.sandbox.inner.decode import BadValue, ForeignValue
from editloop.sandbox.inner.show import CAP
from editloop.sandbox.pool import SandboxPool


def run_doctests(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> tuple[TestOutcome, ...]:
    """Outcomes of all examples of the plan, in its order.

    A comparison of what does not cross as plain data is the object's own to make: where the module
    may have such objects it is run again as it is, and a pass is marked as weak.
    """
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        source = testdoc.cut(source)  # where it does not parse, the child says so
    groups = plan.groups
    while True:
        foreign: set[int] = set()
        outcomes = _run(pool, source, groups, prelude, limits, cancel, foreign)
        if not foreign or not plan.objects:
            return outcomes
        groups = tuple(
            tuple(
                replace(e, check=None, weak=doccompare.ITSELF) if e.line in foreign else e
                for e in group
            )
            for group in groups
        )


def _run(
    pool: SandboxPool,
    source: str,
    groups: tuple[DocGroup, ...],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
    foreign: set[int],
) -> tuple[TestOutcome, ...]:
    """One run of all; adds the lines of examples whose answers did not cross to `foreign`."""
    examples = [example for group in groups for example in group]
    asked = [[list(e.check.exprs) if e.check else e.source for e in group] for group in groups]
    message: dict[str, Any] = {"kind": "doctests", "source": source, "groups": asked}
    message |= {"prelude": prelude, "traced": limits.traced}
    answers = pool.run(limits.job(message, answers=len(examples)), cancel)
    broken = load_error(answers)
    outcomes: list[TestOutcome] = []
    for number, example in enumerate(examples):
        frame = answers.frames[number + 1] if number + 1 < len(answers.frames) else None
        if broken is not None:
            outcomes.append(_outcome(example, *broken))
        elif isinstance(frame, dict) and frame.get("n") == number:
            outcomes.append(_doc(example, frame, foreign))
        else:
            ended = number + 1 == len(answers.frames)
            outcomes.append(_outcome(example, *(ending(answers) if ended else ("error", NOT_RUN))))
    return tuple(noted(outcome, answers, n, 1) for n, outcome in enumerate(outcomes))


def _outcome(
    example: DocExample, status: Any, got: str, line: int | None = None, weak: str = ""
) -> TestOutcome:
    call, expected = example.source.strip()[:CAP], testdoc.wanted_text(example)
    return TestOutcome(f"line {example.line}", status, call, expected, got, line, weak)


def _doc(example: DocExample, frame: dict[str, Any], foreign: set[int]) -> TestOutcome:
    """How one example went; its line is added to `foreign` where its answers did not cross."""
    out, error = frame.get("out"), frame.get("text")
    if example.check is not None:
        try:
            told = doccompare.compare(example, example.check, frame)
        except ForeignValue as kind:
            foreign.add(example.line)
            return _outcome(example, "fail", f"an object of type {clean(str(kind))}")
        except BadValue:
            return _outcome(example, "fail", "a value that cannot be compared")
        out, error = told.out, told.error
        frame = next((a for a in frame["rets"] if error and a.get("text") == error), frame)
    if not isinstance(out, str) or not (error is None or isinstance(error, str)):
        return _outcome(example, "error", "malformed answer")
    if len(out) > 2 * OUTPUT_CAP:
        return _outcome(example, "fail", "too much output")
    if testdoc.passes(example, out, error):
        return _outcome(example, "pass", testdoc.wanted_text(example), weak=example.weak)
    if error is not None:
        told_error = frame.get("exc")
        text, line = error_text(told_error) if told_error else (short(error.rstrip("\n")), None)
        return _outcome(example, "error", text, line)
    return _outcome(example, "fail", short(clean(out[: 4 * CAP]).rstrip("\n")))
