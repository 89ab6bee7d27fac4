"""What is usually right: a log-linear model of the commands that undo mistakes.

It costs microseconds a command where a language model costs milliseconds, and it sees what a small
one cannot read off tokens: how often names occur, how a value differs from the expected one. Its
weights are learned from demonstrations (``editloop train prior``); features are hashed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from editloop.document.commands import Command
from editloop.document.transcript import Observation, Transcript
from editloop.policy import Proposal
from editloop.prior.features import Features

SHIPPED = Path(__file__).parent.parent / "data" / "prior.npy"
SIZE = 1 << 18
"""Weights; features beyond share them."""
DOUBT = 0.1
"""The share of probability that is spread evenly: some mistakes are like none that were learned."""


def hashed(features: Iterable[str]) -> list[int]:
    """The places of features among the weights."""
    return [crc32(name.encode()) % SIZE for name in features]


@dataclass(frozen=True, slots=True)
class Prior:
    """``weights``: float32, one for each of SIZE places."""

    weights: NDArray[np.float32]

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """Raises OSError and ValueError for what is no array of weights."""
        weights = np.load(path)
        if weights.shape != (SIZE,):
            raise ValueError(f"{path} holds {weights.shape}, not ({SIZE},) weights")
        return cls(weights.astype(np.float32))

    def belief(self, observation: Observation, moves: Sequence[Command]) -> dict[Command, float]:
        """Log-probabilities in nats of an observation's legal ``moves``, if one is right."""
        if not moves:
            return {}
        features = Features(observation)
        places: list[int] = []
        starts: list[int] = []
        for move in moves:
            starts.append(len(places))
            places += hashed(features.of(move))
        scores = np.add.reduceat(self.weights[places].astype(np.float64), starts)
        likely = np.exp(scores - scores.max())
        found = np.log((1 - DOUBT) * likely / likely.sum() + DOUBT / len(moves))
        return dict(zip(moves, found.tolist(), strict=True))


@cache
def shipped() -> Prior:
    """The prior of this distribution, read once."""
    return Prior.load()


class PriorPolicy:
    """Moves in the order of a prior alone: it needs no language model."""

    name = "prior"

    def __init__(self, prior: Prior) -> None:
        self.prior = prior

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], *, seed: int
    ) -> Iterator[Proposal]:
        order = list(moves)
        random.Random(seed).shuffle(order)  # equals must not follow the generator
        belief = self.prior.belief(transcript.observations[-1], order)
        for command in sorted(order, key=lambda command: -belief[command]):
            yield Proposal(command, belief[command])
