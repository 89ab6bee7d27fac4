"""Several independent attempts at a task by a model alone, without a search: the paper's pass@k.

Three ways (Chain-of-Edits, arXiv 2507.05065, section 5): the loop of turns with live feedback, the
whole program at once ("direct"), and the same after an explanation ("prose"). A turn is a place and
a text; for a model that was trained on commands, or has no fill-in tokens, it is a command.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from editloop.checks.verdict import Verdict
from editloop.document.commands import EXIT
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.document.transcript import Transcript, chat, observe
from editloop.model.backend import Chat, Model, Prompt, Reply, Sampling
from editloop.model.infill import Place, stops
from editloop.model.turns import NAMING_TOKENS, TOLD
from editloop.model.whole import ask_whole, read_whole
from editloop.policy import Cancelled
from editloop.repair.loop import MAX_TURNS, continued, next_observation, try_command
from editloop.repair.turns import answered, question

Way = Literal["loop", "direct", "prose"]
WAYS: tuple[Way, ...] = ("loop", "direct", "prose")
TEMPERATURE = 0.8
TEXT_TOKENS = 96
"""Of the text of a place, or of a command."""
SHOWN = 8000
"""Characters of a conversation, of which a model that is asked for a command is shown the last
observation alone where it is longer."""
ANSWER_TOKENS = {"direct": 400, "prose": 600}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. ``closer``: it solves the task, or a state on the way fails less than the
    beginning; ``malformed`` counts answers that meant nothing; ``text``: what it ended with."""

    solved: bool
    hidden: bool | None
    tokens: int
    seconds: float
    verified: int
    turns: int
    malformed: int
    closer: bool
    text: str = ""

    def row(self) -> dict[str, Any]:
        """The attempt as JSON data, without the text."""
        return {key: value for key, value in asdict(self).items() if key != "text"}


class Trial:
    """Attempts of one way at one task. ``verify`` judges a source, ``before`` is the verdict of
    ``state``; ``commands``: a turn is a command."""

    def __init__(
        self,
        model: Model,
        state: EditState,
        before: Verdict,
        verify: Callable[[str], Verdict],
        cancel: threading.Event,
        temperature: float = TEMPERATURE,
        commands: bool = False,
    ) -> None:
        self._model, self._state, self._before, self._verify = model, state, before, verify
        self._cancel, self._temperature = cancel, temperature
        self._loop = self._commanded if commands else self._filled_in
        self._tokens = self._verified = self._malformed = self._turns = 0
        self._closer = False

    def run(self, way: Way, seed: int) -> Attempt:
        """One attempt; a trial has one. Raises ModelError. Out of time, it has failed."""
        started = time.monotonic()
        try:
            end = self._loop(seed) if way == "loop" else self._answer(way, seed)
        except Cancelled:
            end = None
        return Attempt(
            solved=end is not None,
            hidden=None,
            tokens=self._tokens,
            seconds=round(time.monotonic() - started, 3),
            verified=self._verified,
            turns=self._turns,
            malformed=self._malformed,
            closer=self._closer,
            text=end or "",
        )

    def _filled_in(self, seed: int) -> str | None:
        state, verdict = self._state, self._before
        for turn in range(MAX_TURNS):
            self._turns += 1
            after = self._turn(state, verdict, seed * MAX_TURNS + turn)
            if after is None:
                self._malformed += 1
            elif after is not state:
                state, verdict = after, self._judge(after.text)
                if verdict.passed:
                    return state.text
        return None

    def _commanded(self, seed: int) -> str | None:
        state, verdict = self._state, self._before
        transcript = Transcript((observe(state, verdict.findings),))
        for turn in range(MAX_TURNS):
            self._turns += 1
            asked = _conversation(transcript)
            reply = self._ask(asked, self._sampled(TEXT_TOKENS, ("\n",), seed * MAX_TURNS + turn))
            command, after, error = try_command(state, reply.text if reply.finished else "")
            self._malformed += command is None
            if command == EXIT:
                return None
            if after is not state:
                state, verdict = after, self._judge(after.text)
                if verdict.passed:
                    return state.text
            transcript = continued(transcript, command, next_observation(state, verdict, error))
        return None

    def _turn(self, state: EditState, verdict: Verdict, seed: int) -> EditState | None:
        """The state after a turn; None where an answer meant nothing."""
        place: Place | None = None
        while True:
            sampling = self._sampling(state, place, seed)
            reply = self._ask(question(state, verdict.findings, place), sampling)
            found = answered(state, place, reply.text) if reply.finished else None
            if not isinstance(found, Place):
                return found
            place = found

    def _sampling(self, state: EditState, place: Place | None, seed: int) -> Sampling:
        if place is None:
            return self._sampled(NAMING_TOKENS, ("\n",), seed)
        ends = stops([line.text for line in state.document.lines], place)
        return replace(self._sampled(TEXT_TOKENS, ends, seed), statement=not self._model.points)

    def _sampled(self, tokens: int, stop: tuple[str, ...], seed: int) -> Sampling:
        return Sampling(1, self._temperature, tokens, stop, seed)

    def _answer(self, way: Literal["direct", "prose"], seed: int) -> str | None:
        failed = [finding.text for finding in self._before.findings[:TOLD]]
        asked = ask_whole(self._state.text, failed, prose=way == "prose")
        self._turns = 1
        source = read_whole(self._ask(asked, self._sampled(ANSWER_TOKENS[way], (), seed)).text)
        if source is None:
            self._malformed = 1
            return None
        source = Snapshot.from_text(source).text
        return source if self._judge(source).passed else None

    def _ask(self, prompt: Prompt, sampling: Sampling) -> Reply:
        [[reply]] = self._model.complete([prompt], sampling, self._cancel)
        self._tokens += reply.tokens
        return reply

    def _judge(self, source: str) -> Verdict:
        self._verified += 1
        verdict = self._verify(source)
        self._closer |= verdict.passed or verdict.progress > self._before.progress
        return verdict


def _conversation(transcript: Transcript) -> Chat:
    """The transcript, or where that is long its last observation."""
    messages = chat(transcript)
    if sum(len(message["content"]) for message in messages) > SHOWN:
        messages = chat(Transcript(transcript.observations[-1:]))
    return Chat(tuple((message["role"], message["content"]) for message in messages))


def pass_at(k: int, solved: int, of: int) -> float:
    """The chance that one of ``k`` attempts solves a task of which ``solved`` of ``of`` do, without
    bias (Chen et al., arXiv 2107.03374, equation 1). ``k`` is at most ``of``."""
    return 1.0 - math.comb(of - solved, k) / math.comb(of, k)
