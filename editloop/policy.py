"""Policies: the order of moves. The uniform and the scripted one are here, that of the prior in
``prior``. A policy sees a transcript and never the checks' expected values or the disk.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from editloop.budget import Cancelled as Cancelled
from editloop.commands import Command, parse
from editloop.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command with the natural logarithm of its probability under the policy."""

    command: Command
    log_prob: float


class Policy(Protocol):
    """Orders commands for the search."""

    name: str

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], *, seed: int
    ) -> Iterator[Proposal]:
        """Commands for the last observation, most probable first, computed lazily; ``moves`` are
        distinct legal ones.
        """
        ...


class UniformPolicy:
    """Every move is as likely as any other: the baseline that any model must beat."""

    name = "uniform"

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], *, seed: int
    ) -> Iterator[Proposal]:
        order = list(moves)
        random.Random(seed).shuffle(order)
        for command in order:
            yield Proposal(command, -math.log(len(order)))


class ScriptedPolicy:
    """Proposes fixed wire texts, one a turn, before all moves."""

    name = "scripted"

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], *, seed: int
    ) -> Iterator[Proposal]:
        turn = len(transcript.commands)
        first = [parse(self.texts[turn])] if turn < len(self.texts) else []
        for command in first:
            yield Proposal(command, 0.0)
        rest = [move for move in moves if move not in first]
        for command in rest:
            yield Proposal(command, -10.0 - math.log(len(rest)))
