"""A model that proposes beside a search: it fills in places of the search's states.

It works in a thread of its own, since an answer takes seconds. The search tells it of states that
are worth asking about (`consider`), takes what it proposes (`arrived`), and judges that as any
other step.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from editloop.checks.suitetrace import SuiteTrace
from editloop.commands import Command, Step
from editloop.frontier import Node
from editloop.model.backend import Gap, Model, ModelError, Sampling
from editloop.model.infill import Place, begun, gap, stops, written
from editloop.model.turns import NAMING_TOKENS, TOLD, ask_place, ask_text, read_place
from editloop.moves import moves_in
from editloop.moves.context import build
from editloop.policy import Cancelled
from editloop.prior import shipped
from editloop.repair.places import line_scores, places
from editloop.state import EditState
from editloop.transcript import Finding

log = logging.getLogger(__name__)

Trace = Callable[[str], Sequence[SuiteTrace]]
"""Each test's way through a source; nothing where nobody can tell."""

TOGETHER = 4
"""Places that are asked about at once, at most: their replies are decoded as one batch. Chosen."""
PATIENCE = 8.0
"""Seconds after which replies are to come: a good one is not waited for too long. Chosen."""
PLACES = 24
"""Places of one state that are asked about, at most: among 20 the right one is in 25 of 28 cases
(`benchmarks/pointing.py`)."""
SAMPLES, TEMPERATURE = 3, 0.8
"""Replies to a place where the greedy one failed, and how they are drawn. Chosen."""
MOST_TOKENS = 56
"""Tokens of a reply; a line of code has 12 in the median. Chosen."""
NAMINGS = 8
"""Answers to the question for a place: they share all that is read, and have four tokens each."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A step that a model proposes for a node of the search; ``log_prob`` of its text, in nats."""

    node: Node
    step: Step
    log_prob: float


@dataclass(frozen=True, slots=True)
class _Question:
    places: tuple[Place, ...]
    sampling: Sampling
    failed: tuple[str, ...]
    """What went wrong, as it is told before a gap."""


class Filling:
    """Proposals of ``model``. ``trace`` tells how the tests went through a state's source.

    Ends with ``stop``. A model that is lost ends it; ``problem`` then says why, in one line.
    """

    def __init__(
        self, model: Model, stop: threading.Event, trace: Trace = lambda source: ()
    ) -> None:
        self._model, self._trace, self._stop = model, trace, stop
        self._arrived: queue.SimpleQueue[Filled | None] = queue.SimpleQueue()
        self._wanted = threading.Condition()
        self._jobs: list[tuple[float, int, Node, Iterator[_Question]]] = []
        self._order = itertools.count()
        self._asking = False
        self._ended = False
        self._pace: float | None = None
        """Seconds that a place took of late."""
        self.problem = ""
        self.place = ""
        """What it is asking about, in words for a person."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether more may come of the states that it was told of."""
        with self._wanted:
            return not self._ended and (self._asking or bool(self._jobs))

    def consider(self, node: Node) -> None:
        """Ask about a state; of several the one that came furthest is asked about first."""
        with self._wanted:
            rank, share = node.verdict.progress
            job = (
                -(rank + share) + 0.05 * node.depth,
                next(self._order),
                node,
                self._questions(node),
            )
            heapq.heappush(self._jobs, job)
            self._wanted.notify()

    def arrived(self, seconds: float) -> list[Filled]:
        """What was proposed since the last call; waits for the first for at most ``seconds``."""
        found: list[Filled] = []
        with contextlib.suppress(queue.Empty):
            got = self._arrived.get(timeout=seconds) if seconds else self._arrived.get_nowait()
            while True:
                if got is not None:
                    found.append(got)
                got = self._arrived.get_nowait()
        return found

    def close(self) -> None:
        """Ask nothing more."""
        with self._wanted:
            self._ended = True
            self._wanted.notify()

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                _, _, node, questions = job
                question = next(questions, None)
                if question is not None:
                    self._ask(node, question)
                with self._wanted:
                    self._asking = False
                    if question is not None:
                        heapq.heappush(self._jobs, job)
                self._arrived.put(None)
        except Cancelled:
            pass
        except ModelError as error:
            if not self._ended:  # else the search was over, and closed the model
                self.problem = str(error)
                log.warning("the model proposes nothing more: %s", error)
        except Exception as error:
            # The search goes on without proposals, whatever went wrong beside it.
            log.exception("asking the model failed")
            self.problem = " ".join(f"{type(error).__name__}: {error}".split())
        finally:
            self.close()
            self._arrived.put(None)

    def _next(self) -> tuple[float, int, Node, Iterator[_Question]] | None:
        with self._wanted:
            while not self._jobs:
                if self._ended or self._stop.is_set():
                    return None
                self._wanted.wait(0.05)
            if self._ended or self._stop.is_set():
                return None
            self._asking = True
            return heapq.heappop(self._jobs)

    def _ask(self, node: Node, question: _Question) -> None:
        """Ask one question and hand its replies on, each as soon as all of them are there."""
        lines = [line.text for line in node.state.document.lines]
        self.place = f"line {question.places[0].first + 1}"
        prompts = [self._gap(node, lines, place, question.failed) for place in question.places]
        began = time.monotonic()
        found = self._model.complete(prompts, question.sampling, _Either(self._stop, self))
        if question.sampling.n == 1:
            self._pace = (time.monotonic() - began) / len(prompts)
        log.debug("%s: %s", question.places, [[r.text for r in replies] for replies in found])
        seen = set()
        for place, prompt, replies in zip(question.places, prompts, found, strict=True):
            for reply in replies:
                for text in written(begun(prompt), reply.text):
                    step = step_of(node.state, place, text)
                    if step and step not in seen:
                        seen.add(step)
                        self._arrived.put(Filled(node, step, reply.log_prob))

    def _gap(self, node: Node, lines: Sequence[str], place: Place, failed: tuple[str, ...]) -> Gap:
        if self._model.points:
            return ask_text(lines, place, _told(node))
        return gap(lines, place, failed if self._model.heeds else None)

    def _named(self, node: Node, lines: Sequence[str]) -> list[Place]:
        """Places that a model trained for it names, the likeliest first; a deletion is proposed at
        once."""
        if not self._model.points:
            return []
        view = node.state.view
        asked = ask_place(lines, view, _told(node))
        sampling = Sampling(NAMINGS, TEMPERATURE, NAMING_TOKENS, stop=("\n",))
        [replies] = self._model.complete([asked], sampling, _Either(self._stop, self))
        found: dict[Place, None] = {}
        for reply in sorted(replies, key=lambda reply: -reply.log_prob):
            named = read_place(reply.text, view)
            if named is None:
                continue
            if named.verb != "delete":
                found[named.place] = None
            elif step := step_of(node.state, named.place, ()):
                self._arrived.put(Filled(node, step, reply.log_prob))
        return list(found)

    def _questions(self, node: Node) -> Iterator[_Question]:
        """Places in turn, first greedily, then by samples."""
        document = node.state.document
        lines = [line.text for line in document.lines]
        named = self._named(node, lines)
        traces = self._trace(node.state.text)
        found = [f.line for f in node.verdict.findings if f.line is not None]
        scores = line_scores(lines, traces, found, likely_lines(node))
        failed = failures(node.verdict.findings, traces)
        heads = not (self._model.points or self._model.heeds)
        others = places(lines, scores, node.state.view, heads=heads)
        ordered = list(dict.fromkeys([*named, *others]))[:PLACES]
        asked: deque[tuple[Place, ...]] = deque()
        rest = deque(ordered)
        # Two groups greedily, then one by samples, and so on: a second answer to a good place is
        # worth about as much as a first answer to the next but one.
        for turn in itertools.count():
            if rest and (turn % 3 < 2 or not asked):
                group = [rest.popleft() for _ in range(min(self._together(), len(rest)))]
                # In the order of the text each shares more of what was read for the one before.
                asked.append(tuple(sorted(group, key=lambda place: place.first)))
                yield self._question(lines, asked[-1], 1, turn, failed)
            elif asked:
                yield self._question(lines, asked.popleft(), SAMPLES, turn, failed)
            else:
                return

    def _together(self) -> int:
        """Places to ask about at once: one at first, then as many as take PATIENCE seconds."""
        return 1 if self._pace is None else max(1, min(TOGETHER, round(PATIENCE / self._pace)))

    def _question(
        self,
        lines: Sequence[str],
        group: tuple[Place, ...],
        n: int,
        turn: int,
        failed: tuple[str, ...],
    ) -> _Question:
        ends = {text for place in group for text in stops(lines, place)}
        return _Question(
            group,
            Sampling(
                n=n,
                temperature=0.0 if n == 1 else TEMPERATURE,
                max_tokens=MOST_TOKENS,
                stop=tuple(sorted(ends)),
                seed=turn,
                statement=not self._model.points,
            ),
            failed,
        )


