"""Runs test plans through the sandbox and turns answers into outcomes: the only place where pass or
fail is said.
"""

from __future__ import annotations

import ast
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from editloop.checks import testdoc, testjudge
from editloop.checks.plans import PlannedTest, TestPlan
from editloop.checks.testexpr import CallCheck, evaluate, parse
from editloop.sandbox.inner import codec
from editloop.sandbox.inner.show import CAP, show
from editloop.sandbox.inner.wire import ANSWER_CAP
from editloop.sandbox.pool import Answers, Job, SandboxPool

Status = Literal["pass", "fail", "error", "timeout"]
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one test went, in deterministic text: no addresses, paths or timings."""

    __test__ = False

    name: str
    status: Status
    call: str = ""
    expected: str = ""
    got: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one child. ``stop``: the first failure ends it; ``warm``: it may have run others."""

    cpu_seconds: float
    wall_seconds: float
    stop: bool
    warm: bool

    def job(self, message: dict[str, Any], cap: int = ANSWER_CAP) -> Job:
        """The job of a child with these limits."""
        return Job(message, self.cpu_seconds, self.wall_seconds, cap, self.warm)


def run_plan(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    *,
    prelude: str = "",
    cpu_seconds: float = 1.0,
    wall_seconds: float = 5.0,
    stop_at_first_failure: bool = False,
    warm: bool = False,
    cancel: threading.Event | None = None,
) -> tuple[TestOutcome, ...]:
    """Outcomes of all tests of the plan on one candidate, in the plan's order.

    The limits hold for all calls together. A module that cannot be loaded makes every outcome an
    "error". With `stop_at_first_failure`, and after a timeout or a crash, what follows is an
    "error" that says "not run". ``warm``: several times as fast, in a child that ran other
    candidates, so what they did may show; not to be believed where it matters.
    """
    limits = Limits(cpu_seconds, wall_seconds, stop_at_first_failure, warm)
    prelude = prelude or plan.prelude
    if plan.kind == "doctests":
        return _run_doctests(pool, source, plan, prelude, limits, cancel)
    called = [test for test in plan.tests if not test.function]
    judged = [test for test in plan.tests if test.function]
    done: dict[str, TestOutcome] = {}
    if called:
        done |= {o.name: o for o in _run_calls(pool, source, called, prelude, limits, cancel)}
    failed = any(outcome.status != "pass" for outcome in done.values())
    if judged and not (
        failed and (stop_at_first_failure or (cancel is not None and cancel.is_set()))
    ):
        done |= {
            o.name: o for o in _run_judged(pool, source, plan, judged, prelude, limits, cancel)
        }
    return tuple(
        done.get(test.name) or TestOutcome(test.name, "error", got=NOT_RUN) for test in plan.tests
    )


