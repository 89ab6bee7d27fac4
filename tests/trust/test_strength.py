"""What the evidence of a fix is worth."""

from __future__ import annotations

import pytest

from editloop.checks.plans import plan_asserts
from editloop.checks.verdict import CheckName, CheckResult, Verdict
from editloop.checks.verify import TestCheck
from editloop.sandbox import open_pool
from editloop.trust.strength import NO_CODE, NOT_REPRODUCED, PASSED_BEFORE, doubt

SYNTAX, STATIC = CheckResult("syntax", 1, 1), CheckResult("static", 2, 2)


def verdict(*checks: CheckResult) -> Verdict:
    return Verdict((SYNTAX, STATIC, *checks), complete=True)


def failing(name: CheckName) -> Verdict:
    return verdict(CheckResult(name, 0, 2))


BROKEN = Verdict((CheckResult("syntax", 0, 1),), complete=False)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (failing("doctests"), verdict(CheckResult("doctests", 2, 2)), ""),
        (BROKEN, verdict(CheckResult("tests", 1, 1)), ""),
        (failing("command"), verdict(CheckResult("command", 1, 1)), ""),
        (BROKEN, verdict(), NO_CODE),
        (failing("ty"), verdict(CheckResult("ty", 2, 2)), NO_CODE),
        (BROKEN, verdict(CheckResult("traceback", 1, 1)), NOT_REPRODUCED),
        (
            failing("command"),
            verdict(CheckResult("command", 1, 1, hides=("removes a statement",))),
            "it removes a statement",
        ),
        (failing("tests"), verdict(CheckResult("tests", 1, 1, weak=("says so",))), "says so"),
        (failing("tests"), verdict(CheckResult("tests", 2, 2, weak=("says so",))), ""),
        (failing("static"), verdict(CheckResult("import", 1, 1, kept=True)), PASSED_BEFORE),
        (failing("pytest"), verdict(CheckResult("pytest", 2, 2, kept=True)), ""),
    ],
)  # fmt: skip
def test_weak_evidence_leaves_a_doubt(before: Verdict, after: Verdict, words: str) -> None:
    assert doubt(before, after) == words


def test_what_passed_before_is_no_evidence_for_a_fix() -> None:
    source = "def f(x):\n    return x\n\n\ndef g(x):\n    return nothing\n"
    with open_pool(1) as pool:
        kept = TestCheck("tests", plan_asserts(["f(1) == 1"]), pool).calibrated(source)
        failed = TestCheck("tests", plan_asserts(["g(1) == 1"]), pool).calibrated(source)
        results = [check.run(source.replace("nothing", "x"), None) for check in (kept, failed)]
    assert [(result.passed, result.kept) for result in results] == [(True, True), (True, False)]
