"""The append-only transcript of an episode, its version, and its rendering as a conversation.

An episode is observation 0, command 1, observation 1, ... It only grows, so a KV cache stays valid
and a training row is one list of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from editloop.document.commands import Command, render
from editloop.document.state import EditState
from editloop.document.text import Snapshot

TRANSCRIPT_VERSION = 1
"""Changes whenever the same episode would be rendered differently."""

MAX_FINDINGS, MAX_FINDING_CHARS = 4, 160
"""Of one observation. Part of the rendering that models are taught, see TRANSCRIPT_VERSION."""

INSTRUCTION = """\
You repair Python with a line editor. You see numbered lines, then *** and what the checks report.
Answer with exactly one command and nothing else:
### REPL n >>>text          replace line n by text (indentation included)
### ADDL n >>>text          insert text before line n
### DELL n                  delete line n
### REPW n >>>old >>>new    replace old, which occurs once on line n, by new
### EXIT                    stop, when the checks report nothing"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check reports; ``line`` is a document line index (0-based) or None.

    ``kind`` and ``name``: what it is and of what, where the check has a rule for it (see
    ``checks.kinds``).
    """

    text: str
    line: int | None = None
    kind: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the model sees after a command: the window, and findings with its line numbers."""

    window: tuple[str, ...]
    findings: tuple[tuple[int | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """Observations and commands in turn; there is one more observation than commands at rest."""

    observations: tuple[Observation, ...]
    commands: tuple[Command, ...] = field(default=())
    mistakes: frozenset[int] = frozenset()
    """Turns whose commands are only there to be taken back: read, not learned."""

    def extend(self, command: Command, observation: Observation) -> Transcript:
        return replace(
            self,
            observations=(*self.observations, observation),
            commands=(*self.commands, command),
        )

    def upto(self, observations: int, commands: int) -> Transcript:
        """The transcript's beginning: so many observations and commands."""
        return replace(
            self, observations=self.observations[:observations], commands=self.commands[:commands]
        )


def observe(state: EditState, findings: Sequence[Finding]) -> Observation:
    """The observation of a state: at most 4 findings, each one line of at most 160 characters."""
    shown = []
    for finding in findings[:MAX_FINDINGS]:
        text = " ".join(finding.text.split())
        if len(text) > MAX_FINDING_CHARS:
            text = text[: MAX_FINDING_CHARS - 3] + "..."
        number = None if finding.line is None else state.number_of(finding.line)
        shown.append((number, text))
    return Observation(state.window, tuple(shown))


def reopened(observation: Observation) -> tuple[EditState, list[Finding]]:
    """A document that has nothing but an observation's window, and the findings in it."""
    text = "".join(f"{line}\n" for line in observation.window)
    findings = [
        Finding(text, None if number is None else number - 1)
        for number, text in observation.findings
    ]
    return EditState.open(Snapshot.from_text(text)), findings


def observation_text(observation: Observation) -> str:
    """The plain form: ``L n code`` a line, ``***``, then the findings."""
    lines = [f"L {n} {text}" for n, text in enumerate(observation.window, 1)]
    lines.append("***")
    lines += [text if n is None else f"L {n}: {text}" for n, text in observation.findings]
    return "\n".join(lines)


def chat(transcript: Transcript) -> list[dict[str, str]]:
    """Messages for a model's chat template: the instruction, then user and assistant in turn."""
    messages = []
    for turn, observation in enumerate(transcript.observations):
        content = observation_text(observation)
        if turn == 0:
            content = f"{INSTRUCTION}\n\n{content}"
        messages.append({"role": "user", "content": content})
        if turn < len(transcript.commands):
            messages.append({"role": "assistant", "content": render(transcript.commands[turn])})
    return messages
