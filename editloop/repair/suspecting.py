"""Where every check passes: which lines a model would have written otherwise.

It finds out by likelihood alone: lines that surprise it are left out, it fills them in, and what
it wrote is weighed against what stands there, each between what is before and behind it
(entropy-delta: arXiv 2404.15236). Nothing proves such a suggestion.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from editloop.edits import edit_size
from editloop.model.backend import Gap, Model, ModelError, ModelLost, Sampling
from editloop.model.infill import Place, begun, gap, stops, written
from editloop.policy import Cancelled
from editloop.repair.questions import MOST_TOKENS
from editloop.repair.replies import step_of
from editloop.solutions import Solution
from editloop.state import EditState, apply
from editloop.verdict import Verdict

LOOKED_AT = 6
"""Lines of a window that are filled in, those that surprise the model most. Chosen."""
LEAST_GAIN = 4.0
"""Nats by which what the model wrote is likelier than what stands there, at least."""
_CONTEXT_CHARACTERS = 400
_UNASKED = re.compile(r"\s*(?:#|@|import\b|from\b|(?:async )?def\b|class\b|[\"']|[\])}]*$)")
"""Lines that say what there is to be done, which no model knows."""


def suspicions(
    model: Model,
    state: EditState,
    verify: Callable[[EditState], Verdict],
    stop: threading.Event,
) -> tuple[tuple[Solution, ...], str]:
    """Edits of one line that keep every check passing and that the model finds likelier by
    LEAST_GAIN, the likeliest first; and why the model was lost meanwhile, in one line."""
    found: list[Solution] = []
    problem = ""
    try:
        if model.fills and model.judges:
            found += _suspicions(model, state, verify, stop)
    except Cancelled:
        pass
    except ModelLost as error:
        problem = str(error)
    except ModelError:
        pass  # such as a server that does not tell how likely a gap's text is
    return tuple(sorted(found, key=lambda one: -(one.gain or 0.0))), problem


def _suspicions(
    model: Model, state: EditState, verify: Callable[[EditState], Verdict], stop: threading.Event
) -> Iterator[Solution]:
    lines = [line.text for line in state.document.lines]
    for line in _surprising(model, lines, state.view, stop):
        place = Place(line, line + 1)
        question = gap(lines, place)
        sampling = Sampling(max_tokens=MOST_TOKENS, stop=stops(lines, place), statement=True)
        [[reply]] = model.complete([question], sampling, stop)
        [*_, text] = written(begun(question), reply.text)
        step = step_of(state, place, text)
        if len(text) != 1 or step is None:
            continue
        gain = _gain(model, question, lines[line], text[0], stop)
        after = state
        for command in step:
            after = apply(after, command)
        if gain < LEAST_GAIN or not (verdict := verify(after)).passed:
            continue
        size = edit_size(state.document, after.document)
        yield replace(Solution(after, step, verdict, reply.log_prob, size, 1), gain=gain)


def _surprising(
    model: Model, lines: Sequence[str], view: Sequence[int], stop: threading.Event
) -> list[int]:
    """The lines (0-based) that surprise the model most, in the order of the text."""
    if not view:
        return []
    first, last = view[0], view[-1]
    context = "".join(f"{line}\n" for line in lines[:first])[-_CONTEXT_CHARACTERS:]
    shown = "".join(f"{line}\n" for line in lines[first : last + 1])
    [scores] = model.score(context, [shown], stop)
    asked = [line for line in view if lines[line].strip() and not _UNASKED.match(lines[line])]
    return sorted(sorted(asked, key=lambda line: scores[line - first])[:LOOKED_AT])


def _gain(model: Model, question: Gap, old: str, new: str, stop: threading.Event) -> float:
    """How much likelier a line is in a gap than the one that was there, in nats."""
    given = len(begun(question))
    was, now = model.score(question, [f"{line[given:]}\n" for line in (old, new)], stop)
    return sum(now) - sum(was)
