"""Pointing: which lines to have written anew, most promising first.

Signals are the frames of what was raised, where the failing tests were and the passing ones were
not (`spectrum`), findings with a line, and where the prior would make its moves. Which is worth how
much is measured by `benchmarks/pointing.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from editloop.checks.suitetrace import SuiteTrace
from editloop.model.infill import Place, head, part_head
from editloop.repair.spectrum import ochiai

LONG = 200
"""Characters of a statement that no reply holds (`questions.MOST_TOKENS`)."""


@dataclass(frozen=True, slots=True)
class PlaceWeights:
    """Points that a signal adds to a line's score, and the share that each kind of place has.

    Chosen; `benchmarks/pointing.py` finds one case more or less with 1 to 4 for ``raised`` and 3
    to 5 for ``spectrum``.
    """

    raised: float = 1.5
    """For the innermost frame; the frames around it have half."""
    spectrum: float = 3.0
    found: float = 1.5
    smells: float = 6.0
    """For all lines that smell together: one is looked at first, one of many hardly."""
    prior: float = 1.5
    """For the line that the prior likes best; the next has half of it, then a third."""
    head: float = 1.0
    replace: float = 0.7
    insert: float = 0.5
    two_lines: float = 0.3


def line_scores(
    lines: Sequence[str],
    traces: Sequence[SuiteTrace] = (),
    found: Iterable[int] = (),
    prior: Sequence[int] = (),
    smelling: Iterable[int] = (),
    weights: PlaceWeights = PlaceWeights(),
) -> dict[int, float]:
    """How suspicious lines (0-based) are. ``found``: lines of findings; ``prior``: lines in the
    order of the best move on each; ``smelling``: lines that a linter calls a likely mistake."""
    scores = dict.fromkeys(range(len(lines)), 0.0)

    def add(line: int, score: float) -> None:
        if line in scores:
            scores[line] += score

    failed = [trace for trace in traces if not trace.passed]
    for trace in failed:
        for depth, line in enumerate(reversed(dict.fromkeys(trace.frames))):
            add(line, weights.raised / (1 + depth) / len(failed))
    for line, value in ochiai(traces).items():
        add(line, weights.spectrum * value)
    for line in set(found):
        add(line, weights.found)
    smelly = set(smelling)
    for line in smelly:
        add(line, weights.smells / len(smelly))
    for rank, line in enumerate(dict.fromkeys(prior)):
        add(line, weights.prior / (1 + rank))
    return scores


def places(
    lines: Sequence[str],
    scores: Mapping[int, float],
    view: Iterable[int],
    weights: PlaceWeights = PlaceWeights(),
    *,
    heads: bool = True,
) -> list[Place]:
    """Places within the lines of ``view``, best first; of equals the one further up.

    A statement over several lines is one place where a reply can hold it, and so is each line of a
    longer one, and the line that is more suspicious than the others. ``heads``: also those that
    keep what their line begins with, as a model needs that does not heed what it is told of the
    line.
    """
    allowed = {i for i in view if lines[i].strip() and not lines[i].lstrip().startswith("#")}
    extents = _extents(lines)
    ranked: dict[Place, float] = {}

    def offer(place: Place, score: float) -> None:
        ranked[place] = max(score, ranked.get(place, -1.0))

    for line in sorted(allowed):
        first, stop = extents.get(line, (line, line + 1))
        if first not in allowed:
            continue
        score = max((scores.get(i, 0.0) for i in range(first, stop)), default=0.0)
        if stop - first > 1:
            own = scores.get(line, 0.0)
            long = sum(len(lines[i]) for i in range(first, stop)) > LONG
            if long or sum(scores.get(i, 0.0) >= own for i in range(first, stop)) == 1:
                offer(Place(line, line + 1, part_head(lines[line]), part=True), own)
            if long:
                continue
        kept = head(lines[first]) if heads else ""
        if kept:
            offer(Place(first, stop, kept), weights.head * score)
        offer(Place(first, stop), (weights.replace if kept else 1.0) * score)
        offer(Place(first, first), weights.insert * score)
        offer(Place(stop, stop), 0.5 * weights.insert * score)
        if stop in allowed:
            both = max(score, scores.get(stop, 0.0))
            offer(Place(first, extents.get(stop, (stop, stop + 1))[1]), weights.two_lines * both)
    return sorted(ranked, key=lambda place: (-ranked[place], place.first, place.stop))


def _extents(lines: Sequence[str]) -> dict[int, tuple[int, int]]:
    """For each line of a simple statement that has several: its first line, and the one after
    it."""
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            extent = (node.lineno - 1, node.end_lineno or node.lineno)
            found.update(dict.fromkeys(range(*extent), extent))
    return found
