from __future__ import annotations

import math

import pytest

from editloop.checks.suitetrace import SuiteTrace
from editloop.document.text import Snapshot
from editloop.repair.spectrum import STRENGTH, UNRUN, ochiai, spectrum, suspect_lines

TEXT = """\
LIMIT = 3


def shares(total, people):
    each = (
        total
        / people
    )
    if each > LIMIT:
        each = LIMIT
    else:
        each += 1
    return each


def names(people):
    return [p.name for p in people]
"""


def _trace(passed: bool, lines: set[int], frames: tuple[int, ...] = ()) -> SuiteTrace:
    return SuiteTrace("t", passed, frozenset(lines), frames)


FAILED, PASSED = _trace(False, {4, 5, 8, 9, 12}), _trace(True, {4, 5, 8, 11, 12})


def test_a_line_that_only_failing_tests_run_is_suspicious() -> None:
    found = ochiai([_trace(False, {0, 1, 2}), _trace(True, {0, 1}), _trace(True, {0})])
    assert found == {0: 1 / 3**0.5, 1: 1 / 2**0.5, 2: 1.0}


def test_without_a_failing_test_nothing_is() -> None:
    assert ochiai([_trace(True, {0, 1})]) == {}
    assert spectrum(TEXT, [PASSED]) == {}
    assert suspect_lines(Snapshot.from_text(TEXT), [PASSED]) == []


def test_lines_are_weighed_by_who_runs_them() -> None:
    nats = spectrum(TEXT, [FAILED, PASSED])
    both, unrun = STRENGTH * math.log(0.5**0.5), STRENGTH * math.log(UNRUN)
    assert nats["        each = LIMIT"] == 0
    assert nats["    if each > LIMIT:"] == pytest.approx(both)
    assert nats["LIMIT = 3"] == pytest.approx(both)
    assert (
        nats["        each += 1"]
        == nats["    return [p.name for p in people]"]
        == pytest.approx(unrun)
    )


def test_a_line_on_which_nothing_begins_is_as_its_neighbours() -> None:
    nats = spectrum(TEXT, [FAILED, PASSED])
    assert nats["        / people"] == nats["    )"] == nats["    each = ("]
    assert nats["    else:"] == nats["        each = LIMIT"]


@pytest.mark.parametrize("text", ["", "def f(:\n", "x = 1"])
def test_traces_of_another_text_are_passed_over(text: str) -> None:
    assert all(value == 0 for value in spectrum(text, [FAILED]).values())


def test_frames_come_first_then_the_function_that_failing_tests_run_most() -> None:
    document = Snapshot.from_text(TEXT)
    assert suspect_lines(document, [FAILED, PASSED]) == [9]
    both = _trace(False, {4, 16})
    assert suspect_lines(document, [both]) == [4, 16]
    assert suspect_lines(document, [_trace(False, {4, 5, 16}, (4, 16))])[:2] == [16, 4]


def test_lines_that_are_not_there_or_too_long_are_no_suspects() -> None:
    document = Snapshot.from_text(f"x = 1\ny = '{'a' * 3000}'\n")
    assert suspect_lines(document, [_trace(False, {10**6}, (10**6, 1, 0))]) == [0]
