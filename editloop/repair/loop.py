"""The plain loop of Chain-of-Edits (arXiv 2507.05065): a command, the checks, what is shown next.

Mistakes are observations. A command that is impossible stays in the transcript, and the next
observation begins with its error. A text that is no command at all has no entry there: the last
observation is shown again with the error first, so that the transcript stays one of observations
and commands in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from editloop.checks.verdict import Verdict
from editloop.document.commands import Command, CommandError, parse
from editloop.document.state import EditState, apply
from editloop.document.transcript import Finding, Observation, Transcript, observe

MAX_TURNS = 10
Verify = Callable[[EditState], Verdict]


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


def continued(
    transcript: Transcript, command: Command | None, observation: Observation
) -> Transcript:
    """The transcript after a turn; one without a command shows the last state again."""
    if command is None:
        return replace(transcript, observations=(*transcript.observations[:-1], observation))
    return transcript.extend(command, observation)
