"""What a search has yet to look at: nodes that wait for their expansion, and edges to follow.

A node is a state that was verified and failed; its edges are the policy's proposals, drawn lazily
and best first, so one pending edge for each open node is enough.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from editloop.state import EditState
from editloop.steps import Step
from editloop.transcript import Transcript
from editloop.verdict import Verdict


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
    last: bool = False
    """Its steps have failed: what is left is to be tried."""


class Ahead:
    """Steps with their log-probability; with an executor the next is made before it is needed."""

    def __init__(self, steps: Iterator[tuple[Step, float]], executor: Executor | None) -> None:
        self._steps, self._executor = steps, executor
        self._next: Future[tuple[Step, float] | None] | None = None

    def take(self) -> tuple[Step, float] | None:
        """The next one, None at the end. Raises what making it raised."""
        found = self._next.result() if self._next else next(self._steps, None)
        if found is not None and self._executor is not None:
            self._next = self._executor.submit(next, self._steps, None)
        return found


@dataclass(frozen=True, slots=True)
class Edge:
    """A step from a node, and those that come after it; ``rank`` counts its better siblings."""

    node: Node
    step: Step
    log_prob: float
    rest: Ahead
    rank: int = 0


Entry = tuple[float, Node | Edge]
"""With its priority."""


class Frontier:
    """Two heaps, best first; of equal priorities the first that came."""

    def __init__(self) -> None:
        self._nodes: list[tuple[float, int, Node]] = []
        self._edges: list[tuple[float, int, Edge]] = []
        self._order = itertools.count()

    def push(self, entries: Iterable[Entry]) -> None:
        for priority, item in entries:
            if isinstance(item, Node):
                heapq.heappush(self._nodes, (-priority, next(self._order), item))
            else:
                heapq.heappush(self._edges, (-priority, next(self._order), item))

    def take_nodes(self, most: int) -> list[Node]:
        """The best nodes where the very best entry is one, else none."""
        if not self._nodes or (self._edges and self._edges[0][:2] < self._nodes[0][:2]):
            return []
        return [heapq.heappop(self._nodes)[2] for _ in range(min(most, len(self._nodes)))]

    def take_edge(self) -> Edge | None:
        """The best edge, None where there is none."""
        return heapq.heappop(self._edges)[2] if self._edges else None
