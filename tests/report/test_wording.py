"""What a person is told about a repair."""

from __future__ import annotations

import pytest

from editloop.checks.verdict import CheckName, CheckResult, Verdict
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.repair.run import Repair
from editloop.repair.solutions import SearchResult, Solution
from editloop.report.wording import Asked, checked, next_step, reason, satisfied

SYNTAX, STATIC = CheckResult("syntax", 1, 1), CheckResult("static", 2, 2)


def verdict(*checks: CheckResult) -> Verdict:
    return Verdict((SYNTAX, *checks), complete=True)


def ran(name: CheckName, good: int, total: int) -> Verdict:
    return verdict(STATIC, CheckResult(name, good, total))


def nothing_wrong(before: Verdict) -> Repair:
    return Repair("nothing wrong", before, None, (0, 1))


def not_fixed(why: str, candidates: int = 41, view: tuple[int, ...] = tuple(range(80))) -> Repair:
    result = SearchResult((), candidates, 2, 10.0, why)
    return Repair("not fixed", ran("doctests", 0, 2), result, view)


def fixed(after: Verdict) -> Repair:
    state = EditState.open(Snapshot.from_text("x = 1\n"))
    solution = Solution(state, (), after, 0.0, 1, 1)
    before = verdict(CheckResult("static", 0, 1))
    return Repair("fixed", before, SearchResult((solution,), 1, 1, 0.1, "fixed"), (0,))


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (verdict(), "it parses; nothing else was checked"),
        (verdict(STATIC), "no findings; no code was run"),
        (ran("doctests", 1, 1), "1 example passes"),
        (ran("pytest", 9, 9), "9 pytest tests pass"),
        (
            verdict(STATIC, CheckResult("doctests", 2, 2), CheckResult("tests", 1, 1)),
            "2 examples pass and 1 test passes",
        ),
        (
            verdict(STATIC, CheckResult("doctests", 2, 2), CheckResult("doctests", 3, 3)),
            "5 examples pass",
        ),
    ],
)
def test_what_a_fix_satisfies_is_said(after: Verdict, words: str) -> None:
    assert satisfied(after) == words
    assert reason(fixed(after), 1, Asked()) == words


def test_checked_says_what_failed() -> None:
    assert checked(ran("doctests", 1, 3)) == "it parses, no findings, 1 of 3 examples passes"
    broken = Verdict((CheckResult("syntax", 0, 1),), complete=False)
    assert checked(broken) == "it does not parse"
    assert checked(Verdict((), complete=False)) == "no check came to its end"


def test_nothing_wrong_says_that_no_code_was_run_and_what_would_run_it() -> None:
    unrun = nothing_wrong(verdict(STATIC))
    assert reason(unrun, 2, Asked()) == "it parses, no findings; no code was run"
    assert "--tests" in next_step(unrun, 2, Asked())
    assert "--" not in next_step(unrun, 2, Asked(editor=True))
    assert next_step(unrun, 2, Asked(no_code="level F: ...")) == "level F: ..."
    run = nothing_wrong(ran("doctests", 3, 3))
    assert reason(run, 2, Asked()) == "it parses, no findings, 3 examples pass"
    assert next_step(run, 2, Asked()) == ""


def test_not_fixed_says_where_and_how_fast() -> None:
    repair = not_fixed("out of time")
    assert reason(repair, 400, Asked()) == (
        "out of time after 10 s; it looked at lines 1 to 80 of 400; 41 candidates, 4.1 a second"
    )
    some = not_fixed("no move left", view=(0, 4, 5))
    assert "it looked at lines 1 and 5 to 6 of 9" in reason(some, 9, Asked())
    many = not_fixed("no move left", view=(0, 2, 4, 6, 8, 9, 10))
    assert "it looked at lines 9 to 11 of 20 and 4 others" in reason(many, 20, Asked())
    assert "all lines" in reason(not_fixed("no move left"), 80, Asked())
    early = "out of time after 10 s, before any edit was tried"
    assert reason(not_fixed("out of time", 0, ()), 80, Asked()) == early


@pytest.mark.parametrize(
    ("repair", "lines", "asked", "hint"),
    [
        (not_fixed("out of time", 0, ()), 400, Asked(), "--budget 20"),
        (not_fixed("out of time"), 400, Asked(), "--function"),
        (not_fixed("out of time"), 400, Asked(editor=True), "cursor"),
        (not_fixed("out of time", 900), 400, Asked(place=True), "--budget 20"),
        (not_fixed("out of time", 900), 80, Asked(editor=True), "editloop.budget 20"),
        (not_fixed("no move left", 900), 80, Asked(), "--model"),
        (not_fixed("no move left", 900), 80, Asked(model=False), "editloop models get"),
        (not_fixed("no move left", 900), 80, Asked(editor=True, model=False), "get a model"),
    ],
)
def test_one_next_step_that_fits(repair: Repair, lines: int, asked: Asked, hint: str) -> None:
    assert hint in next_step(repair, lines, asked)


def test_slow_tests_are_better_said_in_one_line() -> None:
    result = SearchResult((), 12, 2, 10.0, "out of time")
    repair = Repair("not fixed", ran("pytest", 0, 2), result, tuple(range(80)))
    assert "--tests" in next_step(repair, 80, Asked())


def test_who_cancels_needs_no_advice() -> None:
    assert next_step(not_fixed("cancelled"), 400, Asked()) == ""


def test_an_empty_file_needs_no_advice() -> None:
    assert reason(nothing_wrong(verdict(STATIC)), 0, Asked()) == "the file is empty"
    assert next_step(nothing_wrong(verdict(STATIC)), 0, Asked()) == ""
