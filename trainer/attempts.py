"""Attempts of a GGUF at tasks: the plain loop of an editing model, or one direct answer.

Both are sampled at one temperature through the engine, one attempt after the other, and judged by
the same verifier; the hidden tests run on what an attempt leaves behind.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from editloop.checks.plans import plan_tests
from editloop.commands import EXIT, Command, effect, refused, render
from editloop.engine import ContextTooSmall, Engine
from editloop.engine.chat import ChatDialect
from editloop.engine.compact import CompactDialect
from editloop.engine.constraint import Constraint, FreeText
from editloop.engine.policy import ModelPolicy, make_policy
from editloop.loop import Verify, run_episode
from editloop.moves import moves_in
from editloop.moves.context import build
from editloop.state import MAX_VIEW_LINES, EditState
from editloop.tasks import Task
from editloop.text import Snapshot
from editloop.transcript import TRANSCRIPT_VERSION, Transcript, observe, reopened
from editloop.verdict import Verdict
from editloop.verify import TestCheck, Verifier
from trainer.direct import LegalAnswer, answer_lines, answer_text, direct_messages
from trainer.grading import Grader
from trainer.tasks import passes

Method = Literal["edits", "ranked", "careful", "direct"]
SAMPLED = 0.8
"""The temperature of what a ranked attempt draws beside the generated moves."""
ANSWER_FACTOR = 1.5
"""A direct answer may be this much longer than what it repairs."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """``passed``: its end passes the visible and the hidden tests. ``rewarded``: some state on the
    way passed the visible ones, so that it would have been paid in reinforcement learning.
    ``tokens`` and ``turns`` are the model's, ``seconds`` of wall time without the hidden tests."""

    passed: bool
    rewarded: bool
    tokens: int
    turns: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Result:
    text: str
    rewarded: bool
    tokens: int
    turns: int


class Player(Protocol):
    """One way to use a model."""

    def play(self, state: EditState, verify: Verify, seed: int) -> _Result: ...


class SampledPolicy(ModelPolicy):
    """Commands drawn at the policy's temperature; counts the tokens that it writes."""

    name = "sampled"

    def start(self, seed: int) -> None:
        self.seed, self.tokens, self.turns = seed, 0, 0

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        seed = self.seed + self.turns
        ids = self.written(transcript, temperature=self.temperature, seed=seed, cancel=cancel)
        self.tokens, self.turns = self.tokens + len(ids), self.turns + 1
        return self.wire(ids)


class RankedPolicy(SampledPolicy):
    """The most probable command of generated moves and of the model's own, by model and prior; the
    end where the checks report nothing."""

    name = "ranked"

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        best = self._best(transcript, cancel) if transcript.observations[-1].findings else EXIT
        self.tokens, self.turns = self.tokens + len(self.dialect.command(best)), self.turns + 1
        return render(best)

    def _best(self, transcript: Transcript, cancel: threading.Event | None) -> Command:
        last = transcript.observations[-1]
        moves = moves_in(build(*reopened(last)))
        no = refused(last.window, transcript.tried())
        proposals = self.propose(transcript, moves, seed=self.seed + self.turns, cancel=cancel)
        legal = (p.command for p in proposals if effect(p.command, last.window) not in no)
        return next(legal, EXIT)


class EditPlayer:
    """Plays the plain loop."""

    policy = SampledPolicy
    take_back = False

    def __init__(self, engine: Engine, temperature: float) -> None:
        made = make_policy(engine)
        self._policy = self.policy(made.engine, made.dialect, temperature=temperature)

    def play(self, state: EditState, verify: Verify, seed: int) -> _Result:
        seen: list[Verdict] = []
        states = [state]

        def remember(candidate: EditState) -> Verdict:
            seen.append(verify(candidate))
            return seen[-1]

        self._policy.start(seed)
        run_episode(
            state,
            self._policy,
            remember,
            on_step=lambda _, after: states.append(after),
            seed=seed,
            take_back=self.take_back,
        )
        rewarded = any(verdict.passed for verdict in seen)
        return _Result(states[-1].text, rewarded, self._policy.tokens, self._policy.turns)


class RankedPlayer(EditPlayer):
    """Plays it with the best of all moves in each turn.

    The temperature is not that of the attempts: of what is drawn, too, only the best is played.
    """

    policy = RankedPolicy

    def __init__(self, engine: Engine, temperature: float) -> None:
        super().__init__(engine, SAMPLED)


class CarefulPlayer(RankedPlayer):
    """The same, where a command after which the checks are no better is taken back."""

    take_back = True


