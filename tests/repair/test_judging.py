"""Which of several fixes is offered first, by the model's word on each."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from editloop.checks.verdict import CheckResult, Verdict
from editloop.document.commands import Command
from editloop.document.edits import edit_size
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.model.scripted import ScriptedModel
from editloop.repair.judging import judged
from editloop.repair.solutions import Solution, is_settled

TEXT = "def f(xs):\n    total = sum(xs)\n    return total\n"
PASSES = Verdict((CheckResult("syntax", 1, 1), CheckResult("doctests", 1, 1)), complete=True)
PARSES = Verdict((CheckResult("syntax", 1, 1), CheckResult("static", 2, 2)), complete=True)
FAILS = Verdict((CheckResult("syntax", 1, 1), CheckResult("doctests", 0, 1)), complete=True)
BROKEN = Verdict((CheckResult("syntax", 0, 1, (Finding("SyntaxError", 2),)),), complete=False)


def opened(text: str) -> EditState:
    document = Snapshot.from_text(text)
    return EditState.open(document, tuple(range(len(document.lines))))


STATE = opened(TEXT)
DELETE, REPLACE = Command("DELL", 1), Command("REPL", 1, "return 0")


def fix(old: str, new: str, *, written: bool = False) -> Solution:
    after = opened(TEXT.replace(old, new))
    size = edit_size(STATE.document, after.document)
    return Solution(after, (), PASSES, -1.0, size, 1, written=written)


def hiding(solution: Solution) -> Solution:
    checks = tuple(replace(check, hides=("returns early",)) for check in PASSES.checks)
    return replace(solution, verdict=replace(PASSES, checks=checks))


def model(**scores: float) -> ScriptedModel:
    return ScriptedModel({"scores": [{"match": k, "score": v} for k, v in scores.items()]})


def texts(solutions: tuple[Solution, ...]) -> list[str]:
    return [one.state.text.splitlines()[-1].strip() for one in solutions]


FIRST, SECOND = fix("return total", "return 0"), fix("return total", "return mean", written=True)


def test_the_likeliest_of_equal_size_is_first() -> None:
    rated = ScriptedModel({"scores": [{"match": "mean", "score": -1}, {"match": "", "score": -9}]})
    found, problem = judged(rated, STATE, (FIRST, SECOND), threading.Event())
    assert texts(found) == ["return mean", "return 0"]
    assert problem == ""
    assert [one.gain for one in found] == [8.0, 0.0]


def test_a_fix_whose_size_outweighs_any_gain_is_not_read() -> None:
    long = fix("return total", "return " + " + ".join("abcdefghijklmnop"))
    rated = ScriptedModel({"scores": [{"match": "", "score": -2}]})
    found, _ = judged(rated, STATE, (FIRST, long), threading.Event())
    assert found == (replace(FIRST, gain=0.0), long)


def test_what_may_only_hide_the_failure_is_last_unread() -> None:
    rated = ScriptedModel({"scores": [{"match": "mean", "score": 0}, {"match": "", "score": -9}]})
    found, _ = judged(rated, STATE, (FIRST, hiding(SECOND)), threading.Event())
    assert found == (replace(FIRST, gain=0.0), hiding(SECOND))
    found, _ = judged(rated, STATE, (hiding(SECOND), FIRST), threading.Event())
    assert texts(found) == ["return 0", "return mean"]


def test_what_there_is_no_time_to_read_stays_where_it_was() -> None:
    stop = threading.Event()
    stop.set()
    found, problem = judged(ScriptedModel({}), STATE, (FIRST, SECOND), stop)
    assert (found, problem) == ((FIRST, SECOND), "")


@pytest.mark.parametrize(
    ("before", "found", "settled"),
    [
        (FAILS, FIRST, False),
        (FAILS, replace(FIRST, log_prob=0.0), True),
        (BROKEN, replace(FIRST, commands=(DELETE,)), True),
        (BROKEN, replace(FIRST, commands=(DELETE, DELETE)), False),
        (BROKEN, replace(FIRST, commands=(DELETE,), verdict=PARSES), False),
        (BROKEN, replace(FIRST, commands=(REPLACE,), verdict=PARSES), True),
        (BROKEN, replace(FIRST, commands=(REPLACE, REPLACE), verdict=PARSES), False),
        (BROKEN, replace(SECOND, commands=(DELETE,)), False),
        (BROKEN, hiding(replace(FIRST, commands=(DELETE,))), False),
    ],
)
def test_what_needs_no_second_opinion(before: Verdict, found: Solution, settled: bool) -> None:
    assert is_settled(before, found) is settled
