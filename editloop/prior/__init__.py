"""What is usually right: a log-linear model of the commands that undo mistakes.

It costs microseconds a command where a language model costs milliseconds, and it sees what a small
one cannot read off tokens: how often names occur, how a value differs from the expected one. Its
weights are learned from demonstrations (``editloop train prior``); features are hashed.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from editloop.commands import EXIT, Command, render
from editloop.policy import Proposal
from editloop.prior.features import Features
from editloop.transcript import Observation, Transcript

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

    def belief(self, observation: Observation, moves: Sequence[Command]) -> Belief:
        """Log-probabilities of an observation's legal ``moves``, if one of them is right."""
        return Belief(self.weights, observation, moves)


class Belief:
    """Log-probabilities of commands in one observation; ``moves`` are those of all its moves."""

    def __init__(
        self, weights: NDArray[np.float32], observation: Observation, moves: Sequence[Command]
    ) -> None:
        self._weights, self._features = weights, Features(observation)
        scores = self._scores(moves)
        most = scores.max(initial=0.0)
        self._total = most + np.log(np.exp(scores - most).sum()) if moves else most
        self._least = DOUBT / max(1, len(moves))
        self.moves: dict[Command, float] = self._log_probs(moves, scores)

    def of(self, commands: Sequence[Command]) -> dict[Command, float]:
        """Log-probabilities in nats of other legal commands, on the scale of the moves."""
        return self._log_probs(commands, self._scores(commands))

    def _log_probs(
        self, commands: Sequence[Command], scores: NDArray[np.float64]
    ) -> dict[Command, float]:
        found = np.log((1 - DOUBT) * np.exp(scores - self._total) + self._least)
        found = np.minimum(found, 0.0)  # what is no move may be likelier than all moves together
        return dict(zip(commands, found.tolist(), strict=True))

    def _scores(self, commands: Sequence[Command]) -> NDArray[np.float64]:
        if not commands:
            return np.zeros(0)
        places: list[int] = []
        starts: list[int] = []
        for command in commands:
            starts.append(len(places))
            places += hashed(self._features.of(command))
        return np.add.reduceat(self._weights[places].astype(np.float64), starts)


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
        self,
        transcript: Transcript,
        moves: Sequence[Command],
        *,
        seed: int,
        cancel: threading.Event | None = None,
        free: bool = True,
    ) -> Iterator[Proposal]:
        order = list(moves)
        random.Random(seed).shuffle(order)  # equals must not follow the generator
        belief = self.prior.belief(transcript.observations[-1], order).moves
        for command in sorted(order, key=lambda command: -belief[command]):
            yield Proposal(command, belief[command])

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        return render(EXIT)
