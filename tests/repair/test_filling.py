"""A model's proposals in a real search, with a real verifier; the model plays a script."""

from __future__ import annotations

import threading
from functools import reduce
from typing import Any

import pytest

from editloop.budget import Budget
from editloop.checks.plans import plan_asserts
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.verdict import CheckResult
from editloop.checks.verify import TestCheck, Verifier
from editloop.document.commands import Command
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.model.backend import Gap, ModelError, Plain
from editloop.model.infill import Place
from editloop.model.scripted import ScriptedModel
from editloop.prior import PriorPolicy, shipped
from editloop.repair.questions import failures
from editloop.repair.replies import Told, step_of, with_import
from editloop.repair.run import Repair, repair
from editloop.sandbox import SandboxPool, open_pool

INITIALS = "def initials(name):\n    parts = name.split()\n    return parts\n"
TESTS = ["initials('ada king lovelace') == 'A.K.L.'", "initials('') == ''"]
RIGHT = " ''.join(part[0].upper() + '.' for part in parts)\n"


def _repair(
    text: str, model: ScriptedModel, pool: SandboxPool, seconds: float = 30.0, **more: Any
) -> Repair:
    check = TestCheck("tests", plan_asserts(TESTS), pool)
    verifier = Verifier(text, checks=[check.calibrated(text)])
    state = EditState.open(Snapshot.from_text(text))
    policy = PriorPolicy(shipped())
    return repair(state, policy, verifier, budget=Budget(seconds), model=model, **more)


@pytest.fixture
def pool() -> Any:
    with open_pool(1) as made:
        yield made


def test_text_that_no_move_makes(pool: SandboxPool) -> None:
    script = {"answers": [{"match": "    return", "replies": [RIGHT]}], "otherwise": ["pass"]}
    done = _repair(INITIALS, ScriptedModel({**script, "heeds": False}), pool)
    assert done.status == "fixed"
    assert done.result is not None
    best = done.result.solutions[0]
    assert best.state.text == INITIALS.replace(" parts\n", RIGHT)
    assert best.verdict.passed
    assert done.problem == ""


class _Counts:
    """A check that runs nothing."""

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        return CheckResult("tests", int("len(values) or 1" in source), 1)


def test_a_model_is_waited_for_where_no_move_is_left() -> None:
    """The moves of so few lines are all tried before it has answered."""
    text = "def count(values):\n    pass\n"
    answer = {"match": "count", "replies": ["return len(values) or 1"], "seconds": 1.0}
    state, verifier = EditState.open(Snapshot.from_text(text)), Verifier(text, checks=[_Counts()])
    budget, model = Budget(60.0, turns=1), ScriptedModel({"answers": [answer]})
    done = repair(state, PriorPolicy(shipped()), verifier, budget=budget, model=model)
    assert done.status == "fixed"


def test_a_model_that_was_trained_for_it_names_the_places(pool: SandboxPool) -> None:
    """A line too many is deleted by the name alone; then the named line is written anew, whole."""
    text = INITIALS.replace("    return", "    parts = 0\n    return")
    script = {
        "points": True,
        "answers": [
            {"match": "3|    parts = 0", "replies": [" delete 3", " replace 9", "nonsense"]},
            {"match": "# change:", "replies": [" replace 3"]},
            {"match": "# was: return", "replies": ["    return" + RIGHT]},
        ],
    }
    model = ScriptedModel(script)
    done = _repair(text, model, pool)
    assert done.status == "fixed"
    assert done.result is not None
    assert "".join(done.result.solutions[0].state.text) == INITIALS.replace(" parts\n", RIGHT)
    plain, gaps = ([p for p in model.asked if isinstance(p, kind)] for kind in (Plain, Gap))
    assert plain
    assert all(asked.before.endswith("\n") for asked in gaps)


def test_two_places_one_after_the_other(pool: SandboxPool) -> None:
    broken = INITIALS.replace("name.split()", "nme.split()")
    answers = [
        {"match": "    return", "replies": [RIGHT]},
        {"match": "    parts =", "replies": [" name.split()\n"]},
    ]
    script = {"answers": answers, "otherwise": ["pass"], "heeds": False}
    done = _repair(broken, ScriptedModel(script), pool)
    assert done.status == "fixed"


