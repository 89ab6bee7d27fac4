"""Tests of the "calls" kind: sends their calls to one child, reads its numbered answers and holds
them against what the assertions want. Also records what calls of a trusted module answer.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from editloop.checks.plans import PlannedTest
from editloop.checks.templates import evaluate, parse
from editloop.checks.testexpr import CallCheck
from editloop.checks.testoutcome import (
    NOT_RUN,
    Limits,
    TestOutcome,
    clean,
    ending,
    error_text,
    load_error,
    noted,
    short,
)
from editloop.sandbox import plain
from editloop.sandbox.inner import decode
from editloop.sandbox.inner.show import CAP, show
from editloop.sandbox.job import Job
from editloop.sandbox.pool import SandboxPool


def run_calls(
    pool: SandboxPool,
    source: str,
    tests: Sequence[PlannedTest],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> Iterator[TestOutcome]:
    """The tests' outcomes in order; all calls are made in one child."""
    items = [{"e": e} for test in tests for check in test.checks for e in check.exprs]
    message: dict[str, Any] = {"kind": "calls", "source": source, "items": items}
    message |= {"prelude": prelude, "traced": limits.traced}
    answers = pool.run(limits.job(message, answers=len(items)), cancel)
    broken = load_error(answers)
    frames = answers.frames[1:]
    ended = False
    position = 0
    for test in tests:
        outcome, first = TestOutcome(test.name, "pass"), position
        for check in test.checks:
            start, position = position, position + len(check.exprs)
            if outcome.status != "pass":
                continue
            part, call = frames[start:position], short(check.exprs[0])
            if broken is not None:
                outcome = TestOutcome(test.name, broken[0], call, "", broken[1], broken[2])
            elif _numbered(part, start) and len(part) == len(check.exprs):
                weak = outcome.weak
                outcome = _judge_check(test.name, check, part)
                outcome = replace(outcome, weak=outcome.weak or weak)
            elif ended:
                outcome = TestOutcome(test.name, "error", call, "", NOT_RUN)
            else:
                ended = True
                status, text = ending(answers)
                outcome = TestOutcome(test.name, status, call, _expected(check)[0], text)
        yield noted(outcome, answers, first, position - first)


def _numbered(frames: Sequence[Any], start: int) -> bool:
    return all(
        isinstance(frame, dict) and frame.get("n") == start + k for k, frame in enumerate(frames)
    )


def _judge_check(name: str, check: CallCheck, frames: Sequence[Any]) -> TestOutcome:
    """The comparison: plain data on one side, the template on the other."""
    call = short(check.exprs[0])
    expected, side = _expected(check)
    values = []
    for frame in frames:
        if "exc" in frame:
            text, line = error_text(frame["exc"])
            return TestOutcome(name, "error", call, expected, text, line)
        try:
            values.append(plain.decode_plain(frame.get("ret")))
        except decode.ForeignValue as foreign:
            return TestOutcome(
                name, "fail", call, expected, f"an object of type {clean(str(foreign))}"
            )
        except decode.BadValue:
            return TestOutcome(name, "fail", call, expected, "a value that cannot be compared")
    got = show(values[0])
    try:
        if side is not None:
            got = show(evaluate(side, values))
        passed = bool(evaluate(parse(check.template), values))
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        RecursionError,
        AttributeError,
    ) as error:
        return TestOutcome(
            name, "fail", call, expected, f"{got} ({type(error).__name__} in the comparison)"[:CAP]
        )
    weak = check.weak if passed else ""
    return TestOutcome(name, "pass" if passed else "fail", call, expected, got, weak=weak)


def _expected(check: CallCheck) -> tuple[str, ast.expr | None]:
    """The expected side as text, and the side that is computed from answers."""
    tree = parse(check.template)
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        left, right = tree.left, tree.comparators[0]
        if not _has_hole(right):
            return _expected_text(tree.ops[0], right), left
        if not _has_hole(left):
            return _expected_text(tree.ops[0], left), right
    if isinstance(tree, ast.Name):
        return "True", tree
    if (
        isinstance(tree, ast.UnaryOp)
        and isinstance(tree.op, ast.Not)
        and isinstance(tree.operand, ast.Name)
    ):
        return "False", tree.operand
    text = check.template.replace("_0", "result")
    return short(text), None


def _has_hole(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id[:1] == "_" for part in ast.walk(node))


_WORDS = {
    ast.Eq: "",
    ast.Is: "",
    ast.NotEq: "not ",
    ast.IsNot: "not ",
    ast.Lt: "less than ",
    ast.LtE: "at most ",
    ast.Gt: "more than ",
    ast.GtE: "at least ",
    ast.In: "one of ",
    ast.NotIn: "none of ",
}


def _expected_text(op: ast.cmpop, node: ast.expr) -> str:
    try:
        text = show(evaluate(node, ()))
    except (TypeError, ValueError, ArithmeticError, LookupError):
        text = ast.unparse(node)[:CAP]
    return _WORDS[type(op)] + text


def record_calls(
    pool: SandboxPool,
    source: str,
    calls: Sequence[tuple[str, tuple[Any, ...]]],
    *,
    cpu_seconds: float = 2.0,
    wall_seconds: float = 10.0,
) -> list[Any]:
    """What the functions of a trusted module answer, as plain values; None for an error, a foreign
    value or no answer.

    All calls are made in one child, each with its own copy of its arguments, which are literals. A
    function that answers None cannot be told from one that failed: tests made from it would say
    nothing.
    """
    items = [{"e": f"{name}(*{args!r})"} for name, args in calls]
    message = {"kind": "calls", "source": source, "items": items}
    answers = pool.run(Job(message, cpu_seconds, wall_seconds))
    values: list[Any] = [None] * len(calls)
    for frame in answers.frames[1:]:
        if isinstance(frame, dict) and "ret" in frame and frame.get("n") in range(len(calls)):
            try:
                values[frame["n"]] = plain.decode_plain(frame["ret"])
            except (decode.ForeignValue, decode.BadValue):
                continue
    return values
