"""Which of several verified fixes a person would have written: the model's word on each.

A fix's gain is the log-probability of the lines with the edit less that of the lines as they were, both read after what
stands above (entropy-delta orders plausible patches: arXiv 2404.15236; sums of entropies: arXiv 2210.14179).
"""

from __future__ import annotations

import threading
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
    if len(solutions) < 2 or not model.judges:
        return tuple(solutions), ""
    known = []
    try:
        for solution in solutions:
            known.append(replace(solution, gain=gain(model, state, solution.state, stop)))
    except Cancelled:
        pass
    except ModelError as error:
        return tuple(solutions), str(error)
    rest = solutions[len(known) :]
    return (*sorted(known, key=_cost), *rest), ""


def _cost(solution: Solution) -> tuple[bool, float]:
    """What is certain comes first, then by size against likelihood: a token is worth a nat."""
    assert solution.gain is not None
    return solution.log_prob != 0, solution.edit_size - solution.gain


def gain(model: Model, before: EditState, after: EditState, stop: threading.Event) -> float:
    """How much likelier the text is with the edit, in nats. Raises ModelError, Cancelled."""
    old, new = before.document.lines, after.document.lines
    head, tail = common_ends(old, new)
    behind = min(tail, _BEHIND)
    context = _text(old[:head])[-_CONTEXT_CHARACTERS:]
    texts = [_text(lines[head : len(lines) - tail + behind]) for lines in (old, new)]
    was, now = model.score(context, texts, stop)
    return sum(now) - sum(was)


def _text(lines: Sequence[Line]) -> str:
    return "".join(f"{line.text}\n" for line in lines)