@pytest.mark.parametrize("fills", [True, False])
def test_a_function_is_written_anew_where_no_gap_helps(pool: SandboxPool, fills: bool) -> None:
    """At once by a model that fills no gaps."""
    whole = INITIALS.replace(" parts\n", RIGHT)
    script = {
        "fills": fills,
        "answers": [{"kind": "chat", "replies": [f"# the initials\n{whole}```"]}],
        "otherwise": ["pass"],
    }
    model = ScriptedModel(script)
    done = _repair(INITIALS, model, pool, 60)
    assert done.result is not None
    assert whole in [found.state.text for found in done.result.solutions]
    assert fills == any(isinstance(asked, Gap) for asked in model.asked)


@pytest.mark.parametrize("fault", ["lost", "error"])
def test_a_model_that_is_lost_costs_a_line_and_not_the_fix(pool: SandboxPool, fault: str) -> None:
    text = "def initials(name):\n    return ''.join(p[0].upper() + '.' for p in nam.split())\n"
    done = _repair(text, ScriptedModel({"answers": [{"match": "", "fault": fault}]}), pool)
    assert done.status == "fixed"
    done = _repair(INITIALS, ScriptedModel({"answers": [{"match": "", "fault": fault}]}), pool, 5)
    assert done.status == "not fixed"
    assert "its script says so" in done.problem
    assert "\n" not in done.problem


def test_a_model_that_hangs_does_not_outlast_the_budget(pool: SandboxPool) -> None:
    answers = [{"match": "", "replies": ["x"], "seconds": 600}]
    done = _repair(INITIALS, ScriptedModel({"answers": answers}), pool, 4)
    assert done.status == "not fixed"
    assert done.result is not None
    assert done.result.seconds < 8


def test_a_cancel_is_heard_while_the_model_is_asked(pool: SandboxPool) -> None:
    answers = [{"match": "", "replies": ["x"], "seconds": 600}]
    cancel = threading.Event()
    threading.Timer(5.0, cancel.set).start()
    done = _repair(INITIALS, ScriptedModel({"answers": answers}), pool, 600, cancel=cancel)
    assert done.status == "not fixed"
    assert done.result is not None
    assert done.result.reason == "cancelled"


def test_the_model_says_which_fix_is_first(pool: SandboxPool) -> None:
    """Both pass; the shorter one is what nobody would write."""
    table = " {'': ''}.get(name, 'A.K.L.')\n"
    script = {
        "answers": [
            {"match": "# was: parts", "replies": [f"parts ={table}"]},
            {"match": "# was: return", "replies": [f"return{RIGHT}"]},
        ],
        "otherwise": ["pass"],
        "scores": [{"match": "get(name", "score": -90.0}],
    }
    done = _repair(INITIALS, ScriptedModel(script), pool)
    assert done.result is not None
    first, *rest = done.result.solutions
    assert "upper" in first.state.text
    assert any("get(name" in other.state.text for other in rest)
    assert first.gain is not None


def _state(text: str, view: tuple[int, ...] | None = None) -> EditState:
    return EditState.open(Snapshot.from_text(text), view)


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        (Place(1, 2), ("B",), "a\nB\nc\n"),
        (Place(1, 2), ("B", "D"), "a\nB\nD\nc\n"),
        (Place(0, 3), ("B",), "B\n"),
        (Place(1, 1), ("B",), "a\nB\nb\nc\n"),
        (Place(3, 3), ("B",), "a\nb\nc\nB\n"),
        (Place(1, 2), (), "a\nc\n"),
        (Place(0, 2), ("a", "D"), "a\nD\nc\n"),
    ],
)
def test_a_reply_as_commands(place: Place, text: tuple[str, ...], expected: str) -> None:
    state = _state("a\nb\nc\n")
    step = step_of(state, place, text)
    assert step is not None
    for command in step:
        state = apply(state, command)
    assert state.text == expected


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        (Place(2, 2), ("B", "D"), "a\nb\nB\nD\nc\nd\ne\n"),
        (Place(1, 2), ("B", "D"), "a\nB\nD\nc\nd\ne\n"),
        (Place(3, 3), ("B",), "a\nb\nc\nB\nd\ne\n"),
        (Place(2, 2), ("B", "b"), "a\nb\nB\nb\nc\nd\ne\n"),
        (Place(5, 5), ("B",), "a\nb\nc\nd\ne\nB\n"),
    ],
)
def test_what_is_inserted_at_a_hole_of_the_window_stays_above_it(
    place: Place, text: tuple[str, ...], expected: str
) -> None:
    state = _state("a\nb\nc\nd\ne\n", (0, 1, 3, 4))
    step = step_of(state, place, text)
    assert step is not None
    for command in step:
        state = apply(state, command)
    assert state.text == expected


