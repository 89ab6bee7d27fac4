"""The plain loop of Chain-of-Edits (arXiv 2507.05065): act, parse, apply, verify, observe.

Mistakes of the policy are observations. A command that is impossible stays in the transcript, and
the next observation begins with its error. A text that is no command at all has no entry there: the
last observation is shown again with the error first, so that the transcript stays one of
observations and commands in turn; the text is kept on the turn. What a policy raises propagates.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from editloop.commands import Command, CommandError, parse
from editloop.ordering import Weights, gain
from editloop.policy import Policy
from editloop.state import EditState, apply
from editloop.transcript import Finding, Observation, Transcript, observe
from editloop.verdict import Verdict

MAX_TURNS = 10
Verify = Callable[[EditState], Verdict]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. ``text`` is what the policy wrote, ``findings`` what it had seen before that."""

    text: str
    command: Command | None
    """None where the text is no command."""
    findings: tuple[tuple[int | None, str], ...] = ()
    verdict: str = ""
    """The summary of the verdict after the turn, such as ``syntax 1/1, tests 2/3``."""
    error: str | None = None
    """Why the command changed nothing."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole episode; ``stop``: exit, turns, cancelled."""

    turns: tuple[Turn, ...]
    solved: bool
    stop: str


def run_episode(
    state: EditState,
    policy: Policy,
    verify: Verify,
    *,
    max_turns: int = MAX_TURNS,
    cancel: threading.Event | None = None,
    on_turn: Callable[[Turn, EditState], None] | None = None,
    take_back: bool = False,
) -> Trace:
    """One episode, until EXIT or ``max_turns``. Solved: the last state passed every check.

    A command that changes nothing in the document is not verified again. Where ``take_back``, which
    the paper does not have, one after which the checks are no better is undone: what is shown next
    is what was shown before.
    """
    verdict = verify(state)
    transcript = Transcript((observe(state, verdict.findings),))
    turns: list[Turn] = []
    stop = "turns"
    for _ in range(max_turns):
        if cancel is not None and cancel.is_set():
            stop = "cancelled"
            break
        text = policy.act(transcript, cancel=cancel)
        seen = transcript.observations[-1].findings
        command, after, error = try_command(state, text)
        if after is not state:
            new = verify(after)
            if not take_back or gain(verdict, new, Weights()) is not None:
                state, verdict = after, new
        turns.append(Turn(text, command, seen, summary(verdict), error))
        if on_turn is not None:
            on_turn(turns[-1], state)
        if command is not None and command.verb == "EXIT":
            stop = "exit"
            break
        transcript = _observe(transcript, state, verdict, command, error)
    return Trace(tuple(turns), verdict.passed, stop)


def try_command(state: EditState, text: str) -> tuple[Command | None, EditState, str | None]:
    """The command a text stands for (None: it is none), the state after it, and the error."""
    try:
        command = parse(text)
    except CommandError as error:
        return None, state, str(error)
    try:
        return command, apply(state, command), None
    except CommandError as error:
        return command, state, str(error)


def summary(verdict: Verdict) -> str:
    """The checks of a verdict in one line, such as ``syntax 1/1, tests 2/3``."""
    return ", ".join(check.summary for check in verdict.checks)


def next_observation(state: EditState, verdict: Verdict, error: str | None) -> Observation:
    """What is shown after a turn: an error comes before the findings."""
    findings = verdict.findings
    return observe(state, findings if error is None else (Finding(f"error: {error}"), *findings))


def _observe(
    transcript: Transcript,
    state: EditState,
    verdict: Verdict,
    command: Command | None,
    error: str | None,
) -> Transcript:
    observation = next_observation(state, verdict, error)
    if command is None:
        before = transcript.observations[:-1]
        return replace(transcript, observations=(*before, observation))
    return transcript.extend(command, observation)
