"""Verdicts for training data: the product's verifier over a scene, test answers remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Self

from editloop.checks.diagnostic import Diagnostic
from editloop.checks.plans import plan_asserts
from editloop.checks.static import StaticChecker
from editloop.checks.verdict import CheckResult, Verdict
from editloop.checks.verify import Limits, TestCheck, Verifier
from editloop.document.text import Snapshot
from editloop.sandbox import SandboxPool, open_pool
from editloop_trainer.scenes import Scene

LIMITS = Limits(cpu_seconds=0.3, wall_seconds=5.0)
_REMEMBERED = 512


class _Remembering:
    """A check whose results for the last few sources are kept."""

    def __init__(self, check: TestCheck) -> None:
        self.run: Callable[[str, threading.Event | None], CheckResult]
        self.run = lru_cache(_REMEMBERED)(check.run)


class _RememberingStatic(StaticChecker):
    """A static checker that keeps what it found in the last few sources."""

    def __init__(self) -> None:
        super().__init__()
        self._known = lru_cache(_REMEMBERED)(super().check)

    def check(self, source: str, stop: threading.Event | None = None) -> tuple[Diagnostic, ...]:
        return self._known(source, stop)


class Grader:
    """One worker's tools. The sandbox starts on the first scene with tests."""

    def __init__(self) -> None:
        self.static = _RememberingStatic()
        self._pool: SandboxPool | None = None
        self._check: tuple[Scene, _Remembering] | None = None

    @property
    def pool(self) -> SandboxPool:
        if self._pool is None:
            self._pool = open_pool(1)
        return self._pool

    def verifier(
        self, original: str, scene: Scene, view: tuple[int, ...] | None = None
    ) -> Callable[[str], Verdict]:
        """What the product would check when this text is opened for repair."""
        tolerated: list[int] = []
        if view is not None:
            inside = set(view)
            count = len(Snapshot.from_text(original).lines)
            tolerated = [i for i in range(count) if i not in inside]
        verifier = Verifier(
            original,
            static=self.static,
            checks=[self._checks(scene)] if scene.asserts else [],
            prelude=scene.prelude,
            tolerated=tolerated,
        )
        return verifier.verify

    def _checks(self, scene: Scene) -> _Remembering:
        if self._check is None or self._check[0] != scene:
            plan = plan_asserts(scene.asserts, scene.prelude)
            check = TestCheck("tests", plan, self.pool, scene.prelude, LIMITS)
            self._check = scene, _Remembering(check)
        return self._check[1]

    def reference_passes(self, scene: Scene) -> bool:
        return self.verifier(scene.source, scene)(scene.source).passed

    def close(self) -> None:
        self.static.close()
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
