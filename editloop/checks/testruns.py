"""Runs test plans through the sandbox and puts the outcomes in the plan's order: doctests and the
tests that the judge runs here, calls in `callruns`. Pass or fail is said in these two only.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

from editloop.checks import testdoc, testjudge
from editloop.checks.callruns import run_calls
from editloop.checks.plans import PlannedTest, TestPlan
from editloop.checks.testoutcome import (
    NOT_RUN,
    Limits,
    TestOutcome,
    clean,
    ending,
    error_text,
    load_error,
    short,
)
from editloop.sandbox.inner.show import CAP
from editloop.sandbox.pool import SandboxPool


def run_plan(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    *,
    prelude: str = "",
    cpu_seconds: float = 1.0,
    wall_seconds: float = 5.0,
    stop_at_first_failure: bool = False,
    warm: bool = False,
    cancel: threading.Event | None = None,
) -> tuple[TestOutcome, ...]:
    """Outcomes of all tests of the plan on one candidate, in the plan's order.

    The limits hold for all calls together. A module that cannot be loaded makes every outcome an
    "error". With `stop_at_first_failure`, and after a timeout or a crash, what follows is an
    "error" that says "not run". ``warm``: several times as fast, in a child that ran other
    candidates, so what they did may show; not to be believed where it matters.
    """
    limits = Limits(cpu_seconds, wall_seconds, stop_at_first_failure, warm)
    prelude = prelude or plan.prelude
    if plan.kind == "doctests":
        return _run_doctests(pool, source, plan, prelude, limits, cancel)
    called = [test for test in plan.tests if not test.function]
    judged = [test for test in plan.tests if test.function]
    done: dict[str, TestOutcome] = {}
    if called:
        done |= {o.name: o for o in run_calls(pool, source, called, prelude, limits, cancel)}
    failed = any(outcome.status != "pass" for outcome in done.values())
    if judged and not (
        failed and (stop_at_first_failure or (cancel is not None and cancel.is_set()))
    ):
        done |= {
            o.name: o for o in _run_judged(pool, source, plan, judged, prelude, limits, cancel)
        }
    return tuple(
        done.get(test.name) or TestOutcome(test.name, "error", got=NOT_RUN) for test in plan.tests
    )


def _run_doctests(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> tuple[TestOutcome, ...]:
    examples = [example for group in plan.groups for example in group]
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        source = testdoc.cut(source)  # where it does not parse, the child says so
    groups = [[example.source for example in group] for group in plan.groups]
    message = {"kind": "doctests", "source": source, "prelude": prelude, "groups": groups}
    seen: list[Any] = []

    def watch(frame: Any) -> bool:
        seen.append(frame)
        number = len(seen) - 2
        if number >= len(examples):
            return True  # more answers than questions
        if not limits.stop or not 0 <= number < len(examples):
            return False
        return not isinstance(frame, dict) or _doc(examples[number], frame).status != "pass"

    answers = pool.run(limits.job(message), cancel, watch)
    broken = load_error(answers)
    outcomes: list[TestOutcome] = []
    for number, example in enumerate(examples):
        name, call, expected = (
            f"line {example.line}",
            example.source.strip()[:CAP],
            testdoc.wanted_text(example),
        )
        frame = answers.frames[number + 1] if number + 1 < len(answers.frames) else None
        if broken is not None:
            outcomes.append(TestOutcome(name, broken[0], call, expected, broken[1], broken[2]))
        elif isinstance(frame, dict) and frame.get("n") == number:
            outcomes.append(_doc(example, frame))
        else:
            status, text = (
                ending(answers) if number + 1 == len(answers.frames) else ("error", NOT_RUN)
            )
            outcomes.append(TestOutcome(name, status, call, expected, text))
    return tuple(outcomes)


def _doc(example: testdoc.DocExample, frame: Any) -> TestOutcome:
    name, call, expected = (
        f"line {example.line}",
        example.source.strip()[:CAP],
        testdoc.wanted_text(example),
    )
    out, error = frame.get("out"), frame.get("text")
    if not isinstance(out, str) or not (error is None or isinstance(error, str)):
        return TestOutcome(name, "error", call, expected, "malformed answer")
    if testdoc.passes(example, out, error):
        return TestOutcome(name, "pass", call, expected, expected)
    if error is not None:
        text, line = error_text(frame.get("exc"))
        return TestOutcome(name, "error", call, expected, text, line)
    got = clean(out).rstrip("\n")
    return TestOutcome(name, "fail", call, expected, short(got))


def _run_judged(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    tests: Sequence[PlannedTest],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> list[TestOutcome]:
    run = testjudge.run(
        pool,
        source,
        plan.judge_source,
        [test.function for test in tests],
        plan.player_names,
        prelude,
        limits,
        cancel,
    )
    broken = load_error(run.player)
    if broken is not None:
        return [TestOutcome(test.name, broken[0], "", "", broken[1], broken[2]) for test in tests]
    outcomes = []
    for number, test in enumerate(tests):
        told = run.told.get(number)
        if told is not None:
            # Of `want == got` the name on the right is the answer itself.
            expected = told.wanted if told.wanted != told.got else ""
            if told.status != "pass" and not expected:
                expected = testjudge.expected(plan.judge_source, told.test_line)
            outcomes.append(
                TestOutcome(test.name, told.status, told.call, expected, told.got, told.line)
            )
        elif number == run.current:
            status, text = ending(run.judge if run.judge.timed_out else run.player)
            outcomes.append(TestOutcome(test.name, status, "", "", text))
        else:
            outcomes.append(TestOutcome(test.name, "error", got=NOT_RUN))
    return outcomes
