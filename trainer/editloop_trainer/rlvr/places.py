"""Episodes by places and texts, played as one batch: each answer is a row of its own.

What is asked is what the product asks (``editloop.repair.turns``), so a row begins anew with each
question, and an episode ends when its checks pass: nobody has to say so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from editloop.model.answers import gap_ids, plain_ids
from editloop.model.backend import Plain
from editloop.model.infill import Place
from editloop.repair.turns import answered, question
from editloop.state import MAX_VIEW_LINES, EditState
from editloop.tasks import Task
from editloop.text import Snapshot
from editloop.verdict import Verdict
from editloop_trainer.encode import Base
from editloop_trainer.rlvr.episodes import Limits, Stop
from editloop_trainer.rlvr.generate import Writer
from editloop_trainer.rlvr.judge import Judge
from editloop_trainer.rlvr.placed import Answer, PlaceEpisode, PlaceTurn
from editloop_trainer.rlvr.rollouts import Played, first_verdicts
from editloop_trainer.run import RunError

ROWS_A_TURN = 2


class PlaceDialect:
    """Questions as ids of a base, answers as text. Raises RunError for one that fills no gaps."""

    def __init__(self, base: Base) -> None:
        if base.encoder.fill is None:
            raise RunError(f"{base.folder} has no fill-in tokens: use --rendering chat")
        self._tokens, self._fill = base.encoder.tokens, base.encoder.fill
        self._tokenizer, self.end = base.tokenizer, base.encoder.end
        pad = base.tokenizer.pad_token_id
        self.pad: int = self.end if pad is None else pad

    def asked(self, episode: PlaceEpisode) -> list[int]:
        """Ids of what is asked next."""
        prompt = question(episode.state, episode.verdict.findings, episode.place)
        if isinstance(prompt, Plain):
            return plain_ids(self._tokens, prompt)
        return gap_ids(self._tokens, self._fill, prompt)

    def text(self, written: Sequence[int]) -> str | None:
        """What the model wrote; None where it did not come to its end."""
        if not written or written[-1] != self.end:
            return None
        return str(self._tokenizer.decode(list(written[:-1]), skip_special_tokens=False))


def play(
    tasks: Sequence[Task],
    copies: int,
    writer: Writer,
    judge: Judge,
    dialect: PlaceDialect,
    limits: Limits,
) -> Played:
    """``copies`` episodes of each task, until all have ended."""
    started = time.perf_counter()
    starts = [
        PlaceEpisode(task, EditState.open(Snapshot.from_text(task.buggy)), verdict)
        for task, verdict in zip(tasks, first_verdicts(tasks, judge), strict=True)
    ]
    waiting = time.perf_counter() - started
    episodes = [start for start in starts for _ in range(copies)]
    while going := [at for at, episode in enumerate(episodes) if not episode.stop]:
        asked = {at: dialect.asked(episodes[at]) for at in going}
        for at, ids in asked.items():
            if episodes[at].turns and len(ids) + limits.command > limits.tokens:
                episodes[at] = replace(episodes[at], stop="room")
        going = [at for at in going if not episodes[at].stop]
        if not going:
            break
        judged: dict[int, Future[Verdict]] = {}
        for row, ids in writer.start([asked[at] for at in going], 1):
            at = going[row]
            after = _answered(episodes[at], asked[at], ids, dialect, limits)
            episodes[at] = after
            if after.place is None and not after.turns[-1].malformed:
                judged[at] = judge.submit(after.task, after.state.text)
        since = time.perf_counter()
        for at, verdict in judged.items():
            episodes[at] = _judged(episodes[at], verdict.result())
        waiting += time.perf_counter() - since
    groups = [episodes[at : at + copies] for at in range(0, len(episodes), copies)]
    return Played(groups, time.perf_counter() - started, waiting)


def _answered(
    episode: PlaceEpisode,
    asked: Sequence[int],
    written: Sequence[int],
    dialect: PlaceDialect,
    limits: Limits,
) -> PlaceEpisode:
    """The episode after an answer; an edit has the verdict of the state before until it is
    judged."""
    answer = Answer((*asked, *written), len(asked), len(episode.turns))
    episode = replace(episode, answers=(*episode.answers, answer))
    text = dialect.text(written)
    found = None if text is None else answered(episode.state, episode.place, text)
    if isinstance(found, Place):
        return replace(episode, place=found)
    edited = found is not None and found is not episode.state
    turn = PlaceTurn(episode.verdict, malformed=found is None, edited=edited)
    turns = (*episode.turns, turn)
    stop: Stop = "turns" if len(turns) == limits.turns else ""
    return replace(episode, state=found or episode.state, place=None, turns=turns, stop=stop)


def _judged(episode: PlaceEpisode, verdict: Verdict) -> PlaceEpisode:
    turns = (*episode.turns[:-1], replace(episode.turns[-1], verdict=verdict))
    stop: Stop = "exit" if verdict.passed else episode.stop
    return replace(episode, verdict=verdict, turns=turns, stop=stop)


def fitting(tasks: Sequence[Task], dialect: PlaceDialect, limits: Limits) -> list[Task]:
    """Tasks whose window fits the tool, and whose questions fit a row with room for findings."""
    chosen = []
    for task in tasks:
        state = EditState.open(Snapshot.from_text(task.buggy))
        size = len(dialect.asked(PlaceEpisode(task, state, Verdict((), complete=True))))
        if len(state.view) < MAX_VIEW_LINES and size + 2 * limits.command <= limits.tokens:
            chosen.append(task)
    return chosen
