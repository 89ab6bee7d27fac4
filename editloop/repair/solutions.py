"""What a search finds, and what of it a person is offered first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from editloop.checks.verdict import Verdict
from editloop.document.commands import Step
from editloop.document.edits import edit_characters
from editloop.document.state import EditState


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands; ``best`` is the summary of the best verdict so far."""

    seconds: float
    candidates: int
    turn: int
    best: str
    solutions: int
    place: str = ""
    """Where the model is at work, such as ``line 42``."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A verified fix; ``candidates`` are those verified until it was found, ``seconds`` the time
    that its search had taken by then."""

    state: EditState
    commands: Step
    verdict: Verdict
    log_prob: float
    edit_size: int
    candidates: int
    seconds: float = field(default=0.0, compare=False)
    gain: float | None = None
    """How much likelier a model finds the text with the fix, in nats; None where none was asked."""
    written: bool = False
    """Whether a model wrote its last step."""


def is_settled(before: Verdict, found: Solution) -> bool:
    """Whether a fix needs no second opinion: nothing had to be guessed for it, or one command of a
    move makes a text parse, and tests then pass or no line is lost. Chosen: of 73 public programs
    that one line makes parse all were solved by moves (docs/results.md), and a small model likes a
    text better that lacks the broken function."""
    if found.verdict.hides or found.written:
        return False
    parsed = all(check.passed for check in before.checks[:1])
    verbs = [command.verb for command in found.commands]
    kept = found.verdict.items > 0 or verbs != ["DELL"]
    return found.log_prob == 0 or (not parsed and len(verbs) == 1 and kept)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Solutions, small and likely edits first: one nat of probability outweighs one token of size,
    and of equals the one that changes fewer characters is first. Before all others stand those that
    needed no policy (see ``obvious``): their probability is 1.

    ``reason`` says in words why the search ended.
    """

    solutions: tuple[Solution, ...]
    candidates: int
    turns: int
    seconds: float
    reason: str


def in_order(state: EditState, solutions: Iterable[Solution]) -> tuple[Solution, ...]:
    """Solutions as a person would take them: certain ones in their own order, then by size and
    improbability, then by characters changed. Those that may only hide a failure come last."""

    def appeal(found: Solution) -> tuple[bool, bool, float, int]:
        weak = bool(found.verdict.hides)
        if found.log_prob == 0:
            return weak, False, found.candidates, 0
        size = found.edit_size - found.log_prob
        return weak, True, size, edit_characters(state.document, found.state.document)

    return tuple(sorted(solutions, key=appeal))


def foremost(state: EditState, solutions: Iterable[Solution], number: int) -> tuple[Solution, ...]:
    """The first ``number`` in order, and as many of what a model wrote: where moves find many, its
    own, which are longer, would not be among them."""
    ordered = in_order(state, solutions)
    written = [found for found in ordered[number:] if found.written]
    return (*ordered[:number], *written[:number])
