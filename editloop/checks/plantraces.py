"""The way of each example or test of a plan through the candidate: one traced run more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from editloop.checks.plans import TestPlan
from editloop.checks.suitetrace import SuiteTrace, numbers
from editloop.checks.testoutcome import TestOutcome
from editloop.checks.testruns import run_plan
from editloop.sandbox import SandboxPool
from editloop.sandbox.job import Answers, Job


def trace_plan(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    *,
    prelude: str = "",
    cpu_seconds: float = 5.0,
    wall_seconds: float = 20.0,
    cancel: threading.Event | None = None,
) -> tuple[SuiteTrace, ...]:
    """One for each test of the plan, in its order. Of tests that a judge runs no lines are known;
    ``frames`` is the innermost line of what was raised, and ``locals`` stays empty.
    """
    traced = _TracedPool(pool)
    outcomes = run_plan(
        cast(SandboxPool, traced),
        source,
        plan,
        prelude=prelude,
        cpu_seconds=cpu_seconds,
        wall_seconds=wall_seconds,
        cancel=cancel,
    )
    lines = dict(_by_test(plan, traced.frames))
    return tuple(_trace(outcome, lines.get(n, frozenset())) for n, outcome in enumerate(outcomes))


class _TracedPool:
    """Has each child of a pool tell its lines, and keeps what the first one answered."""

    def __init__(self, pool: SandboxPool) -> None:
        self._pool = pool
        self.frames: tuple[Any, ...] = ()

    def run(
        self,
        job: Job,
        cancel: threading.Event | None = None,
        watch: Callable[[Any], bool] | None = None,
    ) -> Answers:
        """Run a job as ``SandboxPool.run`` does, traced."""
        answers = self._pool.run(
            replace(job, message={**job.message, "traced": True}), cancel, watch
        )
        self.frames = self.frames or answers.frames
        return answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def _by_test(plan: TestPlan, frames: tuple[Any, ...]) -> Iterator[tuple[int, frozenset[int]]]:
    """The number of a test, and the lines of all answers that belong to it."""
    told = {
        f["n"]: f.get("lines") for f in frames if isinstance(f, dict) and _is_number(f.get("n"))
    }
    position = 0
    for number, size in enumerate(_sizes(plan)):
        mine = (told.get(n) for n in range(position, position + size))
        yield number, frozenset(line for part in mine for line in numbers(part))
        position += size


def _sizes(plan: TestPlan) -> Iterator[int]:
    """How many answers of the first child belong to each test."""
    if plan.kind == "doctests":
        yield from (1 for group in plan.groups for _ in group)
    else:
        yield from (sum(len(check.exprs) for check in test.checks) for test in plan.tests)


def _is_number(value: Any) -> bool:
    return type(value) is int and -1 <= value < 1_000_000


def _trace(outcome: TestOutcome, lines: frozenset[int]) -> SuiteTrace:
    passed = outcome.status == "pass"
    frames = () if passed or outcome.line is None else (outcome.line - 1,)
    return SuiteTrace(
        outcome.name, passed, lines, frames, "" if passed else outcome.got or "failed"
    )
