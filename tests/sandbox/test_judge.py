"""Assert tests: the judge sees stand-ins that behave like the candidate's objects and cannot be lied to by them."""  # noqa: E501

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from editloop.checks.plans import plan_tests
from editloop.checks.testoutcome import TestOutcome
from editloop.checks.testruns import run_plan
from editloop.sandbox import SandboxPool

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PRELUDE = "class Node:\n    def __init__(self, val=0, next=None):\n        self.val, self.next = val, next\n"  # noqa: E501


def check(pool: SandboxPool, body: str, source: str, prelude: str = "") -> TestOutcome:
    lines = "\n".join("    " + line for line in body.splitlines())
    plan = plan_tests(f"def test():\n    value = None\n{lines}\n", ["test"], prelude)
    assert plan.kind == "asserts"
    (outcome,) = run_plan(pool, source, plan, prelude=prelude)
    return outcome


PASSING = {
    "mutated list": (
        "xs = [3, 1]\nassert f(xs) is None\nassert xs == [1, 3]",
        "def f(xs): xs.sort()",
    ),
    "same object": ("xs = [3]\nassert f(xs) is xs", "def f(xs): return xs"),
    "stack": (
        "s = S()\ns.push(1)\ns.push(2)\nassert len(s) == 2 and s.pop() == 2 and 1 in s and s.items == [1]",  # noqa: E501
        "class S:\n def __init__(s): s.items = []\n def push(s, x): s.items.append(x)\n"
        " def pop(s): return s.items.pop()\n def __len__(s): return len(s.items)\n"
        " def __contains__(s, x): return x in s.items",
    ),
    "operators": (
        "assert V(1) + V(2) == V(3) and V(1) != V(2) and str(V(1)) == 'V1' and isinstance(V(1), V)",
        "class V:\n def __init__(s, x): s.x = x\n def __add__(s, o): return V(s.x + o.x)\n"
        " def __eq__(s, o): return s.x == o.x\n def __str__(s): return f'V{s.x}'",
    ),
    "exception": (
        "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse:\n    assert False",  # noqa: E501
        "def f(x): raise ValueError('no')",
    ),
    "own exception": (
        "try:\n    f(1)\nexcept Bad:\n    return\nassert False",
        "class Bad(ValueError): pass\ndef f(x): raise Bad('no')",
    ),
    "callback": ("seen = []\nf(seen.append)\nassert seen == [1, 2]", "def f(g): g(1); g(2)"),
    "generator": ("assert [x for x in f(3)] == [0, 1, 2]", "def f(n): yield from range(n)"),
    "closure": ("assert f(1)(2) == 3", "def f(a): return lambda b: a + b"),
    "constant": ("assert LIMIT == 3 and f(LIMIT) == 3", "LIMIT = 3\ndef f(x): return x"),
    "module": ("assert math.isclose(f(1), math.pi)", "import math\ndef f(x): return math.pi * x"),
    "builtin": ("assert f(len, ['ab']) == [2]", "def f(g, xs): return [g(x) for x in xs]"),
}


@pytest.mark.parametrize("name", PASSING)
def test_behaves_like_the_candidate(pool: SandboxPool, name: str) -> None:
    body, source = PASSING[name]
    outcome = check(pool, body, source)
    assert outcome.status == "pass", outcome


def test_object_graphs_cross(pool: SandboxPool) -> None:
    source = "def f(node):\n    last = None\n    while node: node.next, last, node = last, node, node.next\n    return last"  # noqa: E501
    body = "a = Node(1, Node(2))\nb = a.next\nassert f(a) is b and b.next is a and a.next is None"
    assert check(pool, body, source, PRELUDE).status == "pass"
    ring = "a = Node(1)\na.next = a\nassert f(a) is a and a.val == 5"
    assert (
        check(pool, ring, "def f(n):\n    n.next.val = 5\n    return n.next", PRELUDE).status
        == "pass"
    )


