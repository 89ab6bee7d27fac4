"""Policies: what chooses commands. The scripted and the uniform one are here; llama.cpp's is in
``engine.policy``. A policy sees a transcript and never the checks' expected values or the disk.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from editloop.budget import Cancelled as Cancelled
from editloop.commands import EXIT, Command, parse, render
from editloop.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command with the natural logarithm of its probability under the policy."""

    command: Command
    log_prob: float


class Policy(Protocol):
    """Orders commands for the search, and writes one command for the plain loop."""

    name: str

    def propose(
        self,
        transcript: Transcript,
        moves: Sequence[Command],
        *,
        seed: int,
        cancel: threading.Event | None = None,
        free: bool = True,
    ) -> Iterator[Proposal]:
        """Commands for the last observation, most probable first, computed lazily.

        ``moves`` are distinct legal commands; where ``free``, a policy may add free text of its
        own. Raises Cancelled soon after ``cancel`` is set.
        """
        ...

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        """The wire text of the one command that the policy would give now."""
        ...


class UniformPolicy:
    """Every move is as likely as any other: the baseline that any model must beat."""

    name = "uniform"

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
        random.Random(seed).shuffle(order)
        for command in order:
            yield Proposal(command, -math.log(len(order)))

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        return render(EXIT)


class ScriptedPolicy:
    """Plays fixed wire texts, one a turn, then EXIT; in a search they come before all moves."""

    name = "scripted"

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)

    def propose(
        self,
        transcript: Transcript,
        moves: Sequence[Command],
        *,
        seed: int,
        cancel: threading.Event | None = None,
        free: bool = True,
    ) -> Iterator[Proposal]:
        turn = len(transcript.commands)
        first = [parse(self.texts[turn])] if turn < len(self.texts) else []
        for command in first:
            yield Proposal(command, 0.0)
        rest = [move for move in moves if move not in first]
        for command in rest:
            yield Proposal(command, -10.0 - math.log(len(rest)))

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        turn = len(transcript.commands)
        return self.texts[turn] if turn < len(self.texts) else render(EXIT)
