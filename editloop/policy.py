"""Policies: the order of moves. The uniform one, the scripted one and the one that a spectrum of
lines changes are here, that of the prior in ``prior``. A policy sees a transcript and never the
checks' expected values or the disk.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from editloop.budget import Cancelled as Cancelled
from editloop.document.commands import Command, parse
from editloop.document.transcript import Transcript


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


class SpectrumPolicy:
    """Another policy's order, weighed by how likely each line is at fault.

    ``spectrum`` is asked once, when the first moves are ordered: nats by a line's text. A line that
    it does not have, as one that was changed, has 0.
    """

    def __init__(self, policy: Policy, spectrum: Callable[[], Mapping[str, float]]) -> None:
        self.name = policy.name
        self._policy, self._spectrum = policy, cache(spectrum)

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], *, seed: int
    ) -> Iterator[Proposal]:
        proposals = self._policy.propose(transcript, moves, seed=seed)
        known = self._spectrum()
        if not known:
            yield from proposals
            return
        nats = [known.get(line, 0.0) for line in transcript.observations[-1].window]
        found = [(p.command, p.log_prob + _weight(p.command, nats)) for p in proposals]
        most = max((log_prob for _, log_prob in found), default=0.0)
        total = most + math.log(sum(math.exp(log_prob - most) for _, log_prob in found) or 1.0)
        for command, log_prob in sorted(found, key=lambda pair: -pair[1]):
            yield Proposal(command, log_prob - total)


def _weight(command: Command, nats: Sequence[float]) -> float:
    """Of the command's line; what is inserted belongs to the line above or to the one below."""
    lines = range(command.line - (2 if command.verb == "ADDL" else 1), command.line)
    return max((nats[i] for i in lines if 0 <= i < len(nats)), default=0.0)
