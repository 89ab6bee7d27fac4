"""Runs test plans through the sandbox and puts the outcomes in the plan's order: the tests that the
judge runs in `testjudge`, calls in `callruns`, doctests in `docruns`. Pass or fail is said in these
only.
A run can be traced, which tells each test's way through the candidate.
"""

from __future__ import annotations

import threading

from editloop.checks.callruns import run_calls
from editloop.checks.docruns import run_doctests
from editloop.checks.plans import TestPlan
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.testjudge import run_judged
from editloop.checks.testoutcome import NOT_RUN, Limits, TestOutcome
from editloop.sandbox.pool import SandboxPool


def run_plan(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    *,
    prelude: str = "",
    cpu_seconds: float = 1.0,
    wall_seconds: float = 5.0,
    warm: bool = False,
    traced: bool = False,
    cancel: threading.Event | None = None,
) -> tuple[TestOutcome, ...]:
    """Outcomes of all tests of the plan on one candidate, in the plan's order.

    The limits hold for all calls together. A module that cannot be loaded makes every outcome an
    "error". After a timeout or a crash what follows is an "error" that says "not run". ``warm``:
    several times as fast, in a child that ran other candidates, so what they did may show; not to
    be believed where it matters. ``traced``: slower, and outcomes have their ``lines``.
    """
    limits = Limits(cpu_seconds, wall_seconds, warm, traced)
    prelude = prelude or plan.prelude
    if plan.kind == "doctests":
        return run_doctests(pool, source, plan, prelude, limits, cancel)
    called = [test for test in plan.tests if not test.function]
    judged = [test for test in plan.tests if test.function]
    done: dict[str, TestOutcome] = {}
    if called:
        done |= {o.name: o for o in run_calls(pool, source, called, prelude, limits, cancel)}
    if judged:
        done |= {o.name: o for o in run_judged(pool, source, plan, judged, prelude, limits, cancel)}
    return tuple(
        done.get(test.name) or TestOutcome(test.name, "error", got=NOT_RUN) for test in plan.tests
    )


def trace_plan(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    *,
    prelude: str = "",
    cancel: threading.Event | None = None,
) -> tuple[SuiteTrace, ...]:
    """Each test's way through the source, in the plan's order, by a run of its own.

    Of tests that a judge runs no lines are known; ``frames`` is the innermost line of what was
    raised.
    """
    outcomes = run_plan(
        pool,
        source,
        plan,
        prelude=prelude,
        cpu_seconds=5.0,
        wall_seconds=20.0,
        traced=True,
        cancel=cancel,
    )
    return tuple(map(_trace, outcomes))


def _trace(outcome: TestOutcome) -> SuiteTrace:
    passed = outcome.status == "pass"
    frames = () if passed or outcome.line is None else (outcome.line - 1,)
    error = "" if passed else outcome.got or "failed"
    return SuiteTrace(outcome.name, passed, outcome.lines, frames, error)
