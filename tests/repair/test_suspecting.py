"""What a model suspects where nothing fails; the model plays a script, the checks are real."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from editloop.checks.plans import plan_asserts
from editloop.model.scripted import ScriptedModel
from editloop.repair.suspecting import LOOKED_AT, suspicions
from editloop.sandbox import SandboxPool, open_pool
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.verify import TestCheck, Verifier

BALANCE = (
    "class Account:\n"
    "    def __init__(self):\n"
    "        self._balance = 0\n"
    "\n"
    "    def balance(self):\n"
    "        return self.balance\n"
)
RIGHT = "        return self._balance\n"


@pytest.fixture
def pool() -> Any:
    with open_pool(1) as made:
        yield made


def _suspected(
    pool: SandboxPool, script: dict[str, Any], tests: list[str]
) -> tuple[list[str], str, ScriptedModel]:
    check = TestCheck("tests", plan_asserts(tests), pool)
    verifier = Verifier(BALANCE, checks=[check.calibrated(BALANCE)])
    state = EditState.open(Snapshot.from_text(BALANCE))
    model = ScriptedModel(script)
    found, problem = suspicions(
        model, state, lambda one: verifier.verify(one.text), threading.Event()
    )
    return [one.state.text for one in found], problem, model


def _script(old: float = -12.0, new: float = -1.0, reply: str = RIGHT.strip()) -> dict[str, Any]:
    return {
        "answers": [{"match": "def balance(self):\n        ", "replies": [f"{reply}\n"]}],
        "otherwise": ["pass"],
        "scores": [
            {"match": reply, "score": new},
            {"match": "return self.balance", "score": old},
            {"match": "pass", "score": -40.0},
        ],
    }


def test_a_line_that_the_model_would_have_written_otherwise(pool: SandboxPool) -> None:
    texts, problem, _ = _suspected(pool, _script(), ["Account()._balance == 0"])
    assert texts == [BALANCE.replace("self.balance\n", "self._balance\n")]
    assert problem == ""


def test_a_little_likelier_is_no_suspicion(pool: SandboxPool) -> None:
    assert _suspected(pool, _script(old=-4.0), ["Account()._balance == 0"])[0] == []


def test_what_breaks_a_test_is_no_suspicion(pool: SandboxPool) -> None:
    tests = ["Account()._balance == 0", "callable(Account().balance())"]
    assert _suspected(pool, _script(), tests)[0] == []


def test_definitions_are_not_asked_about(pool: SandboxPool) -> None:
    *_, model = _suspected(pool, _script(), ["Account()._balance == 0"])
    assert len(model.asked) == 2 <= LOOKED_AT


def test_a_model_that_is_lost_says_so_in_one_line(pool: SandboxPool) -> None:
    script = {"answers": [{"match": "", "fault": "lost"}]}
    texts, problem, _ = _suspected(pool, script, ["Account()._balance == 0"])
    assert texts == []
    assert "its script says so" in problem
