"""Candidates that try to be told right: none is, but where no test of the kind could tell, and then
the outcome says that it is weaker evidence."""

from __future__ import annotations

import time

import pytest

from editloop.checks.plans import TestPlan, plan_asserts, plan_doctests, plan_tests
from editloop.checks.testoutcome import TestOutcome
from editloop.checks.testruns import run_plan
from editloop.checks.verify import TestCheck
from editloop.sandbox import SandboxPool
from editloop.sandbox.inner import decode, encode, load
from editloop.sandbox.inner.show import show

from .lies import HONEST, PROGRAMS, STYLES, YES
from .lying_plans import PLANS

CPU, WALL = 0.5, 1.5
HANG = 10.0
"""Seconds of a run that no host needs, however busy it is."""
INHERENT = {("own isclose", "judged isclose"), ("math patched", "judged isclose")}
"""Where the original is not known the candidate's own function for the comparison is believed."""


def run(pool: SandboxPool, source: str, plan: TestPlan) -> tuple[TestOutcome, ...]:
    return run_plan(pool, source, plan, cpu_seconds=CPU, wall_seconds=WALL)


def told(outcomes: tuple[TestOutcome, ...]) -> str:
    """pass, weak or notpass."""
    if not outcomes or any(outcome.status != "pass" for outcome in outcomes):
        return "notpass"
    return "weak" if any(outcome.weak for outcome in outcomes) else "pass"


@pytest.mark.parametrize("style", STYLES)
def test_an_honest_program_passes(pool: SandboxPool, style: str) -> None:
    assert told(run(pool, HONEST, STYLES[style])) == "pass"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_lying_program_does_not_pass(pool: SandboxPool, name: str) -> None:
    for style, plan in STYLES.items():
        started = time.monotonic()
        word = told(run(pool, PROGRAMS[name], plan))
        assert word == "notpass" or (word == "weak" and (name, style) in INHERENT), style
        assert time.monotonic() - started < HANG, style
    assert told(run(pool, HONEST, STYLES["equal"])) == "pass"


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_is_not_talked_into_a_pass(pool: SandboxPool, name: str) -> None:
    case = PLANS[name]
    plan = case.plan()
    wrong, right = told(run(pool, case.wrong, plan)), told(run(pool, case.right, plan))
    assert wrong == ("weak" if case.weak else "notpass")
    assert right == ("weak" if case.honest_weak else "pass")


KNOWN = [
    "membership in a class",
    "method of a class",
    "difference",
    "intersection",
    "isidentifier",
    "isclose of its own",
]


@pytest.mark.parametrize("name", KNOWN)
def test_what_the_original_is_settles_more(pool: SandboxPool, name: str) -> None:
    case = PLANS[name]
    plan = case.plan().about(case.right)
    assert told(run(pool, case.wrong, plan)) == "notpass"
    assert told(run(pool, case.right, plan)) == "pass"


def test_names_that_the_original_defines_are_the_candidates(pool: SandboxPool) -> None:
    tests = (
        "def test():\n    for a, b, w in ((4, 6, 2), (9, 6, 3)):\n        assert gcd(a, b) == w\n"
    )
    original = "from math import gcd\ndef gcd(a, b):\n    return a if b else gcd(b, a)\n"
    plan = plan_tests(tests, ["test"]).about(original)
    assert not plan.library
    assert told(run(pool, original, plan)) == "notpass"
    imported = plan_tests(tests, ["test"]).about("from math import gcd\n")
    assert imported.library == (("gcd", "math:gcd"),)
    assert told(run(pool, "def gcd(a, b): return -1", imported)) == "pass"


def test_objects_that_are_right_to_compare_are_believed_as_weaker(pool: SandboxPool) -> None:
    body = "from fractions import Fraction\ndef half(n):\n    '''\n    >>> half(1) == 0.5\n    True\n    >>> half(1)\n    Fraction(1, 2)\n    '''\n    return Fraction(n, 2)\n"  # noqa: E501
    plan = plan_doctests(body)
    assert plan is not None
    outcomes = run(pool, body, plan)
    assert [o.status for o in outcomes] == ["pass", "pass"]
    assert [bool(o.weak) for o in outcomes] == [True, False]
    check = TestCheck("doctests", plan, pool).run(body, None)
    assert check.passed
    assert check.summary == "doctests 2/2 (1 self-judged)"


def test_an_example_that_compares_is_shown_as_before(pool: SandboxPool) -> None:
    body = (
        "def f(n):\n    '''\n    >>> f(2) == 3  # a comment\n    True\n"
        "    >>> f(2) == 4\n    False\n"
        "    >>> f(0) < 1\n    Traceback (most recent call last):\n    ZeroDivisionError: no\n"
        "    >>> f('a') < 1\n    Traceback (most recent call last):\n"
        "    TypeError: '<' not supported between instances of 'str' and 'int'\n"
        "    >>> f(2) == 3 or f(0)\n    True\n    >>> x = f(2); x == 3\n    True\n"
        "    >>> assert f(2) == 4\n    Traceback (most recent call last):\n    AssertionError\n"
        "    '''\n"
        "    if n == 0:\n        raise ZeroDivisionError('no')\n"
        "    return n if n == 'a' else n + 1\n"
    )
    plan = plan_doctests(body)
    assert plan is not None
    assert sum(example.check is not None for example in plan.groups[0]) == 6
    assert {outcome.status for outcome in run(pool, body, plan)} == {"pass"}
    wrong = run(pool, body.replace("n + 1", "n + 2"), plan)
    assert (wrong[0].status, wrong[0].got, wrong[1].got) == ("fail", "False", "True")


