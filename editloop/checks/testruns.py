"""Runs test plans through the sandbox and puts the outcomes in the plan's order: the tests that the
judge runs here, calls in `callruns`, doctests in `docruns`. Pass or fail is said in these only.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from editloop.checks import testjudge
from editloop.checks.callruns import run_calls
from editloop.checks.docruns import run_doctests
from editloop.checks.plans import PlannedTest, TestPlan
from editloop.checks.testoutcome import (
    NOT_RUN,
    Limits,
    TestOutcome,
    ending,
    load_error,
)
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
        return run_doctests(pool, source, plan, prelude, limits, cancel)
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
        plan,
        [test.function for test in tests],
        prelude,
        limits,
        cancel,
    )
    # Of two that wait for each other either may be the first that the clock ends.
    late = next((side for side in (run.player, run.judge) if side.timed_out), run.player)
    broken = load_error(run.player, late)
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
            weak = (told.weak or test.weak) if told.status == "pass" else ""
            outcomes.append(
                TestOutcome(test.name, told.status, told.call, expected, told.got, told.line, weak)
            )
        elif number == run.current:
            status, text = ending(late)
            outcomes.append(TestOutcome(test.name, status, "", "", text))
        else:
            outcomes.append(TestOutcome(test.name, "error", got=NOT_RUN))
    return outcomes
