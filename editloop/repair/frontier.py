"""What a search has yet to look at: nodes that wait for their expansion, and edges to follow.

A node is a state that was verified and failed; its edges are the policy's proposals, drawn lazily
and best first, so one pending edge for each open node is enough.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from editloop.checks.verdict import Verdict
from editloop.document.commands import Step
from editloop.document.state import EditState
from editloop.document.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Node:
    """A verified state and the way to it."""

    state: EditState
    commands: Step
    transcript: Transcript
    """What the policy is shown; within a step of several commands nothing was checked."""
    verdict: Verdict
    log_prob: float
    base: float
    """The priority of its edges before their own probability and rank."""
    depth: int
    later: tuple[Step, ...] | None = None
    """The steps that the parser does not find helpful; None before it was asked."""
    sure: bool = False
    """Whether the obvious steps have been tried."""
    last: bool = False
    """Whether all moves have failed: what is enumerated is to be tried."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A step from a node, and those that come after it; ``rank`` counts its better siblings,
    ``written`` is what a model wrote."""

    node: Node
    step: Step
    log_prob: float
    rest: Iterator[tuple[Step, float]]
    rank: int = 0
    written: bool = False


Entry = tuple[float, Node | Edge]
"""A priority, in nats, and what waits."""


class Proposed(Protocol):
    """A step that was thought of for a node while the search went on; ``log_prob`` in nats."""

    @property
    def node(self) -> Node: ...

    @property
    def step(self) -> Step: ...

    @property
    def log_prob(self) -> float: ...

    @property
    def written(self) -> bool:
        """Whether a model wrote it."""
        ...


class Proposer(Protocol):
    """What proposes steps of its own beside a search: a model that fills in, mostly."""

    place: str
    """What it is asking about, in words for a person."""

    asked: int
    """Places that it has asked about; a group of answers to one counts once."""

    @property
    def busy(self) -> bool:
        """Whether more may come of the nodes that it was told of."""
        ...

    def consider(self, node: Node, written: bool = False) -> None:
        """Think of steps for a node; does not wait for them. ``written``: a model wrote the step
        that led to it."""
        ...

    def arrived(self, seconds: float) -> Sequence[Proposed]:
        """Steps proposed since the last call; waits at most ``seconds`` for the first."""
        ...


class Frontier:
    """A heap, best first; of equal priorities the first that came."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Node | Edge]] = []
        self._order = itertools.count()

    def push(self, entries: Iterable[Entry]) -> None:
        for priority, item in entries:
            heapq.heappush(self._heap, (-priority, next(self._order), item))

    def take(self) -> Node | Edge | None:
        """The best of all, None where there is none."""
        return heapq.heappop(self._heap)[2] if self._heap else None
