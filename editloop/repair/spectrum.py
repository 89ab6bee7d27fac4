"""Where the failing tests were and the passing ones were not: spectrum-based fault localization.

Ochiai's coefficient, after Abreu, Zoeteweij, van Gemund, PRDC 2006.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence

from editloop.checks.suitetrace import SuiteTrace
from editloop.document.text import Snapshot, split_lines
from editloop.python.definitions import definitions
from editloop.python.syntax import parse_quietly
from editloop.repair.region import MAX_CHARACTERS

STRENGTH = 2.0
"""How often the coefficient is counted beside what a policy thinks of a move. Of 36 programs of
DebugBench with their tests as a pytest suite 12 are repaired in 8 s with 0, 15 with 2."""
UNRUN = 0.05
"""In place of the coefficient of a line that no failing test runs: what is missing may be there."""


def ochiai(traces: Sequence[SuiteTrace]) -> dict[int, float]:
    """Ochiai's coefficient of each line (0-based) that a failing test runs.

    It is failing / sqrt(all failing * all that run the line), from 0 to 1.
    """
    failed, passed = _lines(traces)
    if not failed:
        return {}
    found = {}
    for line in set().union(*failed):
        wrong = sum(line in lines for lines in failed)
        right = sum(line in lines for lines in passed)
        found[line] = wrong / math.sqrt(len(failed) * (wrong + right))
    return found


def suspect_lines(document: Snapshot, traces: Sequence[SuiteTrace]) -> list[int]:
    """Where failing tests point to, 0-based, most suspicious first; one line for a function.

    The frames of what was raised in the module, the innermost first; then of each function the most
    suspicious line, the function with the largest sum of squared coefficients first. Lines that are
    too long to be shown are left out.
    """
    raised = [trace.frames[::-1] for trace in traces if not trace.passed]
    found = ochiai(traces)
    sums: dict[int, float] = {}
    for one in definitions(document):
        mine = [i for i in range(one.header + 1, one.stop) if i in found]
        if one.kind == "function" and mine:
            sums[max(mine, key=lambda i: (found[i], -i))] = sum(found[i] ** 2 for i in mine)
    ranked = sorted(sums, key=lambda i: (-sums[i], i))
    others = sorted(found, key=lambda i: (-found[i], i))
    every = dict.fromkeys([*(i for frames in raised for i in frames), *ranked, *others[:1]])
    sizes = [len(line.text) for line in document.lines]  # what a test tells may be anything
    return [i for i in every if 0 <= i < len(sizes) and sizes[i] <= MAX_CHARACTERS]


def spectrum(text: str, traces: Sequence[SuiteTrace]) -> dict[str, float]:
    """How much less likely than elsewhere each line is at fault: nats, 0 or less, by its text.

    Empty where nothing is known. Statements of a module and of a class are run for all tests; a
    line on which no statement begins, such as ``else:``, is as likely as its neighbours.
    """
    found = ochiai(traces)
    if not found:
        return {}
    try:
        tree = parse_quietly(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    lines = [line.text for line in split_lines(text)]
    failed, passed = _lines(traces)
    everywhere = math.sqrt(len(failed) / (len(failed) + len(passed)))
    scores: list[float | None] = [None] * len(lines)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not isinstance(node, _DEFINES):
            scores[node.lineno - 1] = everywhere
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for i in range(node.body[0].lineno - 1, node.end_lineno or node.lineno):
                if scores[i] is not None:
                    scores[i] = UNRUN
    for i, score in found.items():
        if i < len(scores):
            scores[i] = score
    most = max(found.values())
    nats: dict[str, float] = {}
    for line, score in zip(lines, _filled(scores), strict=True):
        value = STRENGTH * math.log(max(score, UNRUN) / most)
        nats[line] = max(nats.get(line, value), min(value, 0.0))
    return nats


_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _lines(traces: Sequence[SuiteTrace]) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    """Of the failing tests that ran any of the module, and of the passing ones."""
    failed = [trace.lines for trace in traces if not trace.passed and trace.lines]
    return failed, [trace.lines for trace in traces if trace.passed]


def _filled(scores: Sequence[float | None]) -> list[float]:
    """Where there is none the larger one of the nearest above and the nearest below."""

    def carried(order: Sequence[float | None]) -> list[float]:
        last, found = 0.0, []
        for score in order:
            last = last if score is None else score
            found.append(last)
        return found

    above, below = carried(scores), carried(scores[::-1])[::-1]
    pairs = zip(scores, above, below, strict=True)
    return [max(a, b) if score is None else score for score, a, b in pairs]
