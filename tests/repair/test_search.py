from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from verifying import make_verify

from editloop.budget import Budget
from editloop.checks.static import StaticChecker
from editloop.checks.verdict import CheckResult, Verdict
from editloop.checks.verify import Verifier
from editloop.document.commands import Command, parse
from editloop.document.edits import edit_size
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding, Transcript
from editloop.policy import Proposal, ScriptedPolicy, UniformPolicy
from editloop.repair.ordering import Weights, normalized, step_value
from editloop.repair.search import search
from editloop.repair.solutions import Progress, SearchResult

MAXIMUM = (
    "def maximum(values):\n    best = values[0]\n    for value in values:\n"
    "        if value < best:\n            best = value\n    return best\n"
)
MAXIMUM_CASES = [("maximum([1, 3, 2])", 3), ("maximum([5])", 5), ("maximum([-1, -4])", -1)]


def _open(text: str) -> EditState:
    return EditState.open(Snapshot.from_text(text))


def _search(
    text: str, cases: Sequence[tuple[str, Any]], candidates: int, **options: Any
) -> SearchResult:
    turns = options.pop("turns", 3)
    policy = options.pop("policy", UniformPolicy())
    budget = Budget(seconds=None, candidates=candidates, turns=turns)
    return search(_open(text), policy, make_verify(cases), budget=budget, **options)


def test_one_edit() -> None:
    result = _search(MAXIMUM, MAXIMUM_CASES, 800)
    assert result.reason == "fixed"
    best = result.solutions[0]
    assert best.edit_size == edit_size(_open(MAXIMUM).document, best.state.document)
    assert best.verdict.passed
    assert best.edit_size <= 6
    order = [s.edit_size - s.log_prob for s in result.solutions]
    assert order == sorted(order)
    assert len({normalized(s.state) for s in result.solutions}) == len(result.solutions) <= 3


def test_same_seed_same_result() -> None:
    def run(seed: int) -> list[str]:
        seen: list[str] = []
        budget = Budget(seconds=None, candidates=150, turns=2)
        search(
            _open(MAXIMUM),
            UniformPolicy(),
            make_verify(MAXIMUM_CASES, seen),
            budget=budget,
            seed=seed,
        )
        return seen

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_nothing_is_verified_twice() -> None:
    seen: list[str] = []
    verify = make_verify([("maximum([1])", 99)], seen)
    result = search(_open(MAXIMUM), UniformPolicy(), verify, budget=Budget(None, 400, 2), seed=1)
    assert result.candidates == len(seen) == len(set(seen)) == 400
    assert result.reason == "out of candidates"
    assert result.solutions == ()


SYNTAX_TWICE = (
    "def count(values)\n    total = 0\n    for value in values:\n        total += 1\n"
    "    return total\n\n\ndef double(values):\n    return [2 * v for v in values\n"
)


def test_syntax_errors_one_after_the_other() -> None:
    cases = [("count([1, 2])", 2), ("double([1, 2])", [2, 4])]
    result = _search(SYNTAX_TWICE, cases, 2500, seed=2)
    assert result.reason == "fixed"
    assert len(result.solutions[0].commands) >= 2


INDEPENDENT = (
    "def area(w, h):\n    return w + h\n\n\ndef last(values):\n    return values[0]\n\n\n"
    "def is_even(n):\n    return n % 2 == 1\n"
)


def test_a_block_is_one_step_but_no_single_command() -> None:
    text = "def double(values):\nfor v in values:\n    yield 2 * v\n"
    cases = [("list(double([1, 2]))", [2, 4])]
    result = _search(text, cases, 500, turns=2)
    assert result.reason == "fixed"
    best = result.solutions[0]
    assert len(best.commands) == 2
    assert _search(text, cases, 500, turns=1).solutions == ()


def test_three_mistakes_with_progress_between() -> None:
    cases = [
        ("area(3, 4)", 12),
        ("last([1, 2, 3])", 3),
        ("is_even(4)", True),
        ("is_even(3)", False),
    ]
    result = _search(INDEPENDENT, cases, 2500, seed=2)
    assert result.reason == "fixed"
    assert len(result.solutions[0].commands) == 3


def test_two_mistakes_without_progress_between() -> None:
    text = "def f(n):\n    n = n - 2\n    return n - 3\n"
    result = _search(text, [("f(1), f(10), f(0)", (5, 23, 3))], 20_000, turns=2)
    assert result.reason == "fixed"
    assert len(result.solutions[0].commands) == 2
    assert "n = n * 2" in result.solutions[0].state.text