def _run_calls(
    pool: SandboxPool,
    source: str,
    tests: Sequence[PlannedTest],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> Iterator[TestOutcome]:
    checks = [(test, check) for test in tests for check in test.checks]
    items = [{"e": expr} for _, check in checks for expr in check.exprs]
    starts = [sum(len(check.exprs) for _, check in checks[:k]) for k in range(len(checks))]
    seen: list[Any] = []

    def watch(frame: Any) -> bool:
        seen.append(frame)
        if len(seen) > len(items) + 1:
            return True  # more answers than questions
        if not limits.stop:
            return False
        for (_, check), start in zip(checks, starts, strict=True):
            if start + len(check.exprs) == len(seen) - 1:
                part = seen[1 + start :]
                return not _numbered(part, start) or _judge_check("", check, part).status != "pass"
        return isinstance(frame, dict) and "exc" in frame

    message = {"kind": "calls", "source": source, "prelude": prelude, "items": items}
    answers = pool.run(limits.job(message), cancel, watch)
    broken = load_error(answers)
    ended = False
    position = 0
    frames = answers.frames[1:]
    for test in tests:
        outcome = TestOutcome(test.name, "pass")
        for check in test.checks:
            part = frames[position : position + len(check.exprs)]
            call = testjudge.short(check.exprs[0])
            if broken is not None:
                outcome = TestOutcome(test.name, broken[0], call, "", broken[1], broken[2])
            elif _numbered(part, position) and len(part) == len(check.exprs):
                outcome = _judge_check(test.name, check, part)
            elif ended:
                outcome = TestOutcome(test.name, "error", call, "", NOT_RUN)
            else:
                ended = True
                status, text = ending(answers)
                outcome = TestOutcome(test.name, status, call, _expected(check)[0], text)
            position += len(check.exprs)
            if outcome.status != "pass":
                break
        position = starts_after(test, tests)
        if outcome.status != "pass" and limits.stop and broken is None:
            yield outcome
            return
        yield outcome


def starts_after(test: PlannedTest, tests: Sequence[PlannedTest]) -> int:
    """Index of the first call after a test's own."""
    position = 0
    for one in tests:
        position += sum(len(check.exprs) for check in one.checks)
        if one is test:
            break
    return position


def _numbered(frames: Sequence[Any], start: int) -> bool:
    return all(
        isinstance(frame, dict) and frame.get("n") == start + k for k, frame in enumerate(frames)
    )


def load_error(answers: Answers) -> tuple[Status, str, int | None] | None:
    """Status, text and line when the module could not be loaded."""
    first = answers.frames[0] if answers.frames else None
    if first is None:
        status, text = ending(answers)
        return status, text, None
    if not isinstance(first, dict) or first.get("n") != -1:
        return "error", "malformed answer", None
    if "exc" in first:
        return "error", *error_text(first["exc"])
    return None


def ending(answers: Answers) -> tuple[Status, str]:
    """What an answer that never came means."""
    if answers.timed_out:
        return "timeout", ""
    text = {
        "crash": f"crashed ({answers.signal})",
        "flood": "answered more than 1 MB",
        "cancelled": "cancelled",
        "stopped": NOT_RUN,
        "lost": "the sandbox was lost",
    }.get(answers.end, "ended without an answer")
    return "error", text


def error_text(told: Any) -> tuple[str, int | None]:
    """`ValueError: message` and the candidate's line, from an untrusted frame."""
    try:
        name, message, line = str(told["mro"][0])[:80], str(told["msg"]), told["line"]
    except (KeyError, IndexError, TypeError):
        return "malformed answer", None
    text = f"{name}: {testjudge.clean(message)}" if message else name
    return testjudge.short(text), line if type(line) is int else None


def _judge_check(name: str, check: CallCheck, frames: Sequence[Any]) -> TestOutcome:
    """The comparison: plain data on one side, the template on the other."""
    call = testjudge.short(check.exprs[0])
    expected, side = _expected(check)
    values = []
    for frame in frames:
        if "exc" in frame:
            text, line = error_text(frame["exc"])
            return TestOutcome(name, "error", call, expected, text, line)
        try:
            values.append(codec.decode_plain(frame.get("ret")))
        except codec.ForeignValue as foreign:
            return TestOutcome(
                name, "fail", call, expected, f"an object of type {testjudge.clean(str(foreign))}"
            )
        except codec.BadValue:
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
    return TestOutcome(name, "pass" if passed else "fail", call, expected, got)


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
    return testjudge.short(text), None


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


def _run_doctests(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> tuple[TestOutcome, ...]:
    examples = [example for group in plan.groups for example in group]
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        source = testdoc.cut(source)  # where it does not parse, the child says so
    groups = [[example.source for example in group] for group in plan.groups]
    message = {"kind": "doctests", "source": source, "prelude": prelude, "groups": groups}
    seen: list[Any] = []

    def watch(frame: Any) -> bool:
        seen.append(frame)
        number = len(seen) - 2
        if number >= len(examples):
            return True  # more answers than questions
        if not limits.stop or not 0 <= number < len(examples):
            return False
        return not isinstance(frame, dict) or _doc(examples[number], frame).status != "pass"

    answers = pool.run(limits.job(message), cancel, watch)
    broken = load_error(answers)
    outcomes: list[TestOutcome] = []
    for number, example in enumerate(examples):
        name, call, expected = (
            f"line {example.line}",
            example.source.strip()[:CAP],
            testdoc.wanted_text(example),
        )
        frame = answers.frames[number + 1] if number + 1 < len(answers.frames) else None
        if broken is not None:
            outcomes.append(TestOutcome(name, broken[0], call, expected, broken[1], broken[2]))
        elif isinstance(frame, dict) and frame.get("n") == number:
            outcomes.append(_doc(example, frame))
        else:
            status, text = (
                ending(answers) if number + 1 == len(answers.frames) else ("error", NOT_RUN)
            )
            outcomes.append(TestOutcome(name, status, call, expected, text))
    return tuple(outcomes)


def _doc(example: testdoc.DocExample, frame: Any) -> TestOutcome:
    name, call, expected = (
        f"line {example.line}",
        example.source.strip()[:CAP],
        testdoc.wanted_text(example),
    )
    out, error = frame.get("out"), frame.get("text")
    if not isinstance(out, str) or not (error is None or isinstance(error, str)):
        return TestOutcome(name, "error", call, expected, "malformed answer")
    if testdoc.passes(example, out, error):
        return TestOutcome(name, "pass", call, expected, expected)
    if error is not None:
        text, line = error_text(frame.get("exc"))
        return TestOutcome(name, "error", call, expected, text, line)
    got = testjudge.clean(out).rstrip("\n")
    return TestOutcome(name, "fail", call, expected, testjudge.short(got))


def _run_judged(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    tests: Sequence[PlannedTest],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> list[TestOutcome]:
    run = testjudge.run(
        pool,
        source,
        plan.judge_source,
        [test.function for test in tests],
        plan.player_names,
        prelude,
        limits,
        cancel,
    )
    broken = load_error(run.player)
    if broken is not None:
        return [TestOutcome(test.name, broken[0], "", "", broken[1], broken[2]) for test in tests]
    outcomes = []
    for number, test in enumerate(tests):
        told = run.told.get(number)
        if told is not None:
            # Of `want == got` the name on the right is the answer itself.
            expected = told.wanted if told.wanted != told.got else ""
            if told.status != "pass" and not expected:
                expected = testjudge.expected(plan.judge_source, told.test_line)
            outcomes.append(
                TestOutcome(test.name, told.status, told.call, expected, told.got, told.line)
            )
        elif number == run.current:
            status, text = ending(run.judge if run.judge.timed_out else run.player)
            outcomes.append(TestOutcome(test.name, status, "", "", text))
        else:
            outcomes.append(TestOutcome(test.name, "error", got=NOT_RUN))
    return outcomes


def record_calls(
    pool: SandboxPool,
    source: str,
    calls: Sequence[tuple[str, tuple[Any, ...]]],
    *,
    prelude: str = "",
    cpu_seconds: float = 2.0,
    wall_seconds: float = 10.0,
    cancel: threading.Event | None = None,
) -> list[Any]:
    """What the functions of a trusted module answer, as plain values; None for an error, a foreign
    value or no answer.

    All calls are made in one child, each with its own copy of its arguments. A function that
    answers None cannot be told from one that failed: tests made from it would say nothing.
    """
    items = [{"f": name, "a": codec.encode(tuple(args))} for name, args in calls]
    message = {"kind": "calls", "source": source, "prelude": prelude, "items": items}
    answers = pool.run(Job(message, cpu_seconds, wall_seconds), cancel)
    values: list[Any] = [None] * len(calls)
    for frame in answers.frames[1:]:
        if isinstance(frame, dict) and "ret" in frame and frame.get("n") in range(len(calls)):
            try:
                values[frame["n"]] = codec.decode_plain(frame["ret"])
            except (codec.ForeignValue, codec.BadValue):
                continue
    return values
