"""The verifier and ruff's static checks, with the real ruff and the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from editloop.checks.plans import plan_asserts
from editloop.checks.static import StaticChecker
from editloop.checks.testoutcome import TestOutcome
from editloop.checks.verify import Limits, TestCheck, Verifier, outcome_findings
from editloop.python.syntax import check_syntax
from editloop.sandbox import SandboxPool, open_pool

GOOD = "def double(x):\n    return 2 * x\n"


@pytest.fixture(scope="module")
def static() -> Iterator[StaticChecker]:
    with StaticChecker() as checker:
        yield checker


@pytest.fixture(scope="module")
def pool() -> Iterator[SandboxPool]:
    with open_pool(1) as made:
        yield made


@pytest.mark.parametrize(
    ("source", "says", "line"),
    [
        ("def f(:\n    pass\n", "SyntaxError: invalid syntax", 0),
        ("def f():\nreturn 1\n", "IndentationError", 1),
        ("x = 1\n\0", "null bytes", None),
        ("(" * 500, "SyntaxError", None),
    ],
)
def test_syntax_errors_are_findings(source: str, says: str, line: int | None) -> None:
    found = check_syntax(source)
    assert found is not None
    assert says in found.text
    assert line is None or found.line == line


def test_syntax_of_an_odd_escape_is_fine() -> None:
    assert check_syntax("x = '\\d'\n") is None


def test_static_errors_and_hints(static: StaticChecker) -> None:
    found = static.check("import os\n\n\ndef f(a):\n    b = a\n    return c\n")
    assert [(d.code, d.line, d.is_error) for d in found] == [
        ("F401", 0, False),
        ("F841", 4, False),
        ("F821", 5, True),
    ]
    assert all("\n" not in d.message for d in found)


def test_ruffs_settings_of_a_project_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ruff.toml").write_text('lint.select = ["I"]\n')
    monkeypatch.chdir(tmp_path)
    with StaticChecker() as checker:
        assert [d.code for d in checker.check("import sys\nimport os\nx = y\n")] == [
            "F401",
            "F401",
            "F821",
        ]


def test_what_no_star_import_binds_is_undefined(static: StaticChecker) -> None:
    """As far as it is known what they bind: modules of the standard library only."""
    body = "\n\ndef f(values: List[int]):\n    return deque(values), sqrt(vales), node\n"
    stars = "from typing import *\nfrom collections import *\nfrom math import *\n"
    found = static.check(stars + body)
    assert [(d.code, d.message, d.line) for d in found] == [
        ("F821", "Undefined name `node`", 6),
        ("F821", "Undefined name `vales`", 6),
    ]
    assert [d.message for d in static.check(stars.replace("math", "cmath") + body)] == [
        "Undefined name `node`",
        "Undefined name `vales`",
    ]
    assert len(static.check("from typing import *\n" + body)) == 4
    for module in ("numpy", ".math", ".", "os"):
        unknown = f"from {module} import *\n"
        assert static.check(stars + unknown + body) == ()


def test_static_checker_comes_back_after_ruff_died(static: StaticChecker) -> None:
    assert static.check("x = y\n")
    assert static._ruff._process is not None
    static._ruff._process.kill()
    static._ruff._process.wait()
    assert static.check("x = z\n")[0].message == "Undefined name `z`"


def test_a_new_hint_is_held_against_a_candidate(static: StaticChecker) -> None:
    original = "def f(a):\n    b = 1\n    return a\n"
    verifier = Verifier(original, static=static)
    assert verifier.verify(original).passed
    worse = verifier.verify("def f(a):\n    b = 1\n    c = 2\n    return a\n")
    assert not worse.passed
    assert [f.line for f in worse.findings] == [2, 1]


def test_errors_outside_of_the_window_are_tolerated(static: StaticChecker) -> None:
    original = "def f():\n    return missing\n\n\ndef g():\n    return wrong\n"
    verifier = Verifier(original, static=static, tolerated=[0, 1, 2, 3])
    assert [f.line for f in verifier.verify(original).findings] == [5]
    assert verifier.verify(original.replace("wrong", "1")).passed


def test_checks_end_with_the_first_failure(static: StaticChecker, pool: SandboxPool) -> None:
    plan = plan_asserts(["assert double(2) == 4", "assert double(0) == 0"])
    check = TestCheck("tests", plan, pool)
    verifier = Verifier(GOOD, static=static, checks=[check])
    assert [c.summary for c in verifier.verify(GOOD).checks] == [
        "syntax 1/1",
        "static 2/2",
        "tests 2/2",
    ]
    broken = verifier.verify("def double(x):\n    return 2 * y\n")
    assert (len(broken.checks), broken.complete, broken.passed) == (2, False, False)
    wrong = verifier.verify(GOOD.replace("*", "+"))
    assert wrong.checks[-1].summary == "tests 1/2"
    assert [f.text for f in wrong.findings] == ["double(0) -> 2, expected 0"]
    assert wrong.progress > broken.progress


def test_prelude_is_known_and_does_not_move_lines(static: StaticChecker, pool: SandboxPool) -> None:
    prelude = "from math import sqrt\n\n\n"
    check = TestCheck("tests", plan_asserts(["assert root(9) == 3"], prelude), pool, prelude)
    verifier = Verifier("", static=static, checks=[check], prelude=prelude)
    assert verifier.verify("def root(x):\n    return sqrt(x)\n").passed
    assert [f.line for f in verifier.verify("def root(x):\n    return sqr(x)\n").findings] == [1]


def test_limits_follow_what_the_original_needs(pool: SandboxPool) -> None:
    check = TestCheck("tests", plan_asserts(["assert double(2) == 4"]), pool, limits=Limits(2.0))
    assert check.calibrated(GOOD).limits.cpu_seconds < 2.0
    endless = GOOD.replace("return", "while True: pass\n    return")
    assert check.calibrated(endless).limits.cpu_seconds < 0.5, "most candidates do not end either"


def test_endless_candidates_wear_out_patience(pool: SandboxPool) -> None:
    check = TestCheck("tests", plan_asserts(["assert double(2) == 4"]), pool)
    check = check.calibrated("def double(x)\n")
    assert check.patience is not None
    assert check.run(GOOD, None).passed
    assert check.patience.limit(0.5) == 0.5
    for _ in range(16):
        assert not check.run(GOOD.replace("return", "while True: pass\n    return"), None).passed
    assert check.patience.limit(0.5) == pytest.approx(0.06)
    assert check.run(GOOD, None).passed


def test_findings_say_call_answer_and_expectation() -> None:
    outcomes = [
        TestOutcome("a", "pass"),
        TestOutcome("b", "fail", "f(2)", "5", "6"),
        TestOutcome("c", "error", "f([])", "0", "IndexError: list index out of range", 3),
        TestOutcome("d", "timeout", "f(9)", "1"),
        TestOutcome("e", "fail", "f(2)", "5", "6"),
    ]
    assert [(f.text, f.line) for f in outcome_findings(outcomes)] == [
        ("f(2) -> 6, expected 5", None),
        ("f([]) -> IndexError: list index out of range, expected 0", 2),
        ("f(9) -> no answer in time, expected 1", None),
    ]


def test_a_new_import_is_of_a_module_that_there_is(static: StaticChecker) -> None:
    verifier = Verifier("import mine\nprint(widht, mine)\n", static=static)
    assert not verifier.verify("import mine\nimport widht\nprint(widht, mine)\n").passed
    verdict = verifier.verify("import mine\nimport json as widht\nprint(widht, mine)\n")
    assert verdict.passed, verdict