def test_nothing_comes_between_a_header_and_its_docstring() -> None:
    text = 'def f(items=[]):\n    """Doc."""\n    return items\n'
    state = _state(text, (0, 2))
    for place, lines in (
        (Place(1, 1), ("    items = list(items)",)),
        (Place(0, 1), ("def f(items=[]):", "    items = list(items)")),
    ):
        step = step_of(state, place, lines)
        assert step is not None
        [command] = step
        after = apply(state, command).text
        assert after == text.replace("    return", "    items = list(items)\n    return")


def test_no_step_where_nothing_changes_or_nothing_is_shown() -> None:
    state = _state("a\nb\nc\n", (0, 1))
    assert step_of(state, Place(0, 1), ("a",)) is None
    assert step_of(state, Place(1, 3), ("B",)) is None
    assert step_of(state, Place(2, 2), ("B",)) == (Command("ADDL", 3, "B"),)


@pytest.mark.parametrize(
    ("text", "command", "right"),
    [
        (
            "from dataclasses import dataclass\n\n\n@dataclass\nclass A:\n    x: list = []\n",
            Command("REPL", 6, "    x: list = field(default_factory=list)"),
            "from dataclasses import dataclass, field\n",
        ),
        (
            "import os\n\n\ndef f(x):\n    return x\n",
            Command("REPL", 5, "    return json.dumps([y for y in x if isinstance(y, int)])"),
            "import json\nimport os\n",
        ),
        (
            "def f(x):\n    return x\n",
            Command("ADDL", 2, "    x = json.dumps(x)"),
            "import json\n\n\ndef",
        ),
        ("def f(x):\n    return x\n", Command("REPL", 2, "    return y.z(x)"), "def f(x):\n"),
        ("x = 1\n", Command("REPL", 2, "out of the window"), None),
    ],
)
def test_what_a_reply_names_is_imported(text: str, command: Command, right: str | None) -> None:
    state = _state(text)
    step = with_import(state, (command,))
    assert step[0] == command
    if right is None:
        assert step == (command,)
    else:
        after = reduce(apply, step, state).text
        assert after.startswith(right)
        assert command.text in after


def test_an_import_needs_a_place_that_is_shown() -> None:
    text = "import os\n\n\ndef f(x):\n    return x\n"
    command = Command("REPL", 2, "    return json.dumps(x)")
    assert with_import(_state(text, (3, 4)), (command,)) == (command,)


