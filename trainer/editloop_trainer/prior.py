"""The weights of the prior: a conditional logit over the moves of demonstrations' states.

One state of each demonstration gives one example: the moves that do what the demonstration does,
and a sample of the others, which count for all of them. Learned by AdaGrad.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from editloop.document.commands import EXIT, Command, effect
from editloop.document.transcript import Observation, reopened
from editloop.prior import SIZE, hashed
from editloop.prior.features import Features
from editloop.repair.steps import steps
from editloop_trainer.jsonl import parse_row
from editloop_trainer.lessons import demo_transcript
from editloop_trainer.stream import parallel

OTHERS = 100
"""Wrong moves of one example."""
BATCH = 16
RATE = 0.2
EPOCHS = 6
DROPPED = 0.3
"""The share of features that one batch does without: what is said of an edit must not hang on
features that only its kind has, since real mistakes are of other kinds."""
DECAY = 3e-5


@dataclass(frozen=True, slots=True)
class Example:
    """``places``: the features of all moves, one after the other; ``starts``: where each begins.

    The first ``right`` moves are right; each of the others stands for ``share`` of them.
    """

    places: NDArray[np.int32]
    starts: NDArray[np.int32]
    right: int
    share: float


@dataclass(frozen=True, slots=True)
class Ranks:
    """Shares of examples, with all of their moves, whose right move is first, ..."""

    first: float
    five: float
    fifty: float


def sample_lines(paths: Iterable[Path], number: int, seed: int) -> list[str]:
    """So many lines of all files, each as likely as any other."""
    rng = random.Random(seed)
    kept: list[str] = []
    seen = 0
    for path in paths:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                seen += 1
                if len(kept) < number:
                    kept.append(line)
                elif (at := rng.randrange(seen)) < number:
                    kept[at] = line
    return kept


def state_of(line: str) -> tuple[Observation, list[Command], list[Command]] | None:
    """One state of a demonstration, with its right moves and its wrong ones in random order.

    None where no move does what the demonstration does.
    """
    transcript = demo_transcript(parse_row(line, "demonstrations"))
    turns = [
        turn
        for turn, command in enumerate(transcript.commands)
        if command != EXIT and turn not in transcript.mistakes
    ]
    if not turns:
        return None
    rng = random.Random(line)
    turn = rng.choice(turns)
    observation = transcript.observations[turn]
    target = effect(transcript.commands[turn], observation.window)
    right: list[Command] = []
    wrong: list[Command] = []
    for move in dict.fromkeys(step[0] for step in steps(*reopened(observation))):
        (right if effect(move, observation.window) == target else wrong).append(move)
    rng.shuffle(wrong)
    return (observation, right, wrong) if right else None


def example(line: str, others: int | None = OTHERS) -> Example | None:
    """The example of one demonstration; None where no move does what it does.

    ``others``: how many wrong moves, None for all.
    """
    found = state_of(line)
    if found is None:
        return None
    observation, right, wrong = found
    features = Features(observation)
    places: list[int] = []
    starts: list[int] = []
    for move in [*right, *wrong[:others]]:
        starts.append(len(places))
        places += hashed(features.of(move))
    kept = len(starts) - len(right)
    share = len(wrong) / kept if kept else 1.0
    return Example(np.array(places, np.int32), np.array(starts, np.int32), len(right), share)


def examples(
    lines: Sequence[str], workers: int, others: int | None = OTHERS
) -> Iterator[Example | None]:
    """The example of each demonstration, by so many processes."""
    return parallel(_by_line, lines, arguments=(others,), workers=workers)


def _by_line(others: int | None) -> Callable[[str], Example | None]:
    return partial(example, others=others)


def fit(known: Sequence[Example], *, epochs: int = EPOCHS, seed: int = 0) -> NDArray[np.float32]:
    """Weights of the greatest likelihood of right moves, as far as so many epochs come."""
    order, rng = list(known), random.Random(seed)
    dropping = np.random.default_rng(seed)
    weights = np.zeros(SIZE, np.float32)
    squares = np.full(SIZE, 1e-10, np.float32)
    for _ in range(epochs):
        rng.shuffle(order)
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            kept = (dropping.random(SIZE) >= DROPPED).astype(np.float32) / (1 - DROPPED)
            used = weights * kept
            slope = np.zeros(SIZE, np.float32)
            for one in batch:
                counts = np.diff(one.starts, append=len(one.places))
                push = np.repeat(_slopes(one, used), counts)
                slope += np.bincount(one.places, push, minlength=SIZE).astype(np.float32)
            slope = slope * kept / len(batch) + DECAY * weights
            squares += slope**2
            weights -= RATE * slope / np.sqrt(squares)
    return weights


def _scores(one: Example, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.add.reduceat(weights[one.places].astype(np.float64), one.starts)


def _slopes(one: Example, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """By move: its probability, less what it would be if one of the right ones were certain."""
    scores = _scores(one, weights)
    chance = np.exp(scores - scores.max())
    chance[one.right :] *= one.share
    slopes: NDArray[np.float64] = chance / chance.sum()
    slopes[: one.right] -= chance[: one.right] / chance[: one.right].sum()
    return slopes


def ranks(known: Iterable[Example], weights: NDArray[np.float32]) -> Ranks:
    """How far up the right moves of known examples stand in the order by ``weights``."""
    found = np.array(list(_places(known, weights)))
    if not len(found):
        return Ranks(0.0, 0.0, 0.0)
    return Ranks(*(float((found < limit).mean()) for limit in (1, 5, 50)))


def _places(known: Iterable[Example], weights: NDArray[np.float32]) -> Iterator[int]:
    for one in known:
        scores = _scores(one, weights)
        best, others = scores[: one.right].max(), scores[one.right :]
        yield int((others > best).sum() + (others == best).sum() // 2)