class DirectPlayer:
    """Asks for the whole repaired code once."""

    def __init__(self, engine: Engine, temperature: float) -> None:
        self._engine, self._temperature = engine, temperature
        dialect = make_policy(engine).dialect
        assert isinstance(dialect, ChatDialect | CompactDialect)
        self._dialect = dialect

    def play(self, state: EditState, verify: Verify, seed: int) -> _Result:
        first = observe(state, verify(state).findings)
        allowed: Constraint
        if isinstance(self._dialect, ChatDialect):
            prompt = self._dialect.messages(direct_messages(first))
            allowed = FreeText([self._dialect.end], n_vocab=self._engine.n_vocab)
        else:
            prompt = self._dialect.prefix(Transcript((first,)))
            allowed = LegalAnswer(self._dialect)
        room = min(int(len(prompt) * ANSWER_FACTOR), self._engine.n_ctx - len(prompt))
        [(ids, _)] = self._engine.sample(
            prompt,
            1,
            allowed=allowed,
            temperature=self._temperature,
            seed=seed,
            max_tokens=max(room, 1),
        )
        lines = self._lines(ids)
        if lines is None:
            return _Result(state.text, False, len(ids), 1)
        text = "\n".join(lines) + "\n"
        verdict = verify(EditState.open(Snapshot.from_text(text)))
        return _Result(text, verdict.passed, len(ids), 1)

    def _lines(self, ids: list[int]) -> tuple[str, ...] | None:
        if not isinstance(self._dialect, ChatDialect):
            return answer_lines(self._dialect, ids)
        if ids[-1] != self._dialect.end:
            return None
        text = self._engine.detokenize(ids[:-1]).decode(errors="replace")
        return answer_text(text)


PLAYERS: dict[Method, Callable[[Engine, float], Player]] = {
    "edits": EditPlayer,
    "ranked": RankedPlayer,
    "careful": CarefulPlayer,
    "direct": DirectPlayer,
}


@dataclass(frozen=True, slots=True)
class AttemptSettings:
    """``samples`` attempts at each task at a ``temperature``, with ``threads`` a worker."""

    samples: int = 4
    temperature: float = 0.8
    seed: int = 0
    threads: int = 1


class Attempter:
    """One model with its sandbox; lives in a worker process. Raises EngineError."""

    def __init__(self, path: Path, method: Method, settings: AttemptSettings) -> None:
        self.settings = settings
        self._engine = Engine.load(
            path, transcript_version=TRANSCRIPT_VERSION, n_threads=settings.threads
        )
        self._player: Player = PLAYERS[method](self._engine, settings.temperature)
        self._grader = Grader()

    def close(self) -> None:
        self._grader.close()
        self._engine.close()

    def run(self, task: Task) -> dict[str, Any]:
        """All attempts at a task as a line of the results."""
        state = EditState.open(Snapshot.from_text(task.buggy))
        verifier = self._verifier(task)
        made = [self._attempt(task, state, verifier, n) for n in range(self.settings.samples)]
        return {"id": task.id, "attempts": [asdict(attempt) for attempt in made]}

    def _attempt(self, task: Task, state: EditState, verifier: Verifier, number: int) -> Attempt:
        seed = zlib.crc32(f"{self.settings.seed}:{task.id}:{number}".encode())
        started = time.monotonic()
        last: dict[str, Verdict] = {}

        def verify(candidate: EditState) -> Verdict:
            last.clear()
            return last.setdefault(candidate.text, verifier.verify(candidate.text))

        try:
            result = self._player.play(state, verify, seed)
        except ContextTooSmall:
            return Attempt(False, False, 0, 0, round(time.monotonic() - started, 4))
        seconds = round(time.monotonic() - started, 4)
        verdict = last.get(result.text)
        solved = verdict is not None and verdict.passed
        passed = solved and passes(task, result.text, self._grader, hidden=True)
        return Attempt(passed, result.rewarded, result.tokens, result.turns, seconds)

    def _verifier(self, task: Task) -> Verifier:
        plan = plan_tests(task.tests, task.test_names, task.prelude)
        check = TestCheck("tests", plan, self._grader.pool, task.prelude)
        checks = [check.calibrated(task.buggy)] if plan.tests else []
        static = self._grader.static
        return Verifier(task.buggy, static=static, checks=checks, prelude=task.prelude)


def fits(task: Task) -> bool:
    """Whether a task's module fits into the window."""
    return len(Snapshot.from_text(task.buggy).lines) <= MAX_VIEW_LINES
