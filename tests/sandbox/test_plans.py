"""From tests to plans, and from plans to outcomes."""

from __future__ import annotations

import pytest

from editloop.checks import testdoc, testjudge
from editloop.checks.callruns import record_calls
from editloop.checks.plans import plan_asserts, plan_doctests, plan_tests
from editloop.checks.testruns import run_plan
from editloop.sandbox import SandboxPool

GOOD = [
    ("f(3) == 4", "def f(x): return x + 1"),
    ("assert not f(-1)", "def f(x): return x + 1"),
    ("f(1) is None", "def f(x): pass"),
    ("f(1) != 3 and f(2) in [2, 4]", "def f(x): return 2 * x"),
    ("0 < f(1) <= 2", "def f(x): return 2 * x"),
    ("math.isclose(f(1), 0.333, abs_tol=0.01)", "def f(x): return x / 3"),
    ("abs(f(1) - 0.3333) < 1e-3", "def f(x): return x / 3"),
    ("set(f([1, 2, 2])) == {1, 2}", "def f(x): return x"),
    ("sorted(f('ba')) == ['a', 'b']", "def f(x): return x"),
    ("str(f(1)) == 'P1'", "class P:\n def __str__(s): return 'P1'\ndef f(x): return P()"),
    ("list(f(3)) == [0, 1, 2]", "def f(n): yield from range(n)"),
    ("sum(2, 3) == 5", "def sum(a, b): return a + b"),
    ("S().f(2) == 4", "class S:\n def f(self, x): return 2 * x"),
    ("f(2) == (1, [2.0], {'a': None})", "def f(x): return True, [2], dict(a=None)"),
    ("isinstance(f(1), int) and len(f(1)) == 1", "def f(x): return x"),
    ("[f(i) for i in range(3)] == [0, 1, 4]", "def f(x): return x * x"),
    ("f(2) == f(3)", "def f(x): return 1"),
    ("f(lambda x: x > 1, [1, 2]) == [2]", "def f(p, xs): return list(filter(p, xs))"),
]


@pytest.mark.parametrize(("line", "source"), GOOD)
def test_assertions(pool: SandboxPool, line: str, source: str) -> None:
    (outcome,) = run_plan(pool, source, plan_asserts([line]))
    assert (outcome.status == "pass") is ("len(f(1))" not in line), outcome
    (outcome,) = run_plan(pool, "def other(): pass", plan_asserts([line]))
    assert outcome.status == "error"
    assert "NameError" in outcome.got or "sum" in line


def test_no_expected_value_is_sent() -> None:
    lines = ["f(2) == 12345", "12345 in f(1)", "abs(f(1) - 12345) < 1", "f(1).startswith('12345')"]
    lines += ["f(3) == Counter('12345')", "isinstance(f(12), int)", "f(1).count('12345') == 1"]
    for line in lines:
        for test in plan_asserts([line]).tests:
            assert "12345" not in str([check.exprs for check in test.checks])


def test_outcome_text(pool: SandboxPool) -> None:
    source = "def f(x):\n    if x > 2:\n        raise ValueError('big')\n    return {'b', 'a'}\n"
    plan = plan_asserts(["f(1) == 1", "f(3) == 1", "f(1, 2) == 1"])
    first, second, third = run_plan(pool, source, plan)
    assert (first.status, first.call, first.expected, first.got) == (
        "fail",
        "f(1)",
        "1",
        "{'a', 'b'}",
    )
    assert (second.status, second.got, second.line) == ("error", "ValueError: big", 3)
    assert third.got.startswith("TypeError: f() takes 1 positional argument")
    assert run_plan(pool, source, plan) == (first, second, third)


def test_module_that_does_not_load(pool: SandboxPool) -> None:
    plan = plan_asserts(["f(1) == 1", "[f(1)] == [f(2)]"])
    for source, text, line in (
        ("x = 1\ndef f(:\n", "SyntaxError", 2),
        ("\n1 / 0", "ZeroDivisionError", 2),
    ):
        for outcome in run_plan(pool, source, plan):
            assert outcome.status == "error"
            assert text in outcome.got
            assert outcome.line == line


