"""Warm children: fast, alike to fresh ones for honest candidates, and not believed for any."""

from __future__ import annotations

import time
from typing import Any

import pytest

from editloop.checks.plans import plan_asserts, plan_doctests, plan_tests
from editloop.checks.testruns import run_plan
from editloop.checks.verify import Limits, TestCheck
from editloop.sandbox import Answers, Job, SandboxPool, session

PLAN = plan_asserts(["order([3, 1, 2]) == [1, 2, 3]"])
HONEST = "def order(values):\n    return sorted(values)\n"
WRONG = "def order(values):\n    return sorted(values, reverse=True)\n"
JUDGED = plan_tests(
    "def test_order():\n    for n in range(3):\n        assert order([n, 0]) == [0, n]\n"
    "def test_empty():\n    assert order([]) == []\n",
    ["test_order", "test_empty"],
)
PID = "__import__('os').getpid()"


def calls(
    pool: SandboxPool, source: str, *exprs: str, cpu: float = 1.0, wall: float = 5.0
) -> Answers:
    items = [{"e": expr} for expr in exprs]
    return pool.run(Job({"kind": "calls", "source": source, "items": items}, cpu, wall, warm=True))


def value(answers: Answers, number: int = 0) -> Any:
    assert answers.frames[0] == {"n": -1}
    return answers.frames[number + 1]["ret"]["r"]


def pids(pool: SandboxPool, *sources: str) -> list[int]:
    return [value(calls(pool, source, PID)) for source in sources]


@pytest.fixture
def one(pool: SandboxPool) -> Any:
    """A pool of one seat, so that one job follows the other."""
    with SandboxPool(1, pool.level) as made:
        yield made


def test_one_child_runs_many_modules(one: SandboxPool) -> None:
    first, second = pids(one, "x = 1", "y = 2")
    assert first == second
    assert calls(one, "y = 3", "x").frames[1]["exc"]["mro"][0] == "NameError"
    assert calls(one, "raise ValueError('no')").frames[0]["exc"]["msg"] == "no"
    assert pids(one, "") == [first]
    fresh = one.run(Job({"kind": "calls", "source": "", "items": [{"e": PID}]}))
    assert value(fresh) != first
    assert (calls(one, "").end, fresh.end) == ("ready", "exit")


def test_a_child_is_replaced_after_a_while(
    one: SandboxPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_MOST_JOBS", 2)
    first, second, third = pids(one, "", "", "")
    assert first == second != third
    answers = calls(one, "", PID, wall=0.4)
    assert value(answers) == third
    time.sleep(0.3)
    assert pids(one, "") != [third]  # it may have been ended for its age


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("while 1: pass", "cpu"),
        ("import os; os._exit(0)", "exit"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash"),
        ("import os\nos.write(3, b'\\xff' * 4)", "flood"),
    ],
)
def test_what_ends_a_child_harms_no_other(one: SandboxPool, source: str, end: str) -> None:
    [first] = pids(one, "")
    assert calls(one, source, cpu=0.2).end == end
    assert pids(one, "") != [first]


def test_each_job_has_its_own_time(one: SandboxPool) -> None:
    burn = "import time\nend = time.process_time() + 0.12\nwhile time.process_time() < end: pass\n"
    assert len({value(calls(one, burn, PID, cpu=0.2)) for _ in range(4)}) == 1


def test_each_job_has_the_same_luck_and_depth(one: SandboxPool) -> None:
    source = "import random, sys\ndepth = sys.getrecursionlimit()\nsys.setrecursionlimit(50)\n"
    first, second = (calls(one, source, "random.random()", "depth", PID) for _ in range(2))
    assert first.frames == second.frames


FORGED = {
    "early": (
        "import os\nfor n in range(99):\n    b = b'{\"ready\":%d}' % n\n"
        "    os.write(3, len(b).to_bytes(4, 'big') + b)\n"
    ),
    "patched": "import builtins\nbuiltins.sorted = lambda values, **_: [1, 2, 3]\n",
    "answers": (
        "import sys\nfor name in list(sys.modules):\n    pass\n"
        "import json\njson.dumps = lambda *_, **__: "
        '\'{"n":0,"ret":{"r":[0],"t":[["L",1,2,3]]}}\'\n'
    ),
}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("plan", [PLAN, JUDGED], ids=["calls", "judged"])
def test_nobody_passes_by_what_another_left(one: SandboxPool, name: str, plan: Any) -> None:
    check = TestCheck("tests", plan, one, limits=Limits(0.5, 1.0))
    assert check.run(HONEST, None).passed
    for _ in range(3):
        check.run(FORGED[name] + WRONG, None)
        assert not check.run(WRONG, None).passed
    # Later ones may fail for it, but not for ever.
    assert any(check.run(HONEST, None).passed for _ in range(session._MOST_JOBS + 1))
    with SandboxPool(1, one.level) as other:
        assert TestCheck("tests", plan, other).run(HONEST, None).passed


def test_a_child_can_be_led_to_lie(one: SandboxPool) -> None:
    """What the confirmation is for: without it the test above would say nothing."""
    for source in (FORGED["patched"] + HONEST, WRONG):
        outcomes = run_plan(one, source, PLAN, warm=True)
    assert [outcome.status for outcome in outcomes] == ["pass"]
    assert run_plan(one, WRONG, PLAN)[0].status == "fail"


DOCTESTS = plan_doctests(
    'def order(values):\n    """\n    >>> order([2, 1])\n    [1, 2]\n    >>> print(order([]))\n'
    '    []\n    """\n    return sorted(values)\n'
)


@pytest.mark.parametrize("plan", [PLAN, JUDGED, DOCTESTS], ids=["calls", "judged", "doctests"])
def test_honest_candidates_get_the_same_answers(one: SandboxPool, plan: Any) -> None:
    sources = [HONEST, WRONG, "x = 1\n", "def order(values):\n    return values.sort()\n"]
    sources += [
        "def order(values):\n    return values[0], values\n",
        "def order(values)\n",
        "order = 3\n",
    ]
    sources += ["def order(values):\n    values.append(1)\n    raise KeyError(values)\n", "1 / 0\n"]
    for source in sources * 2:
        assert run_plan(one, source, plan, warm=True) == run_plan(one, source, plan)
