"""An episode by places and texts, and the rows that training reads of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from editloop.model.infill import Place
from editloop.state import EditState
from editloop.tasks import Task
from editloop.verdict import Verdict
from editloop_trainer.rlvr.episodes import Part, Stop


@dataclass(frozen=True, slots=True)
class PlaceTurn:
    """One turn, as rewards see it; it is the last one (``is_exit``) where the checks pass."""

    verdict: Verdict
    malformed: bool
    edited: bool

    @property
    def is_exit(self) -> bool:
        return self.verdict.passed

    @property
    def error(self) -> str | None:
        """Why nothing was edited; an answer is understood or not, no edit is impossible."""
        return "neither a place nor a text" if self.malformed else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A row: what was asked up to ``start``, then what the model wrote in a turn."""

    ids: tuple[int, ...]
    start: int
    turn: int


@dataclass(frozen=True, slots=True)
class PlaceEpisode:
    """``place`` was named and is to be filled in; ``stop`` is empty while it goes on."""

    task: Task
    state: EditState
    verdict: Verdict
    place: Place | None = None
    answers: tuple[Answer, ...] = ()
    turns: tuple[PlaceTurn, ...] = ()
    stop: Stop = ""

    @property
    def solved(self) -> bool:
        """Whether the last state passes every check."""
        return self.verdict.passed

    @property
    def ids(self) -> tuple[int, ...]:
        """Tokens of all rows, one after the other."""
        return tuple(token for answer in self.answers for token in answer.ids)

    @property
    def written(self) -> list[bool]:
        """Which of the tokens in ``ids`` the model wrote."""
        return [at >= one.start for one in self.answers for at in range(len(one.ids))]

    def parts(self, worths: Sequence[float]) -> list[Part]:
        """The rows for the loss; ``worths`` has the advantage of each turn."""
        made: list[Part] = []
        for one in self.answers:
            flags = [at >= one.start for at in range(len(one.ids))]
            made.append((one.ids, flags, [worths[one.turn] * flag for flag in flags]))
        return made