def test_scripted_goes_straight() -> None:
    script = ["### REPW 1 >>>) >>>):", "### REPW 9 >>>values >>>values]"]
    cases = [("count([1, 2])", 2), ("double([1, 2])", [2, 4])]
    result = _search(SYNTAX_TWICE, cases, 500, policy=ScriptedPolicy(script), polish=0.0)
    assert result.candidates <= 4
    assert [str(c) for c in result.solutions[0].commands] == script
    uniform = _search(SYNTAX_TWICE, cases, 200, polish=0.0)
    assert uniform.candidates > result.candidates


def test_a_given_first_verdict_is_not_asked_for_again() -> None:
    verify = make_verify(MAXIMUM_CASES)
    first = verify(_open(MAXIMUM))
    policy = ScriptedPolicy(["### REPW 4 >>>< >>>>"])
    result = search(
        _open(MAXIMUM), policy, verify, budget=Budget(None, 100), first_verdict=first, polish=0.0
    )
    assert result.candidates == 1


def test_nothing_to_fix() -> None:
    result = _search(MAXIMUM.replace("<", ">"), MAXIMUM_CASES, 10)
    assert (result.reason, result.solutions, result.candidates) == ("nothing to fix", (), 1)


class _Silent(UniformPolicy):
    def propose(self, *_: object, **__: object) -> Iterator[Proposal]:
        raise AssertionError("a policy was asked")


def test_obvious_steps_need_no_policy() -> None:
    text = (
        "class Cache:\n    def __init__(self, limit):\n        self.limit = limit\n"
        "        self.items = OrderedDict()\n\n    def put(self, key):\n"
        "        items[key] = false\n        if len(self.items) > limit:\n"
        "            print(math.inf)\n"
    )
    with StaticChecker() as static:
        verifier = Verifier(text, static=static)
        result = search(
            _open(text),
            _Silent(),
            lambda state: verifier.verify(state.text),
            budget=Budget(None, 200),
            polish=0.0,
        )
    assert result.solutions[0].state.text == (
        "import math\nfrom collections import OrderedDict\n\n\n"
        + text.replace(" items[", " self.items[")
        .replace("false", "False")
        .replace("> limit", "> self.limit")
    )
    assert result.candidates < 50


class _Watching(UniformPolicy):
    """Keeps the transcripts that it is shown."""

    def __init__(self) -> None:
        self.shown: list[Transcript] = []

    def propose(
        self, transcript: Transcript, moves: Sequence[Command], **options: Any
    ) -> Iterator[Proposal]:
        self.shown.append(transcript)
        return super().propose(transcript, moves, **options)


class _Asked(UniformPolicy):
    """Counts the states that it is asked about."""

    states = 0

    def propose(self, *arguments: Any, **options: Any) -> Iterator[Proposal]:
        self.states += 1
        return super().propose(*arguments, **options)


def test_what_settles_a_name_by_construction_is_not_followed_first() -> None:
    def verify(state: EditState) -> Verdict:
        syntax = CheckResult("syntax", 1, 1)
        if "nothing" in state.text:
            unknown = Finding("F821 Undefined name `nothing`", 1)
            return Verdict((syntax, CheckResult("static", 1, 2, (unknown,))), complete=False)
        tests = CheckResult("tests", int("= d\n" in state.text), 1)
        return Verdict((syntax, CheckResult("static", 2, 2), tests), complete=True)

    policy = _Asked()
    text = "def f(a, b, c, d):\n    x = nothing\n    return x * 2\n"
    result = search(_open(text), policy, verify, budget=Budget(None, 400), polish=0.0)
    assert result.solutions
    assert policy.states == 1


def test_a_policy_is_shown_the_whole_way_to_a_state() -> None:
    text = "def double(values):\nfor v in values:\n    yield 3 * v\n"
    policy = _Watching()
    _search(text, [("list(double([1, 2]))", [2, 4])], 2000, turns=3, policy=policy)
    assert max(len(transcript.commands) for transcript in policy.shown) > 2  # a block and more
    for transcript in policy.shown:
        state = _open(text)
        for command, seen in zip(transcript.commands, transcript.observations[1:], strict=True):
            state = apply(state, command)
            assert seen.window == state.window


def test_polish_goes_on_for_smaller_fixes() -> None:
    first = _search(MAXIMUM, MAXIMUM_CASES, 1500, seed=2, polish=0.0)
    more = _search(MAXIMUM, MAXIMUM_CASES, 1500, seed=2, polish=0.3, alternatives=9)
    assert more.candidates >= first.candidates + 10
    assert more.solutions[0].edit_size <= first.solutions[0].edit_size
    assert len(more.solutions) >= len(first.solutions)


