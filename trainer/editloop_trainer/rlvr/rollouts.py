"""Groups of episodes played as one batch: the model writes for all of them while sandboxes verify.

A command is sent to the judge as soon as it is complete, while the rest of the batch is still
being decoded; a turn ends when the slowest of both is done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from editloop.state import MAX_VIEW_LINES, EditState
from editloop.tasks import Task
from editloop.text import Snapshot
from editloop.transcript import observe
from editloop.verdict import Verdict
from editloop_trainer.rlvr.dialect import Dialect
from editloop_trainer.rlvr.episodes import Episode, Limits, Move, begin, settle, understand
from editloop_trainer.rlvr.generate import Writer, Written
from editloop_trainer.rlvr.judge import Judge
from editloop_trainer.rlvr.placed import PlaceEpisode


@dataclass(frozen=True, slots=True)
class Played:
    """``groups[i]`` are the episodes of task i. Seconds: all of it, and those that were spent
    only waiting for verdicts; the rest is generation."""

    groups: Sequence[Sequence[Episode | PlaceEpisode]]
    seconds: float
    waiting: float

    @property
    def episodes(self) -> list[Episode | PlaceEpisode]:
        return [episode for group in self.groups for episode in group]


def first_verdicts(tasks: Sequence[Task], judge: Judge) -> list[Verdict]:
    """The verdicts of the modules as they are."""
    return [future.result() for future in [judge.submit(task, task.buggy) for task in tasks]]


def play(
    tasks: Sequence[Task],
    copies: int,
    writer: Writer,
    judge: Judge,
    dialect: Dialect,
    limits: Limits = Limits(),
) -> Played:
    """``copies`` episodes of each task, until all have ended."""
    started = time.perf_counter()
    starts = [
        begin(task, verdict, dialect)
        for task, verdict in zip(tasks, first_verdicts(tasks, judge), strict=True)
    ]
    waiting = time.perf_counter() - started
    episodes = [start for start in starts for _ in range(copies)]
    written = writer.start([start.ids for start in starts], copies)
    while True:
        shown = {row: len(episode.ids) for row, episode in enumerate(episodes) if not episode.stop}
        moves = _judged(written, episodes, judge, dialect)
        since = time.perf_counter()
        for row, (move, verdict) in moves.items():
            episodes[row] = settle(episodes[row], move, verdict.result(), dialect, limits)
        waiting += time.perf_counter() - since
        # What the model wrote last it knows; what was shown since is news.
        news = {
            row: episodes[row].ids[shown[row] + len(moves[row][0].ids) :]
            for row in shown
            if not episodes[row].stop
        }
        if not news:
            break
        written = writer.go_on(news)
    groups = [episodes[at : at + copies] for at in range(0, len(episodes), copies)]
    return Played(groups, time.perf_counter() - started, waiting)


def _judged(
    written: Written, episodes: Sequence[Episode], judge: Judge, dialect: Dialect
) -> dict[int, tuple[Move, Future[Verdict]]]:
    """The moves of a turn, each with the verdict to come; a state that is unchanged keeps its
    own."""
    moves = {}
    for row, ids in written:
        episode = episodes[row]
        move = understand(episode, ids, dialect)
        if move.state is episode.state:
            verdict: Future[Verdict] = Future()
            verdict.set_result(episode.verdict)
        else:
            verdict = judge.submit(episode.task, move.state.text)
        moves[row] = move, verdict
    return moves


def fitting(tasks: Sequence[Task], dialect: Dialect, limits: Limits) -> list[Task]:
    """Tasks whose window fits the tool and leaves room for three turns."""
    chosen = []
    for task in tasks:
        state = EditState.open(Snapshot.from_text(task.buggy))
        size = len(dialect.first(observe(state, ())))
        if len(state.view) < MAX_VIEW_LINES and 3 * (size + limits.command) <= limits.tokens:
            chosen.append(task)
    return chosen
