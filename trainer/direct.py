"""The baseline of the method: a model that answers with the whole repaired window at once.

It sees what the editing model sees first. In the compact rendering the answer is the window as an
observation shows it (a line token, then the line), which is the easiest form to copy from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from editloop.engine.compact import CompactDialect
from editloop.engine.constraint import Allowed
from editloop.state import MAX_VIEW_LINES
from editloop.transcript import (
    END,
    Observation,
    Piece,
    Transcript,
    line_token,
    observation_text,
)

INSTRUCTION = """\
You repair Python. You see numbered lines, then *** and what the checks report.
Answer with the whole repaired code, without line numbers, and nothing else."""
_FENCE = "```"


def direct_pieces(window: Sequence[str]) -> Iterator[Piece]:
    """The compact form of an answer, its end token included."""
    for number, text in enumerate(window, 1):
        yield Piece(line_token(number), special=True)
        yield Piece(text)
    yield Piece(END, special=True)


def direct_messages(observation: Observation) -> list[dict[str, str]]:
    """The question for a model's chat template."""
    return [{"role": "user", "content": f"{INSTRUCTION}\n\n{observation_text(observation)}"}]


def direct_pair(demonstration: Transcript) -> tuple[Observation, tuple[str, ...]] | None:
    """What is seen first and the window in the end; None where nothing was wrong.

    ``demonstration`` is whole: its last observation is that before EXIT.
    """
    if len(demonstration.commands) < 2:
        return None
    return demonstration.observations[0], demonstration.observations[-1].window


class LegalAnswer:
    """A Constraint: lines in order, each after its token, and an end after any of them."""

    def __init__(self, dialect: CompactDialect) -> None:
        self._dialect = dialect
        self._number = {token: n for n, token in enumerate(dialect.lines, 1)}

    def done(self, generated: Sequence[int]) -> bool:
        return bool(generated) and generated[-1] == self._dialect.end

    def allowed(self, generated: Sequence[int]) -> Allowed:
        last = next((self._number[t] for t in reversed(generated) if t in self._number), 0)
        if not last:
            return [self._dialect.lines[0]]
        mask = np.array(self._dialect.plain_or_end)
        if last < MAX_VIEW_LINES:
            mask[self._dialect.lines[last]] = True
        return mask


def answer_lines(dialect: CompactDialect, ids: Iterable[int]) -> tuple[str, ...] | None:
    """The window that the ids spell; None where they do not end or are no text."""
    lines: list[list[int]] = []
    ends = False
    starts = set(dialect.lines)
    for token in ids:
        ends = token == dialect.end
        if token in starts:
            lines.append([])
        elif not ends:
            lines[-1].append(token)
    try:
        return tuple(dialect.engine.detokenize(line).decode() for line in lines) if ends else None
    except UnicodeDecodeError:
        return None


def answer_text(text: str) -> tuple[str, ...]:
    """The lines of a chat model's answer, without the fence around it."""
    lines = text.strip("\n").split("\n")
    if lines[0].startswith(_FENCE) and lines[-1].strip() == _FENCE:
        lines = lines[1:-1]
    return tuple(lines)
