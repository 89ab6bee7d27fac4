"""The policy that a GGUF drives: it ranks generated moves and adds free text of its own."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from editloop.commands import EXIT, Command, occurs_once, render
from editloop.policy import Proposal
from editloop.state import MAX_VIEW_LINES
from editloop.transcript import TRANSCRIPT_VERSION, Observation, Transcript

from .chat import ChatDialect
from .compact import CompactDialect
from .constraint import Constraint
from .errors import ContextTooSmall, OnlyIllegalText
from .host import default_threads
from .llama import Engine

RANKED = 48
"""Moves that are ranked exactly for one state."""
LIKELY = -3.0
"""Moves above come before the model writes commands of its own, which takes as long as verifying
dozens; where no move is likely, it has something else to say."""
FLOOR = -10.0
"""What a model finds less likely than this, it does not know: such commands count alike."""
SMALL = 64 << 20
"""Bytes of a model whose products are too short to be shared among threads."""
COMMAND_TOKENS = 96
"""Room for one command; a line of code rarely needs more."""


class Dialect(Protocol):
    """How one kind of model reads transcripts and writes commands, as token ids."""

    def prefix(self, transcript: Transcript) -> list[int]: ...

    def command(self, command: Command) -> list[int]: ...

    def place(self, verb: str, line: int) -> list[int]: ...

    def legal(self, window: Sequence[str], tried: Collection[Command] = ()) -> Constraint: ...

    def decode(self, ids: Sequence[int]) -> Command | None: ...


class ModelPolicy:
    """A model in its dialect.

    ``free_samples``: commands sampled freely for each state beside the ranked moves (0 for none),
    four times as many for the first, which is the best known; ``temperature``: of that sampling.
    """

    name = "model"

    def __init__(
        self,
        engine: Engine,
        dialect: Dialect,
        *,
        free_samples: int = 8,
        temperature: float = 0.8,
    ) -> None:
        self.engine, self.dialect = engine, dialect
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
        """Moves and sampled commands by log-probability over the whole vocabulary.

        The model reads the last observation alone: a state that a search came by is as good a
        beginning as any, its text is half as long to read, and it shares all lines above the edit
        with its parent's.
        The best RANKED moves come in exact order, LIKELY ones before the model writes commands of
        its own. What is below costs more to rank than to verify, so it follows by what the model
        says of its line, with the score of the last ranked.
        """
        prefix = self.prefix(Transcript(transcript.observations[-1:]))
        last, first = transcript.observations[-1], not transcript.commands
        rows = [(move, self.dialect.command(move)) for move in moves]
        rows = [(move, row) for move, row in rows if len(row) <= COMMAND_TOKENS]
        ranked = self.engine.rank(
            prefix, [row for _, row in rows], cancel=cancel, constrained=False
        )
        best = (Proposal(rows[at][0], score) for at, score in itertools.islice(ranked, RANKED))
        given: set[Command] = set()
        score = 0.0

        def give(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
            nonlocal score
            for proposal in proposals:
                if proposal.command not in given:
                    given.add(proposal.command)
                    score = max(proposal.log_prob, FLOOR)
                    yield replace(proposal, log_prob=score)

        following = next(best, None)
        while following is not None and following.log_prob > LIKELY:
            yield from give([following])
            following = next(best, None)
        drawn = self._sample(prefix, last, seed, cancel, first=first) if free else []
        left = itertools.chain([following] if following else [], best)
        yield from give(heapq.merge(left, drawn, key=lambda proposal: -proposal.log_prob))
        ranked.close()
        for move in self._by_line(prefix, moves, cancel):
            if move not in given:
                yield Proposal(move, score)

    def _by_line(
        self,
        prefix: list[int],
        moves: Sequence[Command],
        cancel: threading.Event | None,
    ) -> list[Command]:
        """Moves by their line's probability, times one over their place in the generator's order.

        Of 235 held-out demonstrations 20 have their move beyond the RANKED: at place 70 (median),
        at 91 where the generator's order did not follow the corpus.
        """
        places = list(dict.fromkeys((move.verb, move.line) for move in moves))
        rows = [self.dialect.place(verb, line) for verb, line in places]
        likely: dict[int, float] = defaultdict(float)
        for at, score in self.engine.rank(prefix, rows, cancel=cancel, constrained=False):
            likely[places[at][1]] += math.exp(score)
        order = sorted(enumerate(moves, 1), key=lambda item: -likely[item[1].line] / item[0])
        return [move for _, move in order]

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
        return [Proposal(command, score, "free") for command, score in ordered]


def load_policy(
    path: Path, *, threads: int | None = None, gpu_layers: int | None = None
) -> ModelPolicy:
    """The policy of a GGUF, in the dialect that its metadata names. Raises EngineError.

    ``threads`` (None: those that the machine has to spare) share each product of a large model.
    """
    threads = threads or default_threads()
    small = path.is_file() and path.stat().st_size <= SMALL
    engine = Engine.load(
        path,
        transcript_version=TRANSCRIPT_VERSION,
        n_threads=1 if small else threads,
        n_gpu_layers=gpu_layers,
    )
    return make_policy(engine)


def make_policy(engine: Engine) -> ModelPolicy:
    """The policy of a loaded engine. Raises EngineError."""
    trained = engine.info.rendering == "compact"
    dialect = CompactDialect(engine) if trained else ChatDialect(engine)
    return ModelPolicy(engine, dialect)


def _changes(command: Command, window: Sequence[str]) -> bool:
    """Whether applying the command is possible and changes something."""
    if command.verb == "ADDL":
        return len(window) < MAX_VIEW_LINES
    old = window[command.line - 1]
    if command.verb == "REPW":
        return occurs_once(old, command.source) and command.source != command.text
    return command.verb == "DELL" or command.text != old
