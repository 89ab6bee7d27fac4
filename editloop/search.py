"""Best-first search over editor states: the verifier judges, the policy sets the order.

A node is a state that was verified and failed; its edges are the policy's proposals, drawn lazily
and best first, so one pending edge for each open node is enough. One heap holds edges and nodes
that wait for their expansion. A step that made progress costs nothing, so repairs of several
independent mistakes are found one after the other; the rank of an edge among its siblings costs a
logarithm, so that open nodes share the budget instead of exhausting one another.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from editloop.commands import Command, CommandError, without
from editloop.edits import edit_size
from editloop.loop import summary
from editloop.moves import moves
from editloop.ordering import RAISES, Weights, normalized, step_value
from editloop.policy import Cancelled, Policy, Proposal
from editloop.state import EditState, apply
from editloop.transcript import Transcript, observe
from editloop.verdict import Verdict

Verify = Callable[[EditState], Verdict]
VerifyMany = Callable[[Sequence[EditState]], Sequence[Verdict]]


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits, None for no limit; ``turns`` is the depth in commands."""

    seconds: float | None = 10.0
    candidates: int | None = None
    turns: int = 3

    def half(self) -> Budget:
        """Half of the seconds and candidates."""
        seconds = None if self.seconds is None else self.seconds / 2
        candidates = None if self.candidates is None else (self.candidates + 1) // 2
        return replace(self, seconds=seconds, candidates=candidates)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands; ``best`` is the summary of the best verdict so far."""

    seconds: float
    candidates: int
    turn: int
    best: str
    solutions: int


@dataclass(frozen=True, slots=True)
class Solution:
    """A verified fix; ``candidates`` and ``seconds`` are those spent until it was found."""

    state: EditState
    commands: tuple[Command, ...]
    verdict: Verdict
    log_prob: float
    edit_size: int
    candidates: int
    seconds: float
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Solutions, smallest edit first; ``reason`` says in words why the search ended."""

    solutions: tuple[Solution, ...]
    candidates: int
    turns: int
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Node:
    state: EditState
    transcript: Transcript
    verdict: Verdict
    log_prob: float
    base: float
    """The priority of its edges before their own probability and rank."""
    depth: int


@dataclass(slots=True)
class _Edge:
    node: _Node
    proposal: Proposal
    rest: Iterator[Proposal]
    rank: int = 0


def search(
    state: EditState,
    policy: Policy,
    verify: Verify,
    *,
    budget: Budget,
    seed: int = 0,
    alternatives: int = 3,
    cancel: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    first_verdict: Verdict | None = None,
    polish: float = 0.25,
    weights: Weights = Weights(),
    verify_many: VerifyMany | None = None,
    batch: int = 1,
) -> SearchResult:
    """Search for verified fixes of ``state``; at most ``alternatives``, distinct by their source.

    With no limit of seconds the result depends on the arguments alone. After the first fix it goes
    on for ``polish`` times the candidates spent so far (at least 10), for a smaller fix or another
    one. ``verify_many`` judges up to ``batch`` candidates at once. What a policy raises propagates.
    """
    run = _Search(state, policy, verify, budget, seed, cancel, weights, polish)
    run.verify_many, run.batch, run.on_progress = verify_many, max(1, batch), on_progress
    reason = run.start(first_verdict) or run.go()
    best = sorted(run.solutions, key=lambda s: (s.edit_size, -s.log_prob))[:alternatives]
    return SearchResult(tuple(best), run.candidates, run.turns, run.seconds, reason)


class _Deadline(threading.Event):
    """Set when ``cancel`` is, and from a moment on: a slow decode must not outlast the budget."""

    def __init__(self, cancel: threading.Event | None, at: float) -> None:
        super().__init__()
        self._cancel, self._at = cancel, at

    def is_set(self) -> bool:
        asked = self._cancel is not None and self._cancel.is_set()
        return asked or time.monotonic() >= self._at

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set() or super().wait(timeout) or self.is_set()


