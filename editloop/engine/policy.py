"""The policy that a GGUF drives: it ranks generated moves and adds free text of its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from heapq import heappop, heappush, merge, nlargest
from itertools import chain, count, takewhile
from pathlib import Path

from editloop.commands import EXIT, Command, occurs_once, render
from editloop.policy import Proposal
from editloop.prior import Prior, shipped
from editloop.state import MAX_VIEW_LINES
from editloop.transcript import TRANSCRIPT_VERSION, Observation, Transcript

from .chat import ChatDialect
from .errors import ContextTooSmall, OnlyIllegalText
from .host import default_threads
from .llama import Engine

RANKED = 48
"""Moves of one state that the model is asked about. Chosen: 64 repaired the same, slower."""
LIKELY = -3.0
"""Moves above come before the model writes commands of its own, which takes as long as verifying
dozens; where no move is likely, it has something else to say."""
FLOOR = -10.0
"""What a model finds less likely than this, it does not know: such commands count alike."""
SMALL = 64 << 20
"""Bytes of a model whose products are too short to be shared among threads."""
COMMAND_TOKENS = 96
"""Room for one command; a line of code rarely needs more."""


class ModelPolicy:
    """An instruct model beside a prior (None: the shipped one).

    ``free_samples``: commands sampled freely for each state beside the ranked moves (0 for none),
    four times as many for the first, which is the best known; ``temperature``: of that sampling.
    """

    name = "model"

    def __init__(
        self,
        engine: Engine,
        dialect: ChatDialect,
        *,
        prior: Prior | None = None,
        free_samples: int = 8,
        temperature: float = 0.8,
    ) -> None:
        self.engine, self.dialect, self.prior = engine, dialect, prior or shipped()
        self.free_samples, self.temperature = free_samples, temperature

    def prefix(self, transcript: Transcript) -> list[int]:
        """Token ids up to the next command.

        An episode that no longer fits goes on from its last observation alone. Raises
        ContextTooSmall when that does not fit either.
        """
        room = self.engine.n_ctx - COMMAND_TOKENS
        ids = self.dialect.prefix(transcript)
        if len(ids) > room and transcript.commands:
            ids = self.dialect.prefix(Transcript(transcript.observations[-1:]))
        if len(ids) > room:
            raise ContextTooSmall(
                f"the code to repair needs {len(ids)} tokens, the model has room for {room}: "
                "name a smaller function with --function, or a line with --line"
            )
        return ids

    def propose(
        self,
        transcript: Transcript,
        moves: Sequence[Command],
        *,
        seed: int,
        cancel: threading.Event | None = None,
        free: bool = True,
    ) -> Iterator[Proposal]:
        """Moves and sampled commands by the mean of what the model and the prior say of them.

        Both are log-probabilities: of a text over the whole vocabulary, of a move among the moves.
        The model reads the last observation alone: a state that a search came by is as good a
        beginning as any, its text is half as long to read, and it shares all lines above the edit
        with its parent's. It is asked about the RANKED moves that the prior finds best; LIKELY ones
        come before it writes commands of its own.
        """
        prefix = self.prefix(Transcript(transcript.observations[-1:]))
        last, first = transcript.observations[-1], not transcript.commands
        belief = self.prior.belief(last, moves)
        own = belief.moves
        rows = [
            (move, self.dialect.command(move)) for move in nlargest(RANKED, own, own.__getitem__)
        ]
        rows = [(move, row) for move, row in rows if len(row) <= COMMAND_TOKENS]
        ranked = self.engine.rank(
            prefix, [row for _, row in rows], cancel=cancel, constrained=False
        )
        with closing(ranked):
            told = takewhile(lambda said: said[1] > FLOOR, ranked)
            best = best_first(
                own, ((rows[at][0], score) for at, score in told), [m for m, _ in rows]
            )
            given: set[Command] = set()
            rest: Iterator[Proposal] = iter(())
            for found in best:
                if found.log_prob <= LIKELY:
                    rest = chain([found], best)
                    break
                given.add(found.command)
                yield found
            drawn = self._sample(prefix, last, seed, cancel, first=first) if free else []
            own |= belief.of([found.command for found in drawn if found.command not in own])
            added = best_first(
                {found.command: own[found.command] for found in drawn},
                ((found.command, found.log_prob) for found in drawn),
            )
            for found in merge(added, rest, key=lambda found: -found.log_prob):
                if found.command not in given:
                    given.add(found.command)
                    yield found

    def act(self, transcript: Transcript, *, cancel: threading.Event | None = None) -> str:
        """The greedy command; a text that is none where the model does not come to an end."""
        return self.wire(self.written(transcript, temperature=0.0, seed=0, cancel=cancel))

    def written(
        self,
        transcript: Transcript,
        *,
        temperature: float,
        seed: int,
        cancel: threading.Event | None = None,
    ) -> list[int]:
        """The ids of one command that is legal now and was not tried in this state."""
        [(ids, _)] = self.engine.sample(
            self.prefix(transcript),
            1,
            allowed=self.dialect.legal(transcript.observations[-1].window, transcript.tried()),
            temperature=temperature,
            seed=seed,
            max_tokens=COMMAND_TOKENS,
            cancel=cancel,
        )
        return ids

    def wire(self, ids: Sequence[int]) -> str:
        """The wire text of what was written."""
        command = self.dialect.decode(ids)
        return "a command without an end" if command is None else render(command)

    def _sample(
        self,
        prefix: list[int],
        observation: Observation,
        seed: int,
        cancel: threading.Event | None,
        *,
        first: bool,
    ) -> list[Proposal]:
        """Distinct legal commands that the model wrote, most probable first.

        A model that cannot write one even for the ``first`` observation raises OnlyIllegalText.
        """
        if not self.free_samples:
            return []
        drawn = self.engine.sample(
            prefix,
            self.free_samples * (4 if first else 1),
            allowed=self.dialect.legal(observation.window),
            temperature=self.temperature,
            seed=seed,
            max_tokens=COMMAND_TOKENS,
            cancel=cancel,
            constrained=False,
        )
        best: dict[Command, float] = {}
        written = [(self.dialect.decode(ids), score) for ids, score in drawn]
        if first and all(command is None for command, _ in written):
            raise OnlyIllegalText(
                f"{self.engine.info.path} writes no legal command: it was not made for this tool"
            )
        for command, score in written:
            if command and command != EXIT and _changes(command, observation.window):
                best[command] = max(score, best.get(command, score))
        ordered = sorted(best.items(), key=lambda item: -item[1])
        return [Proposal(command, score) for command, score in ordered]


def load_policy(
    path: Path,
    *,
    adapter: Path | None = None,
    threads: int | None = None,
    gpu_layers: int | None = None,
) -> ModelPolicy:
    """The policy of an instruct GGUF, with a LoRA where one is named. Raises EngineError.

    ``threads`` (None: those that the machine has to spare) share each product of a large model.
    """
    threads = threads or default_threads()
    small = path.stat().st_size <= SMALL
    engine = Engine.load(
        path,
        transcript_version=TRANSCRIPT_VERSION,
        adapter=adapter,
        n_threads=1 if small else threads,
        n_gpu_layers=gpu_layers,
    )
    return make_policy(engine)


def make_policy(engine: Engine) -> ModelPolicy:
    """The policy of a loaded engine. Raises EngineError."""
    return ModelPolicy(engine, ChatDialect(engine))


def best_first(
    own: Mapping[Command, float],
    told: Iterable[tuple[Command, float]],
    asked: Collection[Command] | None = None,
) -> Iterator[Proposal]:
    """All of ``own`` by the mean of the prior's log-probability and the model's, lazily.

    ``told``: what the model says of those that it was ``asked`` about (None: of all), most probable
    first; FLOOR stands for its word on the others. On held-out demonstrations that is better than
    either, or any other mixture. It is heard no longer than needed: of what it was not yet heard on
    it says at most what it said last (Fagin's threshold algorithm).
    """
    heap: list[tuple[float, int, Command]] = []
    order = count()

    def push(command: Command, said: float) -> None:
        heappush(heap, (-(max(said, FLOOR) + own[command]) / 2, next(order), command))

    def pop() -> Proposal:
        minus, _, command = heappop(heap)
        return Proposal(command, -minus)

    left = set(own if asked is None else asked)
    for command in own:
        if command not in left:
            push(command, FLOOR)
    most = sorted(left, key=own.__getitem__)
    for command, said in told:
        push(command, said)
        left.discard(command)
        while most and most[-1] not in left:
            most.pop()
        bound = (max(said, FLOOR) + own[most[-1]]) / 2 if most else -math.inf
        while heap and -heap[0][0] >= bound:
            yield pop()
    for command in own:
        if command in left:
            push(command, FLOOR)
    while heap:
        yield pop()


def _changes(command: Command, window: Sequence[str]) -> bool:
    """Whether applying the command is possible and changes something."""
    if command.verb == "ADDL":
        return len(window) < MAX_VIEW_LINES
    old = window[command.line - 1]
    if command.verb == "REPW":
        return occurs_once(old, command.source) and command.source != command.text
    return command.verb == "DELL" or command.text != old
