"""Assert tests: starts judge and player, reads the judge's verdicts, and finds the expected text in
the test source.
"""

from __future__ import annotations

import ast
import builtins
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from editloop.checks.library import imports
from editloop.checks.plans import TestPlan
from editloop.checks.testoutcome import Limits, clean, short
from editloop.sandbox.job import Answers
from editloop.sandbox.pool import SandboxPool

_LACKING = {"isclose": "math:isclose"}
"""What tests use without importing it, where the candidate has nothing of that name."""
CONVERSATION_CAP = 32 << 20
"""Bytes that either side may say in all; a single message stays under the answer cap."""


@dataclass(frozen=True, slots=True)
class Told:
    """The judge's word on one test."""

    status: Literal["pass", "fail", "error"]
    call: str = ""
    got: str = ""
    line: int | None = None
    test_line: int | None = None
    wanted: str = ""
    """The value that a name stands for which was compared with."""
    weak: str = ""
    """Why a pass is weaker evidence, "" where it is not."""


@dataclass(frozen=True, slots=True)
class JudgeRun:
    """What the judge told, by test number; `current` is the one that was running at the end."""

    told: dict[int, Told]
    current: int
    judge: Answers
    player: Answers


def run(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    functions: Sequence[str],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> JudgeRun:
    """Run test functions of the plan in a judge against stand-ins of the candidate in a player."""
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
        "names": list(functions),
        "prelude": prelude,
        "player_names": names,
        "imports": imported,
        "lacking": {name: path for name, path in _LACKING.items() if name in names},
        "library": dict(plan.library),
        "functions": list(plan.functions),
        "objects": plan.objects,
        "wanted": _names(plan.judge_source),
        "stop": limits.stop,
    }
    judged, played = pool.converse(
        limits.job(judge, CONVERSATION_CAP), limits.job(player, CONVERSATION_CAP), cancel
    )
    told: dict[int, Told] = {}
    current = 0
    for frame in judged.frames:
        if "start" in frame:
            current = frame["start"]
        elif "n" in frame:
            told[frame["n"]] = _told(frame)
    return JudgeRun(told, current, judged, played)


def _told(frame: dict[str, Any]) -> Told:
    if frame["status"] == "pass":
        return Told("pass", weak=frame["weak"])
    got = frame["got"] if frame["status"] == "fail" and frame["got"] else frame["error"]
    line = frame["line"] if type(frame["line"]) is int else None
    return Told(
        frame["status"],
        short(clean(frame["call"])),
        short(clean(got)),
        line,
        frame["test_line"],
        short(clean(frame.get("wanted", ""))),
    )


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
