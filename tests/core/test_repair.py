"""Repairs with more than one search at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from editloop import repair as repairing
from editloop.budget import Budget
from editloop.commands import parse
from editloop.policy import Cancelled, Proposal, UniformPolicy
from editloop.repair import Repair, repair
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.verdict import CheckResult, Verdict
from editloop.verify import Verifier

BROKEN = "def twice(x):\n    return x + 3\n"


class _Twice:
    """A check that runs nothing: the text has to double."""

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        return CheckResult("tests", int("x + x" in source or "x * 2" in source), 1)


class _Stuck(UniformPolicy):
    """Thinks until it is told to stop."""

    def propose(
        self, *_: object, cancel: threading.Event | None = None, **__: object
    ) -> Iterator[Proposal]:
        yield Proposal(parse("### REPL 1 >>>def twice(x, y):"), -1.0)
        assert cancel is not None
        if not cancel.wait(20):
            raise TimeoutError("nobody stopped this")
        raise Cancelled


class _Gone(UniformPolicy):
    def propose(self, *_: object, **__: object) -> Iterator[Proposal]:
        raise OSError("the model is gone")


def _repair(budget: Budget, workers: int, *, policy: UniformPolicy, **options: object) -> Repair:
    state = EditState.open(Snapshot.from_text(BROKEN))
    verifier = Verifier(BROKEN, checks=[_Twice()])
    return repair(state, policy, verifier, budget=budget, workers=workers, **options)  # type: ignore[arg-type]


@pytest.fixture
def _no_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairing, "HEAD_START", 0.0)


@pytest.mark.usefixtures("_no_head_start")
def test_another_search_finds_what_the_policy_does_not() -> None:
    done = _repair(Budget(15.0), 2, policy=_Stuck())
    assert (done.status, done.reason) == ("fixed", "fixed")
    assert done.result is not None
    best = done.result.solutions[0]
    assert "x + x" in best.state.text or "x * 2" in best.state.text
    # The one candidate of the policy counts, too.
    assert 2 <= best.candidates <= done.result.candidates
    assert _repair(Budget(0.3), 1, policy=_Stuck()).status == "not fixed"


@pytest.mark.usefixtures("_no_head_start")
def test_no_text_is_verified_by_two_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        _Twice, "run", lambda _, text, __: seen.append(text) or CheckResult("tests", 0, 1)
    )
    done = _repair(Budget(2.0), 3, policy=UniformPolicy())
    assert done.result is not None
    # Two may begin the same one at the same moment.
    assert len(set(seen)) <= len(seen) < 1.2 * len(set(seen))
    assert done.result.candidates >= len(set(seen)) - 1


@pytest.mark.usefixtures("_no_head_start")
def test_a_limit_of_candidates_leaves_the_policy_alone() -> None:
    one, two = (_repair(Budget(None, 300), n, policy=UniformPolicy()).result for n in (1, 2))
    assert one is not None
    assert two is not None
    assert one.solutions == two.solutions
    assert one.candidates == two.candidates


@pytest.mark.parametrize("head_start", [0.0, 60.0])
def test_cancelling_ends_all(head_start: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairing, "HEAD_START", head_start)
    monkeypatch.setattr(_Twice, "run", lambda *_: CheckResult("tests", 0, 1))
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    started = time.monotonic()
    done = _repair(Budget(None), 3, policy=_Stuck(), cancel=cancel)
    assert (done.status, done.reason) == ("not fixed", "cancelled")
    assert time.monotonic() - started < 15


@pytest.mark.usefixtures("_no_head_start")
def test_what_the_policy_raises_ends_all() -> None:
    with pytest.raises(OSError, match="gone"):
        _repair(Budget(15.0), 2, policy=_Gone())


def test_out_of_time_says_how_many_were_tried() -> None:
    done = _repair(Budget(0.2), 2, policy=_Stuck())
    assert done.result is not None
    assert done.reason == f"out of time after {done.result.candidates} candidates"


def test_what_passes_is_left_alone() -> None:
    text = "def twice(x):\n    return x + x\n"
    state = EditState.open(Snapshot.from_text(text))
    done = repair(state, _Gone(), Verifier(text, checks=[_Twice()]), budget=Budget(5.0))
    assert (done.status, done.result) == ("nothing wrong", None)
    assert isinstance(done.before, Verdict)
