"""Best-first search over editor states: the verifier judges, the policy sets the order.

A step that made progress costs nothing, so repairs of several independent mistakes are found one
after the other; the rank of an edge among its siblings costs a logarithm, so that open nodes share
the budget instead of exhausting one another; asking the policy costs as much as many verifications.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from editloop.budget import Budget, Stop
from editloop.checks.verdict import Verdict
from editloop.document.commands import CommandError, Step, without
from editloop.document.edits import edit_size
from editloop.document.state import EditState, apply
from editloop.document.transcript import Observation, Transcript, observe
from editloop.moves.context import is_syntax_finding
from editloop.policy import Cancelled, Policy
from editloop.repair.frontier import Edge, Entry, Frontier, Node, Proposer
from editloop.repair.lingering import Lingering
from editloop.repair.loop import Verify, summary
from editloop.repair.ordering import RAISES, Weights, gain, normalized, step_value
from editloop.repair.solutions import Progress, SearchResult, Solution, foremost, is_settled
from editloop.repair.steps import obvious, ordered, promising, resorts, steps

HEAD_START = 3.0
"""Seconds in which moves alone are tried; the model loads and reads meanwhile. Chosen."""
HEARD = 8
"""Places that a model has written something for when it counts as heard: among eight the right one
is in three of four cases (`benchmarks/pointing.py`)."""
FEW = 5
"""Tests and examples that say little, at most. Chosen."""
MOVES_SHARE = 0.2
"""Seconds for moves for each second that the model needed. Chosen."""
_WAIT = 0.05


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
    polish: float = 0.5,
    weights: Weights = Weights(),
    filling: Proposer | None = None,
) -> SearchResult:
    """Search for verified fixes of ``state``, distinct by source: at most ``alternatives``, and
    as many again that a model wrote.

    With no limit of seconds the result depends on the arguments alone. After the first fix it goes
    on for ``polish`` times the candidates spent so far (at least 10), for a smaller fix or another
    one. ``filling`` proposes further steps as they come. What a policy raises propagates.
    """
    run = _Search(
        state, policy, verify, budget, seed, cancel, weights, polish, on_progress, filling
    )
    reason = run.start(first_verdict) or run.go()
    best = foremost(state, run.solutions, alternatives)
    return SearchResult(best, run.candidates, run.turns, run.seconds, reason)


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
    on_progress: Callable[[Progress], None] | None
    filling: Proposer | None = None
    started: float = field(default_factory=time.monotonic)
    candidates: int = 0
    turns: int = 0
    solutions: list[Solution] = field(default_factory=list)
    root: Verdict | None = None
    best: Verdict | None = None
    seen: set[object] = field(default_factory=set)
    frontier: Frontier = field(default_factory=Frontier)
    crowds: dict[Step, int] = field(default_factory=dict)
    """How many children with progress the node with these commands has."""
    shrinking: bool = False
    """The first fix has several commands and was not yet tried with fewer."""
    moves_until: float = HEAD_START
    """Seconds until which moves are tried though the model is at work."""
    asked_at: float = 0.0
    """Seconds at which the model's last proposals came."""
    lingering: Lingering = field(init=False)
    deadline: Stop = field(init=False)
    """Parsing many candidates must not outlast the budget."""

    def __post_init__(self) -> None:
        seconds = math.inf if self.budget.seconds is None else self.budget.seconds
        self.deadline = Stop(self.cancel, self.started + seconds)
        self.lingering = Lingering(self.budget, self.polish, asks=self.filling is not None)

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
        self.root = self.best = first
        self.seen.add(normalized(self.state))
        if first.passed:
            return "nothing to fix"
        transcript = Transcript((observe(self.state, first.findings),))
        root = Node(self.state, (), transcript, first, 0.0, 0.0, 0)
        self.frontier.push([(0.0, root)])
        if self.filling is not None:
            self.filling.consider(root)
        return None

    def go(self) -> str:
        while True:
            stop = self._stop()
            if stop is not None:
                return stop
            # Asked before: what was proposed until then has arrived.
            busy = self.filling is not None and self.filling.busy
            try:
                if self.filling is not None and self._fill(self.filling):
                    continue
                entry = self.frontier.take()
                if entry is None and busy:
                    self.moves_until = 0.0  # no move is left that could have its seconds
                    continue
                if entry is None:
                    return "fixed" if self.solutions else "no move left"
                if isinstance(entry, Node):
                    self.frontier.push(self._expanded(entry))
                else:
                    self._try(entry)
                    self.frontier.push(self._next_edge(entry.node, entry.rest, entry.rank + 1))
            except Cancelled:
                return self._stop() or ("fixed" if self.solutions else "out of time")

    def _fill(self, filling: Proposer) -> bool:
        """Try what the model has proposed; whether the moves wait for more of it.

        Both want the same cores, so moves have the first seconds and a share of what follows.
        """
        waits = filling.busy and self.seconds > self.moves_until
        began = self.seconds
        heard = filling.asked >= HEARD or not filling.busy  # before what it says is taken
        arrived = filling.arrived(_WAIT if waits else 0.0)
        for one in arrived:
            if self._stop() is not None:
                return True
            if self.budget.turns == 1 and len(one.step) > 1:
                continue  # a single edit alone is believed
            self._try(Edge(one.node, one.step, one.log_prob, iter(()), written=one.written))
        if arrived:
            asked, self.asked_at = began - self.asked_at, self.seconds
            self.moves_until = max(self.moves_until, self.seconds + MOVES_SHARE * asked)
        self.lingering.heard |= heard
        return waits

    def _try(self, edge: Edge) -> None:
        """Verify the state after an edge, unless it is impossible or was seen."""
        after = self._follow(edge)
        if after is None:
            return
        self._take(edge, after, self.verify(after))
        if self.shrinking and self.polish > 0:
            self.shrinking = False
            self._shrink(self.solutions[-1])
        if self.on_progress is not None:
            best = summary(self.best) if self.best else ""
            place = "" if self.filling is None else self.filling.place
            self.on_progress(
                Progress(self.seconds, self.candidates, self.turns, best, self._found(), place)
            )

    def _found(self) -> int:
        """How many fixes do not only hide the failure."""
        return sum(not found.verdict.hides for found in self.solutions)

    def _stop(self) -> str | None:
        if self.cancel is not None and self.cancel.is_set():
            return "cancelled"
        if self.lingering.is_over(self.candidates, self.seconds):
            return "fixed"
        if self.budget.seconds is not None and self.seconds >= self.budget.seconds:
            return "fixed" if self.solutions else "out of time"
        if self.budget.candidates is not None and self.candidates >= self.budget.candidates:
            return "fixed" if self.solutions else "out of candidates"
        return None

    def _expanded(self, node: Node) -> list[Entry]:
        """The best step of a node, in the order of the policy; and the node again, for what waits.

        Obvious steps come before the policy is asked. Where the text does not parse, what the
        parser finds helpful comes first and by itself, and where it uses what does not exist, what
        settles that; all else waits until that was tried.
        Where it parses, small expressions wait until everything was.
        """
        findings = node.verdict.findings
        if node.later is not None:
            return self._asked(node, node.later)
        broken = any(is_syntax_finding(finding) for finding in findings)
        tried = broken or node.sure or node.last
        if not tried and (first := self._possible(obvious(node.state, findings))):
            waiting = node.base - self.weights.ask, replace(node, sure=True)
            return [waiting, *self._next_edge(node, ((step, 0.0) for step in first), 0)]
        every = self._possible((resorts if node.last else steps)(node.state, findings))
        if node.last:
            return self._asked(node, every)
        base = node.base - self.weights.resort
        entries: list[Entry] = [] if broken else [(base, replace(node, base=base, last=True))]
        good = dict.fromkeys(promising(node.state, findings, every, self.deadline))
        if not good:
            return [*entries, *self._asked(node, every)]
        base = node.base - self.weights.unscreened
        rest = tuple(step for step in every if step not in good)
        entries.append((base, replace(node, base=base, later=rest)))
        return [*entries, *self._asked(node, list(good), alone=True)]

    def _possible(self, choice: list[Step]) -> list[Step]:
        """A single turn is a single command."""
        return [step for step in choice if len(step) == 1] if self.budget.turns == 1 else choice

    def _asked(self, node: Node, choice: Sequence[Step], *, alone: bool = False) -> list[Entry]:
        """Ask the policy for the order of some steps of a node (see ``ordered``), take the best."""
        # Siblings must not all follow one order, and the seed must decide all of it.
        seed = (
            self.seed * 1_000_003 + node.depth * 8191 + self.candidates if node.depth else self.seed
        )
        order = ordered(self.policy, node.transcript, choice, screened=alone, seed=seed)
        return self._next_edge(node, order, 0)

    def _next_edge(self, node: Node, rest: Iterator[tuple[Step, float]], rank: int) -> list[Entry]:
        """The next of a node's edges; nothing where there is no other."""
        following = next(rest, None)
        if following is None:
            return []
        step, log_prob = following
        cost = self.weights.rank * math.log1p(rank)
        return [(node.base + log_prob - cost, Edge(node, step, log_prob, rest, rank))]

    def _follow(self, edge: Edge) -> EditState | None:
        """The state after an edge; None where it is impossible or was seen."""
        try:
            after = reduce(apply, edge.step, edge.node.state)
        except CommandError:
            return None  # what a model writes may be anything
        key = normalized(after)
        if after is edge.node.state or key in self.seen:
            return None
        self.seen.add(key)
        return after

    def _take(self, edge: Edge, after: EditState, verdict: Verdict) -> None:
        """Account for a verified candidate: a solution, or a node that waits for expansion."""
        self.candidates += 1
        parent, step = edge.node, edge.step
        depth = parent.depth + 1
        self.turns = max(self.turns, depth)
        log_prob = parent.log_prob + edge.log_prob
        if self.best is None or verdict.progress > self.best.progress:
            self.best = verdict
        commands = (*parent.commands, *step)
        if verdict.passed:
            self._solve(after, commands, verdict, log_prob, edge.written)
        elif depth < self.budget.turns:
            base = parent.base + self._value(parent, edge, verdict)
            state, transcript = parent.state, parent.transcript
            for command in step[:-1]:
                state = apply(state, command)
                transcript = transcript.extend(command, Observation(state.window))
            transcript = transcript.extend(step[-1], observe(after, verdict.findings))
            node = Node(after, commands, transcript, verdict, log_prob, base, depth)
            self.frontier.push([(base - self.weights.ask, node)])
            if self.filling is not None and gain(parent.verdict, verdict, self.weights) is not None:
                self.filling.consider(node, edge.written)

    def _value(self, parent: Node, edge: Edge, verdict: Verdict) -> float:
        weights = self.weights
        in_place = all(command.verb in ("REPL", "REPW") for command in edge.step)
        value = step_value(parent.verdict, verdict, edge.log_prob, weights, in_place=in_place)
        if gain(parent.verdict, verdict, weights) is None:
            return value
        if edge.log_prob == 0:
            return weights.settled
        if len(edge.step) > 1 or parent.verdict.checks[-1].name in ("syntax", "static"):
            # All that the parser left makes progress, whatever settles a name does, and so do many
            # blocks beside a likely one of their commands: that alone says little.
            value += edge.log_prob
        siblings = self.crowds.get(parent.commands, 0)
        self.crowds[parent.commands] = siblings + 1
        value -= weights.crowd * math.log1p(siblings)
        value -= weights.removed * (edge.step[0].verb == "DELL")
        value -= weights.crash * any(RAISES.search(f.text) for f in verdict.findings)
        return value

    def _solve(
        self,
        after: EditState,
        commands: Step,
        verdict: Verdict,
        log_prob: float,
        written: bool = False,
    ) -> None:
        size = edit_size(self.state.document, after.document)
        found = Solution(
            after,
            commands,
            verdict,
            log_prob,
            size,
            self.candidates,
            self.seconds,
            written=written,
        )
        self.solutions.append(found)
        if verdict.hides:
            return  # it may only hide the failure: something better is still looked for
        self.lingering.heard |= written  # it has had its word
        if self.lingering.begun:
            return
        self.shrinking = len(commands) > 1 and log_prob < 0
        few = self.filling is not None and verdict.items <= FEW
        few &= self.root is not None and not is_settled(self.root, found)
        self.lingering.begin(self.candidates, self.seconds, few=few)

    def _shrink(self, solution: Solution) -> None:
        """Look for a command that the fix does not need; what it leaves is a smaller fix."""
        for dropped in range(len(solution.commands)):
            commands = without(solution.commands, dropped)
            if commands is None or self._stop() is not None:
                continue
            try:
                after = reduce(apply, commands, self.state)
            except CommandError:
                continue
            if normalized(after) in self.seen:
                continue
            self.seen.add(normalized(after))
            self.candidates += 1
            verdict = self.verify(after)
            if verdict.passed:
                self._solve(after, commands, verdict, solution.log_prob, solution.written)
                return
