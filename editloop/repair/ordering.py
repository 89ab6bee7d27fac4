"""How the search orders states and tells them apart: what a step is worth, when two are one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from editloop.checks.verdict import Verdict
from editloop.document.state import EditState
from editloop.moves.context import is_syntax_finding
from editloop.python.lexer import shape
from editloop.python.syntax import is_unreadable


@dataclass(frozen=True, slots=True)
class Weights:
    """Terms of a state's priority in nats, added to log-probabilities.

    ``ask``, ``rank``, ``crowd``, ``share`` and ``moved`` were set by `editloop bench` on 130
    programs of DebugBench outside of the benchmark's sample: 84 to 89 were solved over all values
    tried, so none is sharp. The others were chosen, for the reasons that they state.
    """

    rank: float = 0.5
    """Cost of an edge's rank r among its siblings: ``rank * log(1 + r)``."""
    further: float = 2.0
    """Gained for each check but the first that newly passes; where one does, the step's own
    log-probability is forgiven."""
    partial: float = -1.0
    """Gained where a larger share of a check passes: often a coincidence, so it costs."""
    share: float = 1.5
    """Gained for the share of a check's items that newly pass, 0 to 1."""
    moved: float = -0.25
    """Gained where only the syntax error moved further down, or was hidden before."""
    crowd: float = 0.5
    """Cost of the n-th child with progress of one parent: ``crowd * log(1 + n)``."""
    removed: float = 1.0
    """Cost of progress by deleting a line: what fails is gone, and what it was for."""
    crash: float = 1.5
    """Cost of progress to a state in which something still raises an exception."""
    unscreened: float = 6.0
    """Cost of what the parser does not find helpful, where it finds something that is."""
    resort: float = 14.0
    """Cost of what is enumerated: below all moves of a state, above what they lead to without
    progress."""
    ask: float = 4.0
    """Cost of going on from a state: to list and order its moves takes as long as tens of
    verifications."""
    settled: float = 1.0
    """Gained by progress of a step that no policy was asked about: the next such step is next."""
    certain: float = 2.0
    """Cost of a step that no policy was asked about, after which the checks say something else."""
    again: float = 3.0
    """Cost of a step after which other lines raise what some raised before: the same mistake."""
    onward: float = 8.0
    """Cost of a step after which the lines that raised something no longer do."""
    stall: float = 20.0
    """Cost of any other step without progress."""
    same: float = 22.0
    """Cost of a step after which the checks say exactly what they said before."""
    worse: float = 24.0
    """Cost of a step after which the verdict is worse."""


def step_value(
    before: Verdict, after: Verdict, log_prob: float, weights: Weights, *, in_place: bool = True
) -> float:
    """What a step adds to the priority of what follows it; ``in_place``: no line moved by it."""
    if (gained := gain(before, after, weights)) is not None:
        return gained
    if after.progress < before.progress:
        return log_prob - weights.worse
    if log_prob < 0 and in_place and (further := _moved_on(before, after, weights)) is not None:
        return log_prob - further
    if [f.text for f in before.findings] == [f.text for f in after.findings]:
        return log_prob - weights.same
    return -weights.certain if log_prob == 0 else log_prob - weights.stall


def _moved_on(before: Verdict, after: Verdict, weights: Weights) -> float | None:
    """The cost where no line raises any more that did, None where one does or none did."""
    old, new = _raised(before), _raised(after)
    if not old or old.keys() & new.keys():
        return None
    return weights.again if set(old.values()) & set(new.values()) else weights.onward


def _raised(verdict: Verdict) -> dict[int, str]:
    """What the tests say was raised, by line."""
    found = ((f.line, RAISES.search(f.text)) for f in verdict.findings)
    return {line: what[1] for line, what in found if what and line is not None}


def gain(before: Verdict, after: Verdict, weights: Weights) -> float | None:
    """The worth in nats of going from one verdict to another; None where that is no progress."""
    (rank, share), (new_rank, new_share) = before.progress, after.progress
    if new_rank > rank:
        return weights.further * (new_rank - rank - 1) + weights.share * new_share
    if new_rank == rank and new_share > share:
        return weights.partial + weights.share * (new_share - share)
    old, new = _syntax_place(before), _syntax_place(after)
    moved = new_rank == rank and old is not None and new is not None and new > old
    return weights.moved if moved else None


RAISES = re.compile(r"-> (\w+(?:Error|Exception)\b.*?)(?:, expected |$)")


def _syntax_place(verdict: Verdict) -> tuple[bool, int] | None:
    """Whether the text can be read as tokens, and the line of its first error."""
    found = (f for f in verdict.findings if is_syntax_finding(f) and f.line is not None)
    return next(((not is_unreadable(f), f.line or 0) for f in found), None)


def normalized(state: EditState) -> object:
    """A key that is equal for states that differ in blank lines and comments only.

    What is outside of the view cannot change, so the window stands for the whole.
    """
    window = state.window
    if any('"""' in text or "'''" in text for text in window):
        return tuple(text.rstrip() for text in window)
    return tuple(bare for bare in map(_bare, window) if bare)


def _bare(text: str) -> str:
    text = text.rstrip()
    if "#" not in text:
        return text
    tokens = shape(text).tokens
    if tokens and tokens[-1].kind == "comment":
        return text[: tokens[-1].start].rstrip()
    return text