def test_superfluous_commands_are_dropped() -> None:
    script = ["### ADDL 2 >>>    unused = 0", "### REPW 5 >>>< >>>>"]
    result = _search(MAXIMUM, MAXIMUM_CASES, 40, policy=ScriptedPolicy(script))
    assert [str(c) for c in result.solutions[0].commands] == ["### REPW 4 >>>< >>>>"]


def test_cancel_before_and_during() -> None:
    cancel = threading.Event()
    reports: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        reports.append(progress)
        if progress.candidates >= 5:
            cancel.set()

    result = _search(MAXIMUM, [("maximum([1])", 9)], 500, cancel=cancel, on_progress=on_progress)
    assert result.reason == "cancelled"
    assert result.candidates == 5
    assert reports[-1].best == "syntax 1/1, tests 0/1"
    assert _search(MAXIMUM, MAXIMUM_CASES, 500, cancel=cancel).candidates == 0


def test_out_of_time() -> None:
    budget = Budget(seconds=0.2, candidates=None)
    verify = make_verify([("maximum([1])", 9)])
    result = search(_open(MAXIMUM), UniformPolicy(), verify, budget=budget)
    assert result.reason == "out of time"
    assert result.seconds < 3


def test_no_move_left() -> None:
    result = _search("", [("1", 2)], 50)
    assert result.reason == "no move left"


class _Raising(UniformPolicy):
    def propose(
        self,
        transcript: Transcript,
        moves: Sequence[Command],
        *,
        seed: int,
    ) -> Iterator[Proposal]:
        yield Proposal(parse("### DELL 99"), 0.0)  # impossible: skipped
        yield Proposal(parse("### EXIT"), 0.0)  # changes nothing: skipped
        raise OSError("the model is gone")


def test_what_a_policy_raises_propagates() -> None:
    with pytest.raises(OSError, match="gone"):
        _search(MAXIMUM, MAXIMUM_CASES, 50, policy=_Raising())


def test_step_values_are_ordered() -> None:
    def verdict(good: int, text: str = "a") -> Verdict:
        tests = CheckResult("tests", good, 3, (Finding(text),))
        return Verdict((CheckResult("syntax", 1, 1), tests), complete=True)

    def broken(line: int) -> Verdict:
        finding = Finding("SyntaxError: invalid syntax", line)
        return Verdict((CheckResult("syntax", 0, 1, (finding,)),), complete=False)

    w = Weights()
    better = step_value(verdict(1), verdict(2), -6.0, w)
    other = step_value(verdict(1), verdict(1, "b"), -6.0, w)
    same = step_value(verdict(1), verdict(1), -6.0, w)
    worse = step_value(verdict(1), broken(1), -6.0, w)
    assert better > -6.0 > other > same > worse
    assert (
        step_value(broken(3), verdict(0), -6.0, w)
        > step_value(broken(3), broken(7), -6.0, w)
        > -6.0
    )
    assert step_value(broken(3), broken(2), -6.0, w) < -6.0


def test_execution_that_comes_further_is_worth_something() -> None:
    """The same mistake on another line more than another mistake there; and that no line that
    raised something does so any more is to be seen only where lines keep their places."""

    def raising(*places: tuple[int, str]) -> Verdict:
        found = tuple(Finding(f"f(1) -> TypeError: {text}, expected 2", n) for n, text in places)
        tests = CheckResult("tests", 0, 3, found or (Finding("f(1) -> 1, expected 2"),))
        return Verdict((CheckResult("syntax", 1, 1), tests), complete=True)

    w = Weights()
    before = raising((4, "no number"))
    again = step_value(before, raising((6, "no number")), -2.0, w)
    other = step_value(before, raising((6, "no text")), -2.0, w)
    wrong = step_value(before, raising(), -2.0, w)
    there = step_value(before, raising((4, "no text")), -2.0, w)
    moved = step_value(before, raising((6, "no number")), -2.0, w, in_place=False)
    assert again > other == wrong > there > moved


def test_each_check_that_newly_passes_counts() -> None:
    def upto(rank: int) -> Verdict:
        names = ("syntax", "static", "tests")[: rank + 1]
        checks = [CheckResult(name, int(at < rank), 1) for at, name in enumerate(names)]
        return Verdict(tuple(checks), complete=rank == 2)

    w = Weights()
    one, two = (step_value(upto(0), upto(rank), -2.0, w) for rank in (1, 2))
    assert two > one > -2.0


def test_normalized_ignores_blank_lines_and_comments() -> None:
    base = normalized(_open("x = 1\ny = '#'\n"))
    assert base == normalized(_open("x = 1  # one\n\n# two\ny = '#'  \n"))
    assert base != normalized(_open("x = 1\ny = ''\n"))
    assert normalized(_open('x = """\n\n"""\n')) != normalized(_open('x = """\n"""\n'))