@dataclass(slots=True)
class _Search:
    state: EditState
    policy: Policy
    verify: Verify
    budget: Budget
    seed: int
    cancel: threading.Event | None
    weights: Weights
    polish: float
    verify_many: VerifyMany | None = None
    batch: int = 1
    on_progress: Callable[[Progress], None] | None = None
    started: float = field(default_factory=time.monotonic)
    candidates: int = 0
    turns: int = 0
    solutions: list[Solution] = field(default_factory=list)
    best: Verdict | None = None
    first: Verdict | None = None
    seen: set[object] = field(default_factory=set)
    heap: list[tuple[float, int, _Edge | _Node]] = field(default_factory=list)
    crowds: dict[tuple[Command, ...], int] = field(default_factory=dict)
    """How many children with progress the node with these commands has."""
    order: Iterator[int] = field(default_factory=itertools.count)
    shrinking: bool = False
    """The first fix has several commands and was not yet tried with fewer."""
    last_candidate: int | None = None
    last_second: float = math.inf
    deadline: threading.Event = field(init=False)

    def __post_init__(self) -> None:
        seconds = math.inf if self.budget.seconds is None else self.budget.seconds
        self.deadline = _Deadline(self.cancel, self.started + seconds)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def start(self, first: Verdict | None) -> str | None:
        """Verify the root; a reason to end where there is nothing to search."""
        if first is None:
            stop = self._stop()
            if stop is not None:
                return stop
            first = self.verify(self.state)
            self.candidates += 1
        self.best = self.first = first
        self.seen.add(normalized(self.state))
        if first.passed:
            return "nothing to fix"
        transcript = Transcript((observe(self.state, first.findings),))
        self._push(0.0, _Node(self.state, transcript, first, 0.0, 0.0, 0))
        return None

    def go(self) -> str:
        while True:
            stop = self._stop()
            if stop is not None:
                return stop
            try:
                picked, stop = self._pick()
            except Cancelled:
                return self._stop() or "cancelled"
            if stop is not None and not picked:
                return stop
            if not picked:
                return "fixed" if self.solutions else "no move left"
            states = [state for _, state in picked]
            verdicts = self._judge(states)
            for (edge, after), verdict in zip(picked, verdicts, strict=True):
                self._take(edge, after, verdict)
            if self.shrinking and self.polish > 0:
                self.shrinking = False
                self._shrink(self.solutions[0])
            if self.on_progress is not None:
                best = summary(self.best) if self.best else ""
                self.on_progress(
                    Progress(self.seconds, self.candidates, self.turns, best, len(self.solutions))
                )

    def _judge(self, states: Sequence[EditState]) -> Sequence[Verdict]:
        if self.verify_many is not None:
            return self.verify_many(states)
        return [self.verify(state) for state in states]

    def _stop(self) -> str | None:
        if self.cancel is not None and self.cancel.is_set():
            return "cancelled"
        polished = self.last_candidate is not None and self.candidates >= self.last_candidate
        if polished or self.seconds >= self.last_second:
            return "fixed"
        if self.budget.seconds is not None and self.seconds >= self.budget.seconds:
            return "fixed" if self.solutions else f"out of time after {self.candidates} candidates"
        if self.budget.candidates is not None and self.candidates >= self.budget.candidates:
            return "fixed" if self.solutions else "out of candidates"
        return None

    def _room(self) -> int:
        limits = [self.batch]
        if self.budget.candidates is not None:
            limits.append(self.budget.candidates - self.candidates)
        if self.last_candidate is not None:
            limits.append(self.last_candidate - self.candidates)
        return min(limits)

    def _pick(self) -> tuple[list[tuple[_Edge, EditState]], str | None]:
        """The next states to verify, none of which was seen before."""
        picked: list[tuple[_Edge, EditState]] = []
        while self.heap and len(picked) < self._room():
            stop = self._stop()
            if stop is not None:
                return picked, stop
            _, _, item = heapq.heappop(self.heap)
            if isinstance(item, _Node):
                self._expand(item)
                continue
            after = self._follow(item)
            if after is not None:
                picked.append((item, after))
            following = next(item.rest, None)
            if following is not None:
                self._push_edge(_Edge(item.node, following, item.rest, item.rank + 1))
        return picked, None

    def _expand(self, node: _Node) -> None:
        choice = moves(node.state, node.verdict.findings)
        # Siblings must not all follow one order, and the seed must decide all of it.
        seed = (
            self.seed * 1_000_003 + node.depth * 8191 + self.candidates if node.depth else self.seed
        )
        proposals = iter(
            self.policy.propose(node.transcript, choice, seed=seed, cancel=self.deadline)
        )
        first = next(proposals, None)
        if first is not None:
            self._push_edge(_Edge(node, first, proposals))

    def _push_edge(self, edge: _Edge) -> None:
        cost = self.weights.rank * math.log1p(edge.rank)
        self._push(edge.node.base + edge.proposal.log_prob - cost, edge)

    def _push(self, priority: float, item: _Edge | _Node) -> None:
        heapq.heappush(self.heap, (-priority, next(self.order), item))

    def _follow(self, edge: _Edge) -> EditState | None:
        """The state after an edge; None where it is impossible or was seen."""
        try:
            after = apply(edge.node.state, edge.proposal.command)
        except CommandError:
            return None  # free text of a policy may be anything
        key = normalized(after)
        if after is edge.node.state or key in self.seen:
            return None
        self.seen.add(key)
        return after

    def _take(self, edge: _Edge, after: EditState, verdict: Verdict) -> None:
        """Account for a verified candidate: a solution, or a node that waits for expansion."""
        self.candidates += 1
        parent, proposal = edge.node, edge.proposal
        depth = parent.depth + 1
        self.turns = max(self.turns, depth)
        log_prob = parent.log_prob + proposal.log_prob
        transcript = parent.transcript.extend(proposal.command, observe(after, verdict.findings))
        if self.best is None or verdict.progress > self.best.progress:
            self.best = verdict
        if verdict.passed:
            self._solve(after, transcript, verdict, log_prob)
        elif depth < self.budget.turns:
            base = parent.base + self._value(parent, proposal, verdict)
            self._push(base, _Node(after, transcript, verdict, log_prob, base, depth))

    def _value(self, parent: _Node, proposal: Proposal, verdict: Verdict) -> float:
        weights = self.weights
        value = step_value(parent.verdict, verdict, proposal.log_prob, weights)
        if value > proposal.log_prob:
            siblings = self.crowds.get(parent.transcript.commands, 0)
            self.crowds[parent.transcript.commands] = siblings + 1
            value -= weights.crowd * math.log1p(siblings)
            value -= weights.removed * (proposal.command.verb == "DELL")
            value -= weights.crash * any(RAISES.search(f.text) for f in verdict.findings)
        return value

    def _solve(
        self, after: EditState, transcript: Transcript, verdict: Verdict, log_prob: float
    ) -> None:
        size = edit_size(self.state.document, after.document)
        spent = self.seconds
        self.solutions.append(
            Solution(
                after,
                transcript.commands,
                verdict,
                log_prob,
                size,
                self.candidates,
                spent,
                transcript,
            )
        )
        if self.last_candidate is None:
            self.shrinking = len(transcript.commands) > 1
            extra = max(10, math.ceil(self.polish * self.candidates)) if self.polish > 0 else 0
            self.last_candidate = self.candidates + extra
            if self.budget.seconds is not None:
                self.last_second = spent + max(self.polish * spent, 0.25)

    def _shrink(self, solution: Solution) -> None:
        """Look for a command that the fix does not need; what it leaves is a smaller fix."""
        for dropped in range(len(solution.commands)):
            commands = without(solution.commands, dropped)
            if commands is None or self._stop() is not None:
                continue
            try:
                states = list(itertools.accumulate(commands, apply, initial=self.state))
            except CommandError:
                continue
            if normalized(states[-1]) in self.seen:
                continue
            self.seen.add(normalized(states[-1]))
            verdict = self._verify_one(states[-1])
            if verdict.passed:
                shown = self._transcript(commands, states, verdict)
                self._solve(states[-1], shown, verdict, solution.log_prob)
                return

    def _verify_one(self, state: EditState) -> Verdict:
        self.candidates += 1
        return self.verify(state)

    def _transcript(
        self, commands: Sequence[Command], states: Sequence[EditState], last: Verdict
    ) -> Transcript:
        """What the policy would have seen; states between are verified for their findings."""
        assert self.first is not None
        verdicts = [self.first, *(self._verify_one(state) for state in states[1:-1]), last]
        shown = (observe(s, v.findings) for s, v in zip(states, verdicts, strict=True))
        return Transcript(tuple(shown), tuple(commands))
