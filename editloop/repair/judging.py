"""Which of several verified fixes a person would have written: the model's word on each.

A fix's gain is the log-probability of the lines with the edit less that of the lines as they were,
both read after what stands above (entropy-delta orders plausible patches: arXiv 2404.15236; sums of
entropies: arXiv 2210.14179).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from editloop.document.edits import common_ends
from editloop.document.state import EditState
from editloop.document.text import Line
from editloop.model.backend import Model, ModelError
from editloop.policy import Cancelled
from editloop.repair.solutions import Solution

_CONTEXT_CHARACTERS = 1200
_BEHIND = 3
"""Lines after the edit whose likelihood counts too: a wrong edit makes them unexpected."""


def judged(
    model: Model, state: EditState, solutions: Sequence[Solution], stop: threading.Event
) -> tuple[tuple[Solution, ...], str]:
    """Solutions, the best first, and behind it those that the model was asked about with their
    ``gain`` and the others by the least that they may cost; and why not all could be judged, in one
    line.

    One solution, or a model that cannot judge, leaves them as they are.
    """
    if len(solutions) < 2:
        return tuple(solutions), ""
    known: list[tuple[_Cost, Solution]] = []
    # The first has to be beaten. Then what the model wrote, as time may end: the others have their
    # order already.
    waiting = [
        solutions[0],
        *sorted(solutions[1:], key=lambda one: (not one.written, one.edit_size)),
    ]
    judge = _Judge(model, stop)
    try:
        while waiting and model.judges:
            found = _judged(
                judge, state, waiting[0], min((cost for cost, _ in known), default=None)
            )
            known.append(found)
            del waiting[0]
    except Cancelled:
        pass
    except ModelError as error:
        return tuple(solutions), str(error)
    # Those that nothing is known of stay at their places.
    best = (one for _, one in sorted(known, key=lambda pair: pair[0]))
    return tuple(one if one in waiting else next(best) for one in solutions), ""


_Cost = tuple[bool, float]
"""What may only hide the failure comes last, the others by size against likelihood: a token is
worth a nat."""


def _judged(
    judge: _Judge, state: EditState, solution: Solution, best: _Cost | None
) -> tuple[_Cost, Solution]:
    """A solution's cost; the least that it can be, where it cannot be better than ``best``, which
    saves the model a reading."""
    hides, size = bool(solution.verdict.hides), solution.edit_size
    if best is not None:
        hopeless = hides and not best[0]
        least = (hides, size + (0.0 if hopeless else judge.before(state, solution.state)))
        if least >= best:
            return least, solution
    gain = judge.gain(state, solution.state)
    return (hides, size - gain), replace(solution, gain=gain)


class _Judge:
    """Asks about each text once: fixes of one place are weighed against the same old lines."""

    def __init__(self, model: Model, stop: threading.Event) -> None:
        self._model, self._stop = model, stop
        self._known: dict[tuple[str, str], float] = {}

    def gain(self, before: EditState, after: EditState) -> float:
        """How much likelier the text is with the edit, in nats. Raises ModelError, Cancelled."""
        context, was, now = _readings(before, after)
        return self._score(context, now) - self._score(context, was)

    def before(self, before: EditState, after: EditState) -> float:
        """The log-probability of the lines without the edit, in nats: no gain is more than its
        negative. Raises ModelError, Cancelled."""
        context, was, _ = _readings(before, after)
        return self._score(context, was)

    def _score(self, context: str, text: str) -> float:
        if (context, text) not in self._known:
            [found] = self._model.score(context, [text], self._stop)
            self._known[context, text] = sum(found)
        return self._known[context, text]


def _readings(before: EditState, after: EditState) -> tuple[str, str, str]:
    """What stands above an edit, and the lines without and with it."""
    old, new = before.document.lines, after.document.lines
    head, tail = common_ends(old, new)
    behind = min(tail, _BEHIND)
    context = _text(old[:head])[-_CONTEXT_CHARACTERS:]
    was, now = (_text(lines[head : len(lines) - tail + behind]) for lines in (old, new))
    return context, was, now


def _text(lines: Sequence[Line]) -> str:
    return "".join(f"{line.text}\n" for line in lines)