LIAR = (
    "class Y:\n __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __bool__ = lambda s, *a: True\n"  # noqa: E501
    " __sub__ = __rsub__ = __add__ = __radd__ = __abs__ = __float__ = __round__ = lambda s, *a: 0.0\n"  # noqa: E501
    " __hash__ = lambda s: 0\n startswith = count = index = lambda s, *a: 1\n"
    " __class__ = property(lambda s: int)\ndef f(*a): return Y()\n"
)
FORGERIES = [
    "assert f(1) == 3",
    "assert 3 == f(1)",
    "assert not f(1) != 3",
    "assert f(1) in [3, 4]",
    "assert 3 in f(1)",
    "assert abs(f(1) - 3) < 1e-6",
    "assert abs(3 - f(1)) < 1e-6",
    "assert f(1) < 3",
    "assert f(1).startswith('ab')",
    "assert isinstance(f(1), int)",
    "assert round(f(1)) == 3",
    "assert {3: 1}[f(1)]",
    "assert sorted([f(1), 2]) == [1, 2]",
    "assert [f(1)] == [3]",
    "assert float(f(1)) == 3.0",
]


@pytest.mark.parametrize("body", FORGERIES)
def test_lying_objects_gain_nothing(pool: SandboxPool, body: str) -> None:
    assert check(pool, body, LIAR).status in ("fail", "error")


@pytest.mark.parametrize(
    "source",
    [
        "def abs(x): return 0\ndef all(x): return True\ndef same(a, b): return True\ndef f(x): return 1",  # noqa: E501
        "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.all = lambda x: True\ndef f(x): return 1",  # noqa: E501
        "from operator import or_ as same\ndef f(x): return 1",
        "import os, json\ndef f(x):\n    b = json.dumps({'ret': {'r': True, 't': []}, 'n': 0, 'status': 'pass', 'done': True}).encode()\n"  # noqa: E501
        "    for k in range(9): os.write(3, len(b).to_bytes(4, 'big') + b)\n    return 1",
        "import os\ndef f(x): os._exit(0)",
        "def f(x): raise SystemExit(0)",
        "def f(x): raise type('PlayerGone', (BaseException,), {})()",
    ],
)
def test_taking_over_names_or_frames_gains_nothing(pool: SandboxPool, source: str) -> None:
    tests = (
        "def same(a, b):\n    return a == b\n"
        "def test():\n    x = f(1)\n    assert abs(x - 3) < 1 and all([x == 3]) and same(x, 3)\n"
    )
    (outcome,) = run_plan(pool, source, plan_tests(tests, ["test"]))
    assert outcome.status in ("fail", "error")


def test_report(pool: SandboxPool) -> None:
    outcome = check(pool, "got = f(2)\nassert got == 5, got", "def f(x):\n    return x + 1")
    assert (outcome.call, outcome.expected, outcome.got) == ("f(2)", "5", "3")
    outcome = check(pool, "got = f(2)\nassert got == 5", "def f(x):\n    return x.y")
    assert (outcome.status, outcome.line) == ("error", 2)
    assert outcome.got == "AttributeError: 'int' object has no attribute 'y'"


@pytest.mark.skipif(not DATA.is_dir(), reason="the benchmark data is not beside the repository")
@pytest.mark.parametrize(("name", "count"), [("mdeval", 12), ("debugbench", 25)])
def test_benchmark_rows(pool: SandboxPool, name: str, count: int) -> None:
    rows = [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]
    for row in random.Random(0).sample(rows, count):
        plan = plan_tests(row["tests"], row["test_names"], row.get("prelude", ""))
        good = run_plan(pool, row["fixed"], plan, cpu_seconds=10, wall_seconds=30)
        assert {outcome.status for outcome in good} == {"pass"}, row["id"]
        bad = run_plan(pool, row["buggy"], plan, cpu_seconds=2, wall_seconds=10)
        assert {outcome.status for outcome in bad} != {"pass"}, row["id"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("want = [1, 2]\ngot = f(1)\nassert got == want, 'no'", "[1, 2]"),
        ("want = {'a': 1}\nassert (\n    f(1)\n    == want\n)", "{'a': 1}"),
        ("for x, want in [(1, 'one')]:\n    assert f(x) == want", "'one'"),
        ("got = f(1)\nassert 5 == got", "5"),
        ("want, got = 5, f(1)\nassert want == got", "got"),
        ("want = object()\nassert f(1) == want", "want"),
    ],
)
def test_a_name_that_is_compared_with_is_shown_as_its_value(
    pool: SandboxPool, body: str, expected: str
) -> None:
    outcome = check(pool, body, "def f(x): return x")
    assert (outcome.status, outcome.got, outcome.expected) == ("fail", "1", expected)