def test_no_example_tells_the_candidate_what_is_expected() -> None:
    plan = STYLES["doctest equal"]
    assert all(e.check and "==" not in str(e.check.exprs) for g in plan.groups for e in g)


SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r", "\r\n"]


@pytest.mark.parametrize("mark", SEPARATORS, ids=ascii)
def test_only_pythons_own_line_ends_count(pool: SandboxPool, mark: str) -> None:
    body = 'TEXT = "a"  # %s\ndef f():\n    """One.\n\n    >>> f()\n    1\n    """\n    return 1\n'
    source = body.replace("%s", (mark * 3).rstrip("\r\n") or "x")
    if mark.strip("\r\n") == "":
        source = source.replace("\n", mark)
    plan = plan_doctests(source)
    assert plan is not None
    assert [outcome.status for outcome in run(pool, source, plan)] == ["pass"]


def test_a_hang_while_importing_is_a_timeout(pool: SandboxPool) -> None:
    source = (
        "import threading\nclass D:\n    def __del__(self):\n        while True: pass\n"
        "x = D()\ndel x\ndef solve(n): return n\n"
    )
    for style in ("equal", "judged equal", "doctest equal"):
        assert {outcome.status for outcome in run(pool, source, STYLES[style])} <= {
            "timeout",
            "error",
        }
        assert run(pool, source, STYLES[style])[0].status == "timeout"
    sleeping = "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n"
    for _ in range(3):
        assert run(pool, sleeping, STYLES["judged equal"])[0].status == "timeout"


def test_a_player_speaks_when_it_is_spoken_to(pool: SandboxPool) -> None:
    source = "import os\ndef solve(n):\n    os.write(3, bytes(40000))\n    return 0\n"
    assert told(run(pool, source, STYLES["judged equal"])) == "notpass"


def test_only_data_is_rewritten_by_a_reply() -> None:
    class Thing:
        pass

    for seed, node in (
        (Thing(), ["O", "Other", "_made", True]),
        (Thing(), ["O"]),
        ([1], ["S", 1]),
        ({1: 2}, ["DC", 1, 2]),
    ):
        decoder = decode.Decoder([seed], {"Other": int, "Thing": object})
        with pytest.raises(decode.BadValue):
            decoder.message({"r": None, "t": [node]})
    kept: list[int] = [1]
    decode.Decoder([kept]).message({"r": None, "t": [["L", 2]]})
    assert kept == [2]


def test_equal_hashes_are_refused_before_they_cost() -> None:
    modulus = (1 << 61) - 1
    for tag in ("S", "F", "D"):
        flood = [k * modulus for k in range(1, 20_000)]
        items = [x for k in flood for x in (k, 0)] if tag == "D" else flood
        with pytest.raises(decode.BadValue):
            decode.Decoder().message({"r": [0], "t": [[tag, *items]]})
    assert len(decode.Decoder().message(encode.encode(set(range(50_000))))) == 50_000


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("set(f(1) + g(1)) == {1}", "return [k * ((1 << 61) - 1) for k in range(20000)]"),
        ("sum(f(1) + g(1)) == 1", "return [1 << 2000000] + [1] * 40000"),
        ("sum(f(1) + g(1), []) == []", "return [[1]] * 40000"),
        ("round(f(1), g(1)) == 1", "return -10 ** 9"),
        ("{f(1): 1, 2: 3} == {}", "return 1 << 3000000"),
        ("max(f(1) + g(1)) == 1", "return [['x' * 200000] for k in range(4)] * 10000"),
    ],
)
def test_the_host_is_not_kept_busy(pool: SandboxPool, line: str, body: str) -> None:
    started = time.monotonic()
    source = f"def f(x): {body}\ng = f\n"
    (outcome,) = run(pool, source, plan_asserts([line]))
    assert outcome.status != "pass"
    assert time.monotonic() - started < HANG


def test_a_namesake_of_a_builtin_class_is_not_it() -> None:
    own = type("ValueError", (KeyError,), {"__module__": "candidate"})
    assert load.class_names(own)[:2] == ["candidate.ValueError", "KeyError"]
    assert load.class_names(ValueError)[0] == "ValueError"


def test_a_class_in_place_of_a_function_is_believed_nothing(pool: SandboxPool) -> None:
    tests = (
        "def test():\n    for s, p in (('ab', 'a'), ('c', 'c')):\n        assert p in parts(s)\n"
    )
    plan = plan_tests(tests, ["test"]).about("import decimal\ndef parts(s): pass\n")
    assert plan.objects
    assert told(run(pool, YES + "class parts(Yes): pass", plan)) == "notpass"


def test_whether_right_answers_may_be_objects() -> None:
    example = "    '''\n    >>> f() == 1\n    False\n    '''\n"
    for head, objects in (
        ("class f:\n", True),
        ("from decimal import Decimal\ndef f():\n", True),
        ("import math\ndef f():\n", False),
    ):
        plan = plan_doctests(head + example)
        assert plan is not None
        assert plan.objects is objects


def test_a_set_with_many_members_is_shown_by_its_size() -> None:
    assert show(set(range(3000))) == "<set of 3000 members>"
    assert show({2, 1}) == "{1, 2}"
