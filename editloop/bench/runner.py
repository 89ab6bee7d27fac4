"""Repairs one task and judges the outcome by its hidden tests; lives in a worker process.

It sees the visible tests only. The hidden ones run on the best solution, when the search is over.
"""

from __future__ import annotations

import ast
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from editloop.bench.attempts import TEMPERATURE, WAYS, Attempt, Trial, Way
from editloop.bench.results import BenchError, TaskResult
from editloop.budget import SECONDS, Budget, Stop
from editloop.checks.plans import TestPlan, plan_tests
from editloop.checks.static import StaticChecker
from editloop.checks.testruns import run_plan
from editloop.checks.verify import TestCheck, Verifier
from editloop.document.edits import unified_diff
from editloop.document.state import MAX_VIEW_LINES, EditState
from editloop.document.text import Snapshot
from editloop.engine.gguf_info import ModelInfo, read_info
from editloop.model.choose import Chosen, choose
from editloop.policy import Cancelled, Policy, UniformPolicy
from editloop.prior import PriorPolicy, shipped
from editloop.repair.run import repair
from editloop.sandbox import open_pool
from editloop.tasks import Task
from editloop.trust import WEIGHING_SECONDS
from editloop.trust.weighing import compared, weigh

PolicyName = Literal["model", "prior", "uniform", "loop", "direct", "prose"]
OVERRUN = 5.0
"""Seconds over the budget after which a verification or decode in progress is cancelled."""
HIDDEN_CPU_SECONDS, HIDDEN_WALL_SECONDS = 5.0, 20.0
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """What a worker needs: ``budget`` in seconds a task, ``model`` a path.

    ``threads``: states that are verified at once, and those of the model.

    ``attempts``: at each task, by the policies that are ways of `attempts`, drawn at
    ``temperature``; the budget is of each.
    """

    policy: PolicyName = "model"
    budget: float = SECONDS
    seed: int = 0
    model: str | None = None
    threads: int = 1
    attempts: int = 1
    temperature: float = TEMPERATURE

    @property
    def seconds(self) -> float:
        """Seconds that a task may take, all attempts at it together."""
        return self.budget * self.attempts

    def row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What a search left behind; ``documents``: the fixes that were compared, the best first."""

    result: TaskResult
    documents: tuple[Snapshot, ...] = ()


class TaskRunner:
    """Repairs tasks one after the other. Raises EngineError, SandboxError and BenchError when it is
    made.

    ``policy`` replaces the one that the settings name, for tests.
    """

    def __init__(self, settings: BenchSettings, policy: Policy | None = None) -> None:
        self.settings = settings
        self.pool = open_pool(settings.threads)
        self.static = StaticChecker()
        self.chosen = Chosen(policy) if policy else _choose(settings)
        self.policy = self.chosen.policy
        self.taught = settings.model is not None and _speaks(read_info(settings.model))
        """Whether the model was trained to give commands."""
        if settings.policy in WAYS and self.chosen.model is None:
            self.close()
            raise BenchError(f"{settings.policy} needs a model that is asked")

    def close(self) -> None:
        self.static.close()
        self.pool.close()
        if self.chosen.model is not None:
            self.chosen.model.close()

    def run(self, task: Task, on_part: Callable[[TaskResult], None] | None = None) -> TaskResult:
        """One task; ``on_part`` gets the result as far as it stands before each further stage.

        Raises whatever goes wrong: the worker turns it into a line.
        """
        state = EditState.open(Snapshot.from_text(task.buggy))
        if len(state.view) > MAX_VIEW_LINES:
            raise ValueError(f"{len(state.view)} lines, the window holds {MAX_VIEW_LINES}")
        verifier = self._verifier(task)
        hidden = _hidden_plan(task)
        seed = zlib.crc32(f"{self.settings.seed}:{task.id}".encode())
        if self.settings.policy in WAYS:
            return self._trials(task, state, verifier, hidden, self.settings.policy)
        attempt = self._search(task, state, verifier, seed)
        result = attempt.result
        if hidden is not None:
            _tell(on_part, result)
            right = [self._judge(document, hidden, task) for document in attempt.documents]
            result = replace(result, solved_hidden=any(right[:1]), right=sum(right))
        return result

    def _verifier(self, task: Task) -> Verifier:
        plan = plan_tests(task.tests, task.test_names, task.prelude)
        check = TestCheck("tests", plan, self.pool, task.prelude)
        checks = [check.calibrated(task.buggy)] if plan.tests else []
        return Verifier(task.buggy, static=self.static, checks=checks, prelude=task.prelude)

    def _search(self, task: Task, state: EditState, verifier: Verifier, seed: int) -> _Attempt:
        started = time.monotonic()
        with _deadline(self.settings.budget + OVERRUN) as cancel:
            try:
                outcome = repair(
                    state,
                    self.policy,
                    verifier,
                    budget=Budget(self.settings.budget),
                    seed=seed,
                    alternatives=_ALL,
                    workers=self.settings.threads,
                    cancel=cancel,
                    model=self.chosen.model,
                )
            except Cancelled:
                seconds = round(time.monotonic() - started, 3)
                return _Attempt(TaskResult(task.id, seconds=seconds, reason="out of time"))
        seconds = round(time.monotonic() - started, 3)
        if outcome.result is None:
            why = "every check passes"
            solved = TaskResult(task.id, True, seconds=seconds, reason=why, edit_size=0)
            return _Attempt(solved, (state.document,))
        found = outcome.result
        reason = "out of time" if found.reason == "cancelled" else found.reason
        total = found.candidates
        if not found.solutions:
            failed = TaskResult(task.id, seconds=seconds, candidates=total, turns=found.turns)
            return _Attempt(replace(failed, candidates_total=total, reason=reason))
        best = found.solutions[0]
        after = best.state.document
        solved = TaskResult(
            id=task.id,
            solved=True,
            seconds=seconds,
            candidates=min(solution.candidates for solution in found.solutions),
            first_seconds=min(round(solution.seconds, 3) for solution in found.solutions),
            turns=len(best.commands),
            commands=tuple(map(str, best.commands)),
            diff=unified_diff(state.document, after, f"{task.id}.py"),
            reason=reason,
            edit_size=best.edit_size,
            candidates_total=total,
        )
        documents = tuple(one.state.document for one in compared(outcome))
        return _Attempt(self._weighed(task, documents, solved), documents)

    def _weighed(self, task: Task, documents: Sequence[Snapshot], result: TaskResult) -> TaskResult:
        """The result with how the fixes compare, on calls like those of the visible tests."""
        sources = [task.prelude + document.text for document in documents]
        until = Stop(None, time.monotonic() + WEIGHING_SECONDS)
        tests = [visible_tests(task)]
        found = weigh(task.prelude + task.buggy, sources, tests, self.pool, until)
        return replace(
            result,
            examples=len(task.test_names),
            others=found.fixes - 1,
            calls=found.calls,
            differing=found.differing,
        )

    def _trials(
        self, task: Task, state: EditState, verifier: Verifier, hidden: TestPlan | None, way: Way
    ) -> TaskResult:
        """Attempts of one way; ``solved`` is what the first one did, the rest is over all."""
        seeds = [self.settings.seed * 1000 + n for n in range(self.settings.attempts)]
        found = self._attempts(task, state, verifier, hidden, way, seeds)
        first = found[0]
        return TaskResult(
            id=task.id,
            solved=first.solved,
            solved_hidden=first.hidden,
            seconds=round(sum(one.seconds for one in found), 3),
            candidates=first.verified,
            turns=first.turns,
            diff=unified_diff(state.document, Snapshot.from_text(first.text), f"{task.id}.py")
            if first.solved
            else "",
            reason="fixed" if first.solved else "not solved",
            candidates_total=sum(one.verified for one in found),
            attempts=tuple(one.row() for one in found),
        )

    def _attempts(
        self,
        task: Task,
        state: EditState,
        verifier: Verifier,
        hidden: TestPlan | None,
        way: Way,
        seeds: Sequence[int],
    ) -> list[Attempt]:
        """One attempt a seed, each of at most the budget's seconds, judged by the hidden tests."""
        model = self.chosen.model
        assert model is not None
        commands = self.taught or not model.fills
        temperature = self.settings.temperature
        before, found = verifier.verify(state.text), []
        for seed in seeds:
            with _deadline(self.settings.budget) as cancel:
                verify = verifier.verify
                trial = Trial(model, state, before, verify, cancel, temperature, commands)
                one = trial.run(way, seed)
            if hidden is not None:
                after = Snapshot.from_text(one.text) if one.solved else None
                one = replace(one, hidden=self._judge(after, hidden, task))
            found.append(one)
        return found

    def _judge(self, document: Snapshot | None, plan: TestPlan, task: Task) -> bool:
        if document is None:
            return False
        with _deadline(2 * HIDDEN_WALL_SECONDS) as cancel:
            outcomes = run_plan(
                self.pool,
                document.text,
                plan,
                prelude=task.prelude,
                cpu_seconds=HIDDEN_CPU_SECONDS,
                wall_seconds=HIDDEN_WALL_SECONDS,
                cancel=cancel,
            )
        return bool(outcomes) and all(outcome.status == "pass" for outcome in outcomes)