def test_timeout_and_crash(pool: SandboxPool) -> None:
    source = "import ctypes\ndef f(x):\n    while x == 2: pass\n    return ctypes.string_at(0) if x == 3 else x"  # noqa: E501
    run = run_plan(
        pool, source, plan_asserts([f"f({k}) == {k}" for k in (1, 2, 3)]), cpu_seconds=0.1
    )
    assert [o.status for o in run] == ["pass", "timeout", "error"]
    assert run[2].got == "not run"
    run = run_plan(pool, source, plan_asserts(["f(3) == 3", "f(1) == 1"]))
    assert run[0].got == "crashed (SIGSEGV)"


def test_task_form(pool: SandboxPool) -> None:
    tests = "def test_a():\n    assert f(1) == 2\n    assert f(2) == 3\n    print('ok')\ntest_a()\n"
    plan = plan_tests(tests, ["test_a"])
    assert plan.kind == "calls"
    assert [o.status for o in run_plan(pool, "def f(x): return x + 1", plan)] == ["pass"]
    assert [o.status for o in run_plan(pool, "def f(x): return 2", plan)] == ["fail"]
    with pytest.raises(ValueError, match="do not define"):
        plan_tests(tests, ["test_b"])
    with pytest.raises(SyntaxError):
        plan_tests("def (", ["test_b"])


DOC = '''def f(x):
    """Add one.

    >>> f(1)
    2
    >>> y = f(2)
    >>> print(y, {1: y})
    3 {1: 3}
    >>> f('a')
    Traceback (most recent call last):
    TypeError: can only concatenate str (not "int") to str
    >>> f(1.0000001)  # doctest: +ELLIPSIS
    2.000...
    """
    return x + 1
class C:
    """
    >>> C().g()
    'g'
    """
    def g(self): return 'g'
'''


def test_doctests(pool: SandboxPool) -> None:
    plan = plan_doctests(DOC)
    assert plan is not None
    assert {o.status for o in run_plan(pool, DOC, plan)} == {"pass"}
    outcomes = run_plan(pool, DOC.replace("x + 1", "x + 2"), plan)
    assert [o.status for o in outcomes] == ["fail", "pass", "fail", "pass", "fail", "pass"]
    assert outcomes[0].name == "line 4"
    assert (outcomes[0].call, outcomes[0].expected, outcomes[0].got) == ("f(1)", "2", "3")
    assert plan_doctests("def f(): pass") is None
    assert plan_doctests("def f(:") is None


def test_examples_are_cut() -> None:
    text = testdoc.cut(DOC)
    assert ">>>" not in text
    assert text.count("\n") == DOC.count("\n")
    compile(text, "x", "exec")


def test_a_candidate_cannot_read_its_own_examples(pool: SandboxPool) -> None:
    source = DOC.replace("return x + 1", "return int((f.__doc__ or '').split('\\n')[3])")
    outcomes = run_plan(pool, source, plan_doctests(DOC))  # type: ignore[arg-type]
    assert outcomes[0].status == "error"


def test_record_calls(pool: SandboxPool) -> None:
    source = "def f(x): x.append(1); return x\ndef g(): return object()"
    assert record_calls(pool, source, [("f", ([0],)), ("g", ()), ("h", ()), ("f", (1,))]) == [
        [0, 1],
        None,
        None,
        None,
    ]


def test_a_source_that_python_warns_of_is_read_in_silence() -> None:
    # Warnings are errors in tests: one that got out would end this.
    source = 'def f():\n    """\n    >>> f()\n    1\n    """\n    return "\\d" and 1if 1 else 2\n'
    assert len(testdoc.extract(source)) == 1
    assert ">>>" not in testdoc.cut(source)
    assert testjudge.imports("from math import pi\nx = '\\d'\n", ["pi"])