class _Either(threading.Event):
    """Set when the search is to stop, or wants no more proposals."""

    def __init__(self, stop: threading.Event, filling: Filling) -> None:
        super().__init__()
        self._other, self._filling = stop, filling

    def is_set(self) -> bool:
        return self._other.is_set() or self._filling._ended


def step_of(state: EditState, place: Place, text: Sequence[str]) -> Step | None:
    """The commands that put ``text`` (lines) in a place; None where they would change nothing or
    the place is not in the window."""
    old = [line.text for line in state.document.lines[place.first : place.stop]]
    numbers = [state.number_of(i) for i in range(place.first, place.stop)]
    if place.inserts:
        first = state.number_of(place.first)
        if first is None and place.first - 1 in state.view:
            first = len([i for i in state.view if i < place.first]) + 1
    else:
        first = numbers[0] if numbers else None
    if first is None or None in numbers:
        return None
    commands: list[Command] = []
    kept = min(len(old), len(text))
    for at in range(kept):
        if text[at] != old[at]:
            commands.append(Command("REPL", first + at, text[at]))
    commands += [Command("DELL", first + kept) for _ in old[kept:]]
    commands += [Command("ADDL", first + at, text[at]) for at in range(kept, len(text))]
    return tuple(commands) or None


def failures(findings: Sequence[Finding], traces: Sequence[SuiteTrace]) -> tuple[str, ...]:
    """What went wrong, for a comment: what tests raised, the first line of it without the test's
    name, in the module's own lines first; what the checks found where no test was traced."""
    failed = sorted((t for t in traces if not t.passed), key=lambda trace: not trace.frames)
    raised = [trace.error.partition("\n")[0] for trace in failed]
    told = raised or [finding.text for finding in findings]
    return tuple(dict.fromkeys(told))[:TOLD]


def _told(node: Node) -> list[str]:
    """What the checks say, as a model that was trained here knows it from training."""
    return [finding.text for finding in node.verdict.findings[:TOLD]]


def likely_lines(node: Node) -> list[int]:
    """Lines (0-based) of the document in the order of the best move that the prior has on each."""
    observation = node.transcript.observations[-1]
    moves = moves_in(build(node.state, node.verdict.findings))
    if not moves:
        return []
    belief = shipped().belief(observation, moves)
    view = node.state.view
    best: dict[int, float] = {}
    for move in moves:
        line = view[min(move.line, len(view)) - 1]
        best[line] = max(belief[move], best.get(line, -1e9))
    return sorted(best, key=lambda line: -best[line])