def visible_tests(task: Task) -> str:
    """The source of the tests that may be seen: a file may hold others, which may not."""
    try:
        body = ast.parse(task.tests).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    functions = (node for node in body if isinstance(node, ast.FunctionDef))
    return "\n".join(ast.unparse(node) for node in functions if node.name in task.test_names)


def _choose(settings: BenchSettings) -> Chosen:
    if settings.policy == "uniform":
        return Chosen(UniformPolicy())
    if settings.policy == "prior":
        return Chosen(PriorPolicy(shipped()))
    return choose(settings.model, threads=settings.threads)


def _speaks(info: ModelInfo) -> bool:
    return info.transcript_version is not None and info.rendering == "chat"


def _hidden_plan(task: Task) -> TestPlan | None:
    if not task.hidden_test_names:
        return None
    return plan_tests(task.hidden_tests, task.hidden_test_names, task.prelude)


def _tell(on_part: Callable[[TaskResult], None] | None, result: TaskResult) -> None:
    if on_part is not None:
        on_part(result)


@contextmanager
def _deadline(seconds: float) -> Iterator[threading.Event]:
    """An event that is set after ``seconds``, unless the block was left before."""
    event = threading.Event()
    timer = threading.Timer(seconds, event.set)
    timer.daemon = True
    timer.start()
    try:
        yield event
    finally:
        timer.cancel()
