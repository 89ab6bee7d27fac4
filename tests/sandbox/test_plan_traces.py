"""Which lines each example or expression runs, and where it raises."""

from __future__ import annotations

from editloop.checks.plans import plan_asserts, plan_doctests
from editloop.checks.verify import TestCheck
from editloop.sandbox import SandboxPool

SOURCE = '''\
def f(x):
    """Something.

    >>> f(1)
    2
    >>> f(2)
    3
    >>> f(0)
    0
    """
    if x > 1:
        return x + 1
    if not x:
        raise KeyError(x)
    return 2


def g(x):
    return f(x)
'''


def test_doctests(pool: SandboxPool) -> None:
    plan = plan_doctests(SOURCE)
    assert plan is not None
    one, two, zero = TestCheck("doctests", plan, pool).traces(SOURCE, None)
    assert (one.passed, one.lines, one.frames) == (True, {10, 12, 14}, ())
    assert (two.passed, two.lines) == (True, {10, 11})
    assert (zero.passed, zero.lines, zero.frames) == (False, {10, 12, 13}, (13,))
    assert "KeyError" in zero.error


def test_expressions(pool: SandboxPool) -> None:
    plan = plan_asserts(["g(2) == 3", "g(1) == 3", "f(0) == 1"])
    two, one, zero = TestCheck("tests", plan, pool).traces(SOURCE, None)
    assert (two.passed, two.lines) == (True, {10, 11, 18})
    assert (one.passed, one.lines) == (False, {10, 12, 14, 18})
    assert (zero.lines, zero.frames) == ({10, 12, 13}, (13,))


def test_a_module_that_does_not_load(pool: SandboxPool) -> None:
    plan = plan_asserts(["f(2) == 3"])
    (trace,) = TestCheck("tests", plan, pool).traces("x = 1\nraise KeyError(x)\n", None)
    assert (trace.passed, trace.frames) == (False, (1,))
