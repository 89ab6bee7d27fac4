"""What a model is asked about a state, one question after the other: which places, and in which
words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from editloop.checks.suitetrace import SuiteTrace
from editloop.document.state import EditState
from editloop.document.transcript import Finding
from editloop.model.backend import Gap, Model, Prompt, Sampling
from editloop.model.infill import Place, begin_of, begun, gap, stops
from editloop.model.turns import TOLD, ask_text
from editloop.model.whole import ask_part, unindented
from editloop.moves import moves_in
from editloop.moves.context import build
from editloop.prior import shipped
from editloop.python.definitions import definitions
from editloop.repair.frontier import Node
from editloop.repair.places import line_scores, places

PLACES = 24
"""Places of one state that are asked about, at most: among 20 the right one is in 25 of 28 cases
(`benchmarks/pointing.py`)."""
SAMPLES, TEMPERATURE = 3, 0.8
"""Replies to a place where the greedy one failed, and how they are drawn. Chosen."""
MOST_TOKENS = 56
"""Tokens of a reply; a line of code has 12 in the median. Chosen."""
PARTS, PART_TOKENS = 3, 400
"""Functions of one state that are written anew, at most, and the tokens of one; chosen."""
PART_LINES, MOST_PART_LINES = 40, 80
"""A window of at most these lines is written anew as a whole, and no longer function. Chosen."""


@dataclass(frozen=True, slots=True)
class Question:
    """Places that are asked about at once, and how their replies are drawn."""

    places: tuple[Place, ...]
    prompts: tuple[Prompt, ...]
    sampling: Sampling


def questions(
    model: Model,
    node: Node,
    traces: Sequence[SuiteTrace],
    named: Sequence[Place],
    together: Callable[[], int],
    begins: list[int],
    smells: Mapping[str, str],
) -> Iterator[Question]:
    """Places in turn, each greedily, then by samples; last, and of a model that fills no gaps at
    once, whole functions. ``named``: places that go first; ``together``: how many to ask about at
    once; ``begins``: lines from which on the model was shown text before (see `begin_of`);
    ``smells``: what a linter calls a likely mistake, by the text of the line."""
    lines = [line.text for line in node.state.document.lines]
    found = [f.line for f in node.verdict.findings if f.line is not None]
    smelling = [i for i in node.state.view if lines[i] in smells]
    scores = line_scores(lines, traces, found, likely_lines(node), smelling)
    failed = failures(node.verdict.findings, traces)

    def told_at(place: Place) -> tuple[str, ...]:
        here = (smells.get(line) for line in lines[place.first : place.stop])
        return (*failed, *dict.fromkeys(words for words in here if words))

    if model.fills:
        heads = not (model.points or model.heeds)
        others = places(lines, scores, node.state.view, heads=heads)
        ordered = list(dict.fromkeys([*named, *others]))[:PLACES]
        yield from _gaps(model, node, lines, ordered, told_at, together, begins)
    parts = _parts(node.state, scores)
    for number, turn in itertools.product((1, SAMPLES), range(len(parts))):
        yield _whole(lines, parts[turn], told_at(parts[turn]), number, turn)


def _gaps(
    model: Model,
    node: Node,
    lines: Sequence[str],
    ordered: Iterable[Place],
    told_at: Callable[[Place], tuple[str, ...]],
    together: Callable[[], int],
    begins: list[int],
) -> Iterator[Question]:
    def prompt(place: Place) -> Gap:
        begin = begin_of(lines, place.first, begins)
        if model.points:
            return ask_text(lines, place, told(node), begin)
        return gap(lines, place, told_at(place) if model.heeds else None, begin=begin)

    def ask(group: tuple[Place, ...], number: int, turn: int) -> Question:
        prompts = [prompt(place) for place in group]
        ends = {text for place in group for text in stops(lines, place)}
        sampling = Sampling(
            n=number,
            temperature=0.0 if number == 1 else TEMPERATURE,
            max_tokens=MOST_TOKENS,
            stop=tuple(sorted(ends)),
            seed=turn,
            statement=not model.points,
            unlike=tuple(
                lines[place.first].removeprefix(begun(asked))
                for place, asked in zip(group, prompts, strict=True)
                if place.stop == place.first + 1
            ),
        )
        return Question(group, tuple(prompts), sampling)

    rest = list(ordered)
    for turn in itertools.count():
        if not rest:
            return
        size = min(together(), len(rest))
        # In the order of the text each shares more of what was read for the one before.
        group = tuple(sorted(rest[:size], key=lambda place: place.first))
        del rest[:size]
        yield ask(group, 1, turn)
        # At once: what stands before the places need not be read again, which takes longest.
        yield ask(group, SAMPLES, turn)


def _whole(
    lines: Sequence[str], part: Place, failed: tuple[str, ...], number: int, turn: int
) -> Question:
    old = lines[part.first : part.stop]
    sampling = Sampling(
        n=number,
        temperature=0.0 if number == 1 else TEMPERATURE,
        max_tokens=PART_TOKENS,
        stop=("```",),
        seed=turn,
        rewrites=tuple(unindented(old)),
    )
    return Question((part,), (ask_part(old, failed),), sampling)


def _parts(state: EditState, scores: Mapping[int, float]) -> list[Place]:
    """The window where it is short, else its functions, those with the most suspicious line
    first."""
    view = state.view
    if not view or view[-1] + 1 - view[0] <= PART_LINES:
        return [Place(view[0], view[-1] + 1)] if view else []
    found = {
        Place(one.start, one.stop): max(scores.get(i, 0.0) for i in range(one.start, one.stop))
        for one in definitions(state.document)
        if one.kind == "function" and one.header in view and one.stop - 1 in view
        if one.size <= MOST_PART_LINES
    }
    return sorted(found, key=lambda part: (-found[part], part.first))[:PARTS]


def failures(findings: Sequence[Finding], traces: Sequence[SuiteTrace]) -> tuple[str, ...]:
    """What went wrong, for a comment: what tests raised, the first line of it without the test's
    name, in the module's own lines first; what the checks found where no test was traced."""
    failed = sorted((t for t in traces if not t.passed), key=lambda trace: not trace.frames)
    raised = [trace.error.partition("\n")[0] for trace in failed]
    texts = raised or [finding.text for finding in findings]
    return tuple(dict.fromkeys(texts))[:TOLD]


def told(node: Node) -> list[str]:
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
