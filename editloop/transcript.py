"""The append-only transcript of an episode, its version, and its two renderings.

An episode is observation 0, command 1, observation 1, ... It only grows, so a KV cache stays valid
and a training row is one list of tokens. A rendering is a list of pieces: plain text, or one
special token. Plain text is never parsed for special tokens, so no source file can forge one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from editloop.commands import VERBS, Command, render
from editloop.state import MAX_VIEW_LINES, EditState
from editloop.text import Snapshot

TRANSCRIPT_VERSION = 1
"""Changes whenever the same episode would be rendered differently."""

Rendering = Literal["compact", "chat"]
MAX_FINDINGS = 4
MAX_FINDING_CHARS = 160

BOS, END, PAD = "<|bos|>", "<|end|>", "<|pad|>"
FEEDBACK, FINDING, COMMAND, TO = "<|feedback|>", "<|finding|>", "<|command|>", "<|to|>"


def line_token(number: int) -> str:
    """The special token that stands for line ``number`` (1-based; n + 1 for an append)."""
    return f"<|L{number}|>"


def verb_token(verb: str) -> str:
    return f"<|{verb}|>"


SPECIAL_TOKENS: tuple[str, ...] = (
    *(PAD, BOS, END, FEEDBACK, FINDING, COMMAND, TO),
    *(verb_token(verb) for verb in VERBS),
    *(line_token(n) for n in range(1, MAX_VIEW_LINES + 2)),
)

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
    """One thing that a check reports; ``line`` is a document line index (0-based) or None."""

    text: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the model sees after a command: the window, and findings with its line numbers."""

    window: tuple[str, ...]
    findings: tuple[tuple[int | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of plain text, or one special token by its exact name."""

    text: str
    special: bool = False


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

    def tried(self) -> list[Command]:
        """The commands that were given before for the window that is shown last."""
        window = self.observations[-1].window
        before = zip(self.observations, self.commands, strict=False)
        return [command for seen, command in before if seen.window == window]

    def upto(self, observations: int, commands: int) -> Transcript:
        """Its beginning: so many observations and commands."""
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


def observation_pieces(observation: Observation) -> Iterator[Piece]:
    """The compact form, up to and with the token after which the command is written."""
    for number, text in enumerate(observation.window, 1):
        yield Piece(line_token(number), special=True)
        yield Piece(text)
    yield Piece(FEEDBACK, special=True)
    for line, text in observation.findings:
        yield Piece(FINDING, special=True)
        if line is not None:
            yield Piece(line_token(line), special=True)
        yield Piece(text)
    yield Piece(COMMAND, special=True)


def command_pieces(command: Command) -> Iterator[Piece]:
    """The compact form of one command, its end token included."""
    yield Piece(verb_token(command.verb), special=True)
    if command.verb != "EXIT":
        yield Piece(line_token(command.line), special=True)
    if command.verb == "REPW":
        yield Piece(command.source)
        yield Piece(TO, special=True)
    if command.verb in ("REPL", "ADDL", "REPW"):
        yield Piece(command.text)
    yield Piece(END, special=True)


def compact(transcript: Transcript) -> Iterator[tuple[Piece, bool]]:
    """All pieces of a transcript; the flag is True on what the model writes (the training loss)."""
    yield Piece(BOS, special=True), False
    for turn, observation in enumerate(transcript.observations):
        for piece in observation_pieces(observation):
            yield piece, False
        if turn < len(transcript.commands):
            for piece in command_pieces(transcript.commands[turn]):
                yield piece, turn not in transcript.mistakes


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