def test_what_goes_wrong_beside_the_search_does_not_end_it(pool: SandboxPool) -> None:
    class Faulty(ScriptedModel):
        def complete(self, *_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("no\nidea")

    text = "def initials(name):\n    return ''.join(p[0].upper() + '.' for p in nam.split())\n"
    assert _repair(text, Faulty({}), pool).status == "fixed"
    done = _repair(INITIALS, Faulty({}), pool, 5)
    assert done.status == "not fixed"
    assert done.problem == "ZeroDivisionError: no idea"


def test_what_went_wrong_is_told_without_the_names_of_tests() -> None:
    found = [Finding("test_m.py::test_one failed: assert 1 == 2", None)]
    assert failures(found, ()) == ("test_m.py::test_one failed: assert 1 == 2",)
    traces = (
        SuiteTrace("test_m.py::test_one", False, error="AssertionError: assert 1 == 2\n  where"),
        SuiteTrace("test_m.py::test_two", False, frames=(3,), error="KeyError: 'a'"),
        SuiteTrace("test_m.py::test_three", False, frames=(3,), error="KeyError: 'a'"),
        SuiteTrace("test_m.py::test_four", True),
    )
    assert failures(found, traces) == ("KeyError: 'a'", "AssertionError: assert 1 == 2")


def test_after_a_fix_that_few_tests_confirm_the_model_is_heard(pool: SandboxPool) -> None:
    """A move makes a fix at once; what the model writes seconds later is likelier, and offered
    first."""
    text = "def wide(a, b):\n    return a > 10\n"
    likelier = "def wide(a, b):\n    return a > 10 or b > 10\n"
    answers = [{"match": "    return", "replies": [" a > 10 or b > 10\n"], "seconds": 7}]
    scores = [{"match": "or b > 10", "score": -1.0}, {"match": "return", "score": -60.0}]
    script = {"answers": answers, "otherwise": ["pass"], "scores": scores, "heeds": False}
    check = TestCheck("tests", plan_asserts(["wide(5, 20)", "not wide(5, 5)"]), pool)
    verifier = Verifier(text, checks=[check.calibrated(text)])
    state = EditState.open(Snapshot.from_text(text))
    policy = PriorPolicy(shipped())
    model = ScriptedModel(script)
    done = repair(state, policy, verifier, budget=Budget(60.0), model=model)
    assert done.result is not None
    assert done.result.solutions[0].state.text == likelier
    assert len(done.result.solutions) > 1


def test_a_reply_helps_in_states_that_come_later(pool: SandboxPool) -> None:
    """Two places, each of which the model is asked about once; alone neither is a fix."""
    text = "def first(a):\n    return a\n\n\ndef second(a):\n    return a\n"
    checks = [("first(2) == 'x2'", " f'x{a}'\n"), ("second(3) == 'y3'", " f'y{a}'\n")]
    # Where the other place is mended already it has no answer.
    answers = [
        {
            "match": "def first(a):\n    return\n\ndef second(a):\n    return a\n",
            "replies": [checks[0][1]],
        },
        {
            "match": "def first(a):\n    return a\n\n\ndef second(a):\n    return",
            "replies": [checks[1][1]],
        },
    ]
    script = {"answers": answers, "otherwise": ["pass"], "heeds": False}
    check = TestCheck("tests", plan_asserts([one for one, _ in checks]), pool)
    verifier = Verifier(text, checks=[check.calibrated(text)])
    state = EditState.open(Snapshot.from_text(text))
    policy = PriorPolicy(shipped())
    done = repair(state, policy, verifier, budget=Budget(40.0), model=ScriptedModel(script))
    assert done.status == "fixed"
    assert done.result is not None
    fixed = done.result.solutions[0].state.text
    assert "f'x{a}'" in fixed
    assert "f'y{a}'" in fixed


def test_a_place_that_moved_is_found_again() -> None:
    lines = ["a = 1", "b = 2", "c = 3"]
    told = Told.of(lines, Place(2, 3), Gap("a = 1\nb = 2\n", ""), "c = 4\n", -1.0)
    moved = EditState.open(Snapshot.from_text("a = 1\nnew = 0\nb = 2\nc = 3\n"))
    [step] = told.steps(moved)
    assert step == (Command("REPL", 4, "c = 4"),)
    assert list(told.steps(EditState.open(Snapshot.from_text("a = 1\nb = 2\nc = 5\n")))) == []


class _Picky(ScriptedModel):
    """Cannot be asked about line 2, as a model for which a prompt is too long."""

    def complete(self, prompts: Any, sampling: Any, cancel: Any = None) -> Any:
        if any(getattr(prompt, "before", "").endswith("    parts =") for prompt in prompts):
            raise ModelError("too long")
        return super().complete(prompts, sampling, cancel)


def test_a_question_that_cannot_be_put_does_not_end_the_others(pool: SandboxPool) -> None:
    broken = INITIALS.replace("name.split()", "nme.split()")
    script = {
        "answers": [{"match": "    return", "replies": [RIGHT]}],
        "otherwise": ["pass"],
        "heeds": False,
    }
    done = _repair(broken, _Picky(script), pool)
    assert done.status == "fixed"
    assert done.problem == ""
