"""Episodes played as one batch: the model answers in all that go on, and sandboxes judge.

An episode is a value; each answer in it becomes a row of its own for training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from editloop.checks.verdict import Verdict
from editloop.document.state import MAX_VIEW_LINES, EditState
from editloop.document.text import Snapshot
from editloop.repair.loop import MAX_TURNS
from editloop.tasks import Task
from editloop_trainer.encode import Base
from editloop_trainer.reward import Turn
from editloop_trainer.rlvr.games import Game, Heard, Memory
from editloop_trainer.rlvr.judge import Judge

Stop = Literal["", "exit", "turns", "room"]
Write = Callable[[Sequence[Sequence[int]]], list[list[int]]]
"""What a model writes after each row of ids, its end token included where it came to it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``tokens`` bounds a row, ``command`` what the model writes in one answer."""

    turns: int = MAX_TURNS
    tokens: int = 1536
    command: int = 96


@dataclass(frozen=True, slots=True)
class Answer:
    """Ids of a question and of what the model wrote; ``turn`` is the one that it belongs to."""

    asked: tuple[int, ...]
    written: tuple[int, ...]
    turn: int


@dataclass(frozen=True, slots=True)
class Episode:
    """``verdict`` is that of ``state``; ``stop`` is empty while the episode goes on."""

    task: Task
    state: EditState
    verdict: Verdict
    memory: Memory = None
    answers: tuple[Answer, ...] = ()
    turns: tuple[Turn, ...] = ()
    stop: Stop = ""

    @property
    def solved(self) -> bool:
        """Whether the last state passes every check."""
        return self.verdict.passed


@dataclass(frozen=True, slots=True)
class Played:
    """``groups[i]`` are the episodes of task i. Seconds: all of it, and those that were spent
    only waiting for verdicts; the rest is generation."""

    groups: Sequence[Sequence[Episode]]
    seconds: float
    waiting: float

    @property
    def episodes(self) -> list[Episode]:
        """The episodes of all groups."""
        return [episode for group in self.groups for episode in group]


class Table:
    """Where episodes are played: a game, the base whose tokens it uses, and its limits."""

    def __init__(self, game: Game, base: Base, limits: Limits) -> None:
        self._game, self._base, self._limits = game, base, limits
        self.end = base.encoder.end
        self.rows = game.answers * limits.turns
        """Of one episode, at most."""

    def fitting(self, tasks: Sequence[Task]) -> list[Task]:
        """Tasks whose window fits the tool, and that leave room for the game's turns."""
        limits, turns = self._limits, self._game.turns
        chosen = []
        for task in tasks:
            episode = self._opened(task, Verdict((), complete=True))
            size = turns * (len(self._asked(episode)) + limits.command) + limits.command
            if len(episode.state.view) < MAX_VIEW_LINES and size <= limits.tokens:
                chosen.append(task)
        return chosen

    def play(self, tasks: Sequence[Task], copies: int, write: Write, judge: Judge) -> Played:
        """``copies`` episodes of each task, until all have ended."""
        started = time.perf_counter()
        verdicts = [judge.submit(task, task.buggy) for task in tasks]
        starts = [
            self._opened(task, found.result()) for task, found in zip(tasks, verdicts, strict=True)
        ]
        waiting = time.perf_counter() - started
        episodes = [start for start in starts for _ in range(copies)]
        while going := {at: self._asked(e) for at, e in enumerate(episodes) if not e.stop}:
            for at in [at for at in going if self._crowded(episodes[at], going[at])]:
                episodes[at] = replace(episodes[at], stop="room")
                del going[at]
            written = dict(zip(going, write(list(going.values())), strict=True))
            since = time.perf_counter()
            self._answer(episodes, going, written, judge)
            waiting += time.perf_counter() - since
        groups = [episodes[at : at + copies] for at in range(0, len(episodes), copies)]
        return Played(groups, time.perf_counter() - started, waiting)

    def _opened(self, task: Task, verdict: Verdict) -> Episode:
        state = EditState.open(Snapshot.from_text(task.buggy))
        return Episode(task, state, verdict, self._game.opened(state, verdict))

    def _asked(self, episode: Episode) -> list[int]:
        return self._game.asked(episode.state, episode.verdict, episode.memory)

    def _crowded(self, episode: Episode, asked: Sequence[int]) -> bool:
        full = len(asked) + self._limits.command > self._limits.tokens
        return full and bool(episode.turns)

    def _answer(
        self,
        episodes: list[Episode],
        asked: dict[int, list[int]],
        written: dict[int, list[int]],
        judge: Judge,
    ) -> None:
        """Take in what was written; all that edits is judged at once."""
        heard = {}
        for at, ids in written.items():
            answer = Answer(tuple(asked[at]), tuple(ids), len(episodes[at].turns))
            episodes[at] = replace(episodes[at], answers=(*episodes[at].answers, answer))
            heard[at] = self._game.heard(episodes[at].state, episodes[at].memory, self._text(ids))
        judged = {
            at: judge.submit(episodes[at].task, one.state.text)
            for at, one in heard.items()
            if one.edited
        }
        for at, one in heard.items():
            verdict = judged[at].result() if at in judged else episodes[at].verdict
            episodes[at] = self._settled(episodes[at], one, verdict)

    def _settled(self, episode: Episode, heard: Heard, verdict: Verdict) -> Episode:
        if heard.named is not None:
            return replace(episode, memory=heard.named)
        memory, ended = self._game.settled(episode.memory, heard, verdict)
        turns = (*episode.turns, Turn(verdict, heard.edited, heard.malformed, ended))
        stop: Stop = "exit" if ended else "turns" if len(turns) == self._limits.turns else ""
        return replace(
            episode, state=heard.state, verdict=verdict, memory=memory, turns=turns, stop=stop
        )

    def _text(self, written: Sequence[int]) -> str | None:
        """What the model wrote; None where it did not come to its end, or it is not UTF-8."""
        if not written or written[-1] != self.end:
            return None
        # Special tokens stay as text, which no answer has.
        text = self._base.tokenizer.decode(list(written[:-1]), skip_special_tokens=False)
        return None if "\ufffd" in text else str(text)
