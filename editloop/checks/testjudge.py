"""Tests of the "asserts" kind: starts judge and player, reads the judge's verdicts, and finds the
expected text in the test source.
"""

from __future__ import annotations

import ast
import builtins
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from editloop.checks.plans import PlannedTest, TestPlan
from editloop.checks.testoutcome import (
    NOT_RUN,
    Limits,
    TestOutcome,
    clean,
    ending,
    load_error,
    short,
)
from editloop.python.library import imports
from editloop.sandbox.pool import SandboxPool

_LACKING = {"isclose": "math:isclose"}
"""What tests use without importing it, where the candidate has nothing of that name."""
CONVERSATION_CAP = 32 << 20
"""Bytes that either side may say in all; a single message stays under the answer cap."""


def run_judged(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    tests: Sequence[PlannedTest],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> list[TestOutcome]:
    """The outcomes of tests that have a function, in order: it runs in a judge, against stand-ins
    of the candidate in a player."""
    names = list(plan.player_names)
    imported = imports(source, names)
    player = {
        "kind": "player",
        "source": source,
        "prelude": prelude,
        "names": names,
        "imports": imported,
    }
    judge = {
        "kind": "judge",
        "tests": plan.judge_source,
        "names": [test.function for test in tests],
        "prelude": prelude,
        "player_names": names,
        "imports": imported,
        "lacking": {name: path for name, path in _LACKING.items() if name in names},
        "library": dict(plan.library),
        "functions": list(plan.functions),
        "objects": plan.objects,
        "wanted": _names(plan.judge_source),
    }
    judged, played = pool.converse(
        limits.job(judge, CONVERSATION_CAP), limits.job(player, CONVERSATION_CAP), cancel
    )
    # Of two that wait for each other either may be the first that the clock ends.
    late = next((side for side in (played, judged) if side.timed_out), played)
    broken = load_error(played, late)
    if broken is not None:
        return [TestOutcome(test.name, broken[0], "", "", broken[1], broken[2]) for test in tests]
    told = {frame["n"]: frame for frame in judged.frames if "n" in frame}
    current = next((frame["start"] for frame in judged.frames[::-1] if "start" in frame), 0)
    outcomes = []
    for number, test in enumerate(tests):
        if number in told:
            outcomes.append(_outcome(test, told[number], plan.judge_source))
        elif number == current:
            status, text = ending(late)
            outcomes.append(TestOutcome(test.name, status, "", "", text))
        else:
            outcomes.append(TestOutcome(test.name, "error", got=NOT_RUN))
    return outcomes


def _outcome(test: PlannedTest, told: dict[str, Any], tests: str) -> TestOutcome:
    """The judge's word on one test."""
    if told["status"] == "pass":
        return TestOutcome(test.name, "pass", weak=told["weak"] or test.weak)
    got = told["got"] if told["status"] == "fail" and told["got"] else told["error"]
    texts = (told["call"], got, told.get("wanted", ""))
    call, got, wanted = (short(clean(text)) for text in texts)
    # Of `want == got` the name on the right is the answer itself.
    wanted = (wanted if wanted != got else "") or expected(tests, told["test_line"])
    line = told["line"] if type(told["line"]) is int else None
    return TestOutcome(test.name, told["status"], call, wanted, got, line)


def expected(tests: str, line: int | None) -> str:
    """What the assertion on that line of the tests wants, "" when it cannot be read off it."""
    if line is None:
        return ""
    return next((wanted for lines, wanted in _assertions(tests) if line in lines), "")


@lru_cache(maxsize=32)
def _assertions(tests: str) -> tuple[tuple[range, str], ...]:
    """The lines of each assertion and what it wants; asked again for every candidate."""
    found = [node for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Assert)]
    return tuple(
        (range(node.lineno, (node.end_lineno or node.lineno) + 1), _wanted(node.test))
        for node in found
    )


@lru_cache(maxsize=32)
def _names(tests: str) -> dict[str, str]:
    """The names that assertions compare with, by the assertions' lines."""
    return {
        str(line): text
        for lines, text in _assertions(tests)
        if text.isidentifier()
        for line in lines
    }


def _wanted(test: ast.expr) -> str:
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, right = test.left, test.comparators[0]
        part, other = (left, right) if isinstance(left, ast.Constant) else (right, left)
        if not _is_answer(other):
            return ""
    elif isinstance(test, ast.Call) and test.args:
        part = test.args[-1]  # a helper such as same(got, 30)
    else:
        return ""
    return short(ast.unparse(part))


def _is_answer(node: ast.expr) -> bool:
    """Whether what is compared is what a call answers, not something made of it."""
    if isinstance(node, ast.Call):
        return not (isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id))
    return isinstance(node, ast.Name)
