"""An episode in training: the plain loop's rules over one row of tokens.

The row only grows: observation, what the model wrote, observation, ... A text that is no command
stays in the row, so that it can be learned from, and its error begins the next observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from editloop.commands import Command
from editloop.loop import MAX_TURNS, next_observation, try_command
from editloop.state import EditState
from editloop.tasks import Task
from editloop.text import Snapshot
from editloop.transcript import observe
from editloop.verdict import Verdict
from editloop_trainer.rlvr.dialect import Dialect

Stop = Literal["", "exit", "turns", "room"]
Part = tuple[Sequence[int], Sequence[bool], Sequence[float]]
"""A row for the loss: ids, which the model wrote, and the advantage of each."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``tokens`` bounds a row, ``command`` what the model writes in one turn."""

    turns: int = MAX_TURNS
    tokens: int = 1536
    command: int = 96


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn; ``start`` and ``stop`` bound what the model wrote in the row."""

    command: Command | None
    error: str | None
    verdict: Verdict
    start: int
    stop: int

    @property
    def malformed(self) -> bool:
        return self.command is None

    @property
    def edited(self) -> bool:
        return self.error is None and not self.is_exit

    @property
    def is_exit(self) -> bool:
        return self.command is not None and self.command.verb == "EXIT"


@dataclass(frozen=True, slots=True)
class Episode:
    """``ids`` is the row, ``verdict`` that of ``state``; ``stop`` is empty while it goes on."""

    task: Task
    state: EditState
    verdict: Verdict
    ids: tuple[int, ...]
    turns: tuple[Turn, ...] = ()
    stop: Stop = ""

    @property
    def solved(self) -> bool:
        """Whether the last state passes every check."""
        return self.verdict.passed

    @property
    def written(self) -> list[bool]:
        """Which tokens of the row the model wrote."""
        flags = [False] * len(self.ids)
        for turn in self.turns:
            flags[turn.start : turn.stop] = [True] * (turn.stop - turn.start)
        return flags

    def parts(self, worths: Sequence[float]) -> list[Part]:
        """The row for the loss; ``worths`` has the advantage of each turn."""
        worth = [0.0] * len(self.ids)
        for turn, value in zip(self.turns, worths, strict=True):
            worth[turn.start : turn.stop] = [value] * (turn.stop - turn.start)
        return [(self.ids, self.written, worth)]


@dataclass(frozen=True, slots=True)
class Move:
    """What the model wrote, understood; ``state`` is the one to verify."""

    ids: tuple[int, ...]
    command: Command | None
    error: str | None
    state: EditState


def begin(task: Task, verdict: Verdict, dialect: Dialect) -> Episode:
    """The episode before its first turn; ``verdict`` is that of the task's module."""
    state = EditState.open(Snapshot.from_text(task.buggy))
    return Episode(task, state, verdict, tuple(dialect.first(observe(state, verdict.findings))))


def understand(episode: Episode, written: Sequence[int], dialect: Dialect) -> Move:
    """Parse and apply what the model wrote, its end token included."""
    command, state, error = try_command(episode.state, dialect.text(written))
    return Move(tuple(written), command, error, state)


def settle(
    episode: Episode, move: Move, verdict: Verdict, dialect: Dialect, limits: Limits
) -> Episode:
    """The episode after a turn; unless that ended it, the next observation is in the row."""
    start = len(episode.ids)
    ids = episode.ids + move.ids
    turn = Turn(move.command, move.error, verdict, start, len(ids))
    after = replace(
        episode, state=move.state, verdict=verdict, ids=ids, turns=(*episode.turns, turn)
    )
    if turn.is_exit:
        return replace(after, stop="exit")
    if len(after.turns) == limits.turns:
        return replace(after, stop="turns")
    observation = next_observation(after.state, verdict, move.error)
    ids += tuple(dialect.later(observation))
    if len(ids) + limits.command > limits.tokens:
        return replace(after, stop="room")
    return replace(after, ids=ids)
