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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from editloop.checks.smells import smells
from editloop.checks.suitetrace import SuiteTrace
from editloop.document.commands import Step
from editloop.model.backend import Model, ModelError, ModelLost, Sampling
from editloop.model.infill import Place
from editloop.model.turns import NAMING_TOKENS, ask_place, read_place
from editloop.policy import Cancelled
from editloop.repair.frontier import Node
from editloop.repair.questions import TEMPERATURE, Question, questions, told
from editloop.repair.replies import Told, step_of, with_import
from editloop.repair.solutions import Solution

log = logging.getLogger(__name__)

Trace = Callable[[str], Sequence[SuiteTrace]]
"""Each test's way through a source; nothing where nobody can tell."""

TOGETHER = 4
"""Places that are asked about at once, at most: their replies are decoded as one batch. Chosen."""
PATIENCE = 8.0
"""Seconds after which replies are to come: a good one is not waited for too long. Chosen."""
REMEMBERED = 16
"""Replies, the last ones, that are tried in a new state; chosen: each may cost a run of tests."""
TURN = 0.05
"""Priority that a state loses by each question about it, and by each step that led to it: states
that came as far as one another take turns. Less than what a further check is worth, 1."""
AHEAD = 3
"""Questions by which a state is ahead of where it came from when a model's step has all tests pass;
proportionally where it has some. Chosen: what passes more of them may be a wrong way."""
NAMINGS = 8
"""Answers to the question for a place: they share all that is read, and have four tokens each."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A step that is proposed for a node of the search; ``log_prob`` of its text, in nats;
    ``written``: by the model."""

    node: Node
    step: Step
    log_prob: float
    written: bool = True


@dataclass(frozen=True, slots=True, order=True)
class _Job:
    """A state that the model is asked about; the least ``priority`` first, of equals the first."""

    priority: float
    number: int
    node: Node = field(compare=False)
    questions: Iterator[Question] = field(compare=False)


class Filling:
    """Proposals of ``model``. ``trace`` tells how the tests went through a state's source.

    Ends with ``stop``. A model that is lost ends it; ``problem`` then says why, in one line.
    """

    def __init__(
        self, model: Model, stop: threading.Event, trace: Trace = lambda source: ()
    ) -> None:
        self._model, self._trace, self._stop = model, trace, stop
        self._smells: dict[str, str] | None = None
        self._arrived: queue.SimpleQueue[Filled | None] = queue.SimpleQueue()
        self._wanted = threading.Condition()
        self._jobs: list[_Job] = []
        self._order = itertools.count()
        self._asking = False
        self._ended = False
        self._pace: float | None = None
        """Seconds that a place took of late."""
        self.problem = ""
        self.place = ""
        """What it is asking about, in words for a person."""
        self.asked = 0
        self._begins: list[int] = []
        self._told: list[Told] = []
        self._best: Node | None = None
        """Of the states that it was told of the one that came furthest."""
        self._root: Node | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether more may come of the states that it was told of."""
        with self._wanted:
            return not self._ended and (self._asking or bool(self._jobs))

    def consider(self, node: Node, written: bool = False) -> None:
        """Ask about a state; of several the one that came furthest is asked about first. To pass
        more tests counts where a model wrote what does: by moves it is often a coincidence."""
        with self._wanted:
            self._root = self._root or node
            if self._best is None or node.verdict.progress > self._best.verdict.progress:
                self._best = node
            for told in self._told[-REMEMBERED:]:
                self._propose(node, told)
            rank, share = node.verdict.progress
            first, known = self._root.verdict.progress
            gained = (share - known if rank == first else share) if written else 0.0
            priority = TURN * (node.depth - AHEAD * gained) - rank
            job = _Job(priority, next(self._order), node, self._questions(node))
            heapq.heappush(self._jobs, job)
            self._wanted.notify()

    def pass_on(self, solutions: Iterable[Solution]) -> None:
        """Fixes that were found elsewhere, as proposals for the first state that it was told of."""
        for found in solutions:
            if self._root is not None:
                self._arrived.put(Filled(self._root, found.commands, found.log_prob, written=False))

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
                question = self._answered(job.node, job.questions)
                with self._wanted:
                    self._asking = False
                    if question is not None:
                        again = replace(job, priority=job.priority + TURN)
                        heapq.heappush(self._jobs, again)
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

    def _next(self) -> _Job | None:
        with self._wanted:
            while not self._jobs:
                if self._ended or self._stop.is_set():
                    return None
                self._wanted.wait(0.05)
            if self._ended or self._stop.is_set():
                return None
            self._asking = True
            return heapq.heappop(self._jobs)

    def _answered(self, node: Node, questions: Iterator[Question]) -> Question | None:
        """The next question, once it was answered; None where no other is to be put."""
        try:
            question = next(questions, None)
            if question is not None:
                self._ask(node, question)
                self.problem = ""
        except ModelLost:
            raise
        except ModelError as error:
            # Such as a prompt that is too long: the questions about other states may do.
            log.info("a question was not answered: %s", error)
            self.problem = "" if self.asked else str(error)
            return None
        return question

    def _ask(self, node: Node, question: Question) -> None:
        """Ask one question and hand its replies on, each as soon as all of them are there."""
        self.place = f"line {question.places[0].first + 1}"
        began = time.monotonic()
        found = self._model.complete(question.prompts, question.sampling, _Either(self._stop, self))
        if question.sampling.n == 1:
            self._pace = (time.monotonic() - began) / len(question.prompts)
        log.debug("%s: %s", question.places, [[r.text for r in replies] for replies in found])
        lines = [line.text for line in node.state.document.lines]
        for place, prompt, replies in zip(question.places, question.prompts, found, strict=True):
            for reply in {reply.text: reply for reply in replies}.values():
                told = Told.of(lines, place, prompt, reply.text, reply.log_prob)
                self._propose(node, told)
                with self._wanted:
                    self._told.append(told)
                    best = self._best
                if best is not None and best is not node:
                    self._propose(best, told)
        if question.sampling.n == 1:
            self.asked += len(question.places)

    def _propose(self, node: Node, told: Told) -> None:
        """What a reply means in a state; one place is mended after the other without asking
        again."""
        for step in told.steps(node.state):
            self._arrived.put(Filled(node, with_import(node.state, step), told.log_prob))

    def _named(self, node: Node) -> list[Place]:
        """Places that a model trained for it names, the likeliest first; a deletion is proposed at
        once."""
        if not self._model.points:
            return []
        view = node.state.view
        lines = [line.text for line in node.state.document.lines]
        asked = ask_place(lines, view, told(node))
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

    def _questions(self, node: Node) -> Iterator[Question]:
        named = self._named(node)
        traces = self._trace(node.state.text)
        if self._smells is None:
            self._smells = smells(node.state.text)
        together, begins = self._together, self._begins
        yield from questions(self._model, node, traces, named, together, begins, self._smells)

    def _together(self) -> int:
        """Places to ask about at once: one at first, then as many as take PATIENCE seconds."""
        return 1 if self._pace is None else max(1, min(TOGETHER, round(PATIENCE / self._pace)))


class _Either(threading.Event):
    """Set when the search is to stop, or wants no more proposals."""

    def __init__(self, stop: threading.Event, filling: Filling) -> None:
        super().__init__()
        self._other, self._filling = stop, filling

    def is_set(self) -> bool:
        return self._other.is_set() or self._filling._ended
