"""Which of several verified fixes a person would have written: the model's word on each.

A fix's gain is the log-probability of the lines with the edit less that of the lines as they were,
both read after what stands above (entropy-delta orders plausible patches: arXiv 2404.15236; sums of
entropies: arXiv 2210.14179).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from editloop.edits import common_ends
from editloop.model.backend import Model, ModelError
from editloop.policy import Cancelled
from editloop.solutions import Solution
from editloop.state import EditState
from editloop.text import Line

_CONTEXT_CHARACTERS = 1200
_BEHIND = 3
"""Lines after the edit whose likelihood counts too: a wrong edit makes them unexpected."""


def judged(
    model: Model, state: EditState, solutions: Sequence[Solution], stop: threading.Event
) -> tuple[tuple[Solution, ...], str]:
    """Solutions with their ``gain``, the best first; and why not all could be judged, in one line.

    One solution, or a model that cannot judge, leaves them as they are.
    """
    if len(solutions) < 2:
        return tuple(solutions), ""
    known = []
    # What it wrote is first, as time may end: the others have their order already.
    waiting = deque(sorted(solutions, key=lambda solution: not solution.written))
    judge = _Judge(model, stop)
    try:
        while waiting and model.judges:
            known.append(replace(waiting[0], gain=judge.gain(state, waiting[0].state)))
            waiting.popleft()
    except Cancelled:
        pass
    except ModelError as error:
        return tuple(solutions), str(error)
    # Those that nothing is known of stay at their places.
    best = iter(sorted(known, key=_cost))
    return tuple(one if one in waiting else next(best) for one in solutions), ""


def _cost(solution: Solution) -> tuple[bool, bool, float]:
    """What may only hide the failure comes last, what is certain first, the others by size against
    likelihood: a token is worth a nat."""
    assert solution.gain is not None
    weighed = solution.edit_size - solution.gain
    return bool(solution.verdict.hides), solution.log_prob != 0, weighed


class _Judge:
    """Asks about each text once: fixes of one place are weighed against the same old lines."""

    def __init__(self, model: Model, stop: threading.Event) -> None:
        self._model, self._stop = model, stop
        self._known: dict[tuple[str, str], float] = {}

    def gain(self, before: EditState, after: EditState) -> float:
        """How much likelier the text is with the edit, in nats. Raises ModelError, Cancelled."""
        old, new = before.document.lines, after.document.lines
        head, tail = common_ends(old, new)
        behind = min(tail, _BEHIND)
        context = _text(old[:head])[-_CONTEXT_CHARACTERS:]
        was, now = (_text(lines[head : len(lines) - tail + behind]) for lines in (old, new))
        return self._score(context, now) - self._score(context, was)

    def _score(self, context: str, text: str) -> float:
        if (context, text) not in self._known:
            [found] = self._model.score(context, [text], self._stop)
            self._known[context, text] = sum(found)
        return self._known[context, text]


def _text(lines: Sequence[Line]) -> str:
    return "".join(f"{line.text}\n" for line in lines)
