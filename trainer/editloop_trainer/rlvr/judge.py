"""Verdicts for rollouts: the product's verifier in a pool of sandboxes, answers remembered.

Training pays for what a verdict says, so it only starts where a candidate cannot forge one: at
level B of the sandbox or better. A person's own pytest suite never judges here.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Self

from editloop.checks.plans import plan_tests
from editloop.checks.static import StaticChecker
from editloop.checks.verdict import Verdict
from editloop.checks.verify import Limits, TestCheck, Verifier
from editloop.sandbox import SandboxPool
from editloop.sandbox.detect import detect_level
from editloop.sandbox.level import Level, LevelReport
from editloop.tasks import Task

TRUSTED = (Level.A, Level.B)
LIMITS = Limits(cpu_seconds=0.3, wall_seconds=5.0)
REMEMBERED = 20_000
"""Verdicts, and tasks."""


class UntrustedSandbox(Exception):
    """No level of isolation here at which a reward can be believed; the message is one line."""


def trusted_level(report: LevelReport | None = None) -> Level:
    """The level that rewards may come from, by default the one detected on this machine.

    Raises UntrustedSandbox below level B.
    """
    report = report or detect_level()
    if report.level not in TRUSTED:
        raise UntrustedSandbox(
            f"training needs a sandbox of level B ({Level.B.value}) or better, "
            f"here it is {report.reason}"
        )
    return report.level


class Judge:
    """Verifies candidates of many tasks, ``workers`` at once. Raises UntrustedSandbox."""

    def __init__(self, workers: int | None = None, report: LevelReport | None = None) -> None:
        level = trusted_level(report)
        workers = workers or max(1, len(os.sched_getaffinity(0)))
        self._pool = SandboxPool(workers, level)
        self._static = StaticChecker()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="judge")
        self._verifier = lru_cache(REMEMBERED)(self._make_verifier)
        self._verdict = lru_cache(REMEMBERED)(self._begin)

    def submit(self, task: Task, source: str) -> Future[Verdict]:
        """The verdict of a candidate; the same question is answered once."""
        return self._verdict(task, source)

    def _begin(self, task: Task, source: str) -> Future[Verdict]:
        return self._threads.submit(self._verifier(task).verify, source)

    def _make_verifier(self, task: Task) -> Verifier:
        plan = plan_tests(task.tests, task.test_names, task.prelude)
        check = TestCheck("tests", plan, self._pool, task.prelude, LIMITS)
        return Verifier(
            task.buggy,
            static=self._static,
            checks=[check] if plan.tests else [],
            prelude=task.prelude,
        )

    def close(self) -> None:
        """End all sandboxes and threads; candidates that wait are not verified any more."""
        self._threads.shutdown(cancel_futures=True)
        self._pool.close()
        self._static.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
