"""Repairs with more than one search at once."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from editloop.budget import Budget
from editloop.checks.verdict import CheckResult, Verdict
from editloop.checks.verify import Check, Verifier
from editloop.document.commands import parse
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.policy import Proposal, UniformPolicy
from editloop.repair import run as repairing
from editloop.repair.companion import companion
from editloop.repair.run import Repair, repair

BROKEN = "def twice(x):\n    return x + 3\n"


class _Twice:
    """A check that runs nothing: the text has to double."""

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        return CheckResult("tests", int("x + x" in source or "x * 2" in source), 1)


class _Never:
    """A check that nothing passes."""

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        return CheckResult("tests", 0, 1)


class _Stuck(UniformPolicy):
    """Thinks of nothing right, and slowly, until it is asked no more."""

    def propose(self, *_: object, **__: object) -> Iterator[Proposal]:
        for number in itertools.count():
            yield Proposal(parse(f"### REPL 1 >>>def twice(x, y{number}):"), -1.0)
            time.sleep(0.05)


class _Gone(UniformPolicy):
    def propose(self, *_: object, **__: object) -> Iterator[Proposal]:
        raise OSError("the model is gone")


def _repair(
    budget: Budget,
    workers: int,
    *,
    policy: UniformPolicy,
    check: Check = _Twice(),
    **options: object,
) -> Repair:
    state = EditState.open(Snapshot.from_text(BROKEN))
    verifier = Verifier(BROKEN, checks=[check])
    return repair(state, policy, verifier, budget=budget, workers=workers, **options)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A companion finds the check above: one that an earlier test started does not."""
    companion(1).close()
    tests = Path(__file__).parents[__name__.count(".")]
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tests, root))))


@pytest.fixture
def _no_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairing, "HEAD_START", 0.0)


@pytest.mark.usefixtures("_no_head_start")
def test_another_search_finds_what_the_policy_does_not() -> None:
    done = _repair(Budget(60.0), 2, policy=_Stuck())
    assert done.result is not None
    assert (done.status, done.result.reason) == ("fixed", "fixed")
    best = done.result.solutions[0]
    assert "x + x" in best.state.text or "x * 2" in best.state.text
    # The candidates of the policy count, too.
    assert 2 <= best.candidates <= done.result.candidates
    assert _repair(Budget(0.3), 1, policy=_Stuck()).status == "not fixed"


@pytest.mark.usefixtures("_no_head_start")
def test_a_companion_that_dies_is_replaced() -> None:
    beside = companion(1)
    threading.Timer(1.5, beside.close).start()
    done = _repair(Budget(3.0), 2, policy=_Stuck(), check=_Never())
    assert done.status == "not fixed"
    assert beside.process is None
    assert _repair(Budget(60.0), 2, policy=_Stuck()).status == "fixed"
    assert beside.process is not None


@pytest.mark.usefixtures("_no_head_start")
def test_a_workspace_does_not_stand_in_for_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    companion(1).close()
    monkeypatch.chdir(tmp_path)
    for name in ("pickle", "random", "editloop"):
        Path(f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    assert _repair(Budget(60.0), 2, policy=_Stuck()).status == "fixed"


def test_a_companion_that_is_not_needed_leaves() -> None:
    program = "import editloop.repair.companion as c; c.IDLE_SECONDS = 0.1; c.main()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) as process:
        assert process.wait(30) == 0


@pytest.mark.usefixtures("_no_head_start")
def test_a_companion_does_one_errand_after_the_other() -> None:
    for check, status in ((_Never(), "not fixed"), (_Twice(), "fixed"), (_Never(), "not fixed")):
        seconds = 15.0 if status == "fixed" else 1.0
        assert _repair(Budget(seconds), 2, policy=_Stuck(), check=check).status == status
    assert not companion(1).busy.locked()


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
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    started = time.monotonic()
    done = _repair(Budget(None), 3, policy=_Stuck(), check=_Never(), cancel=cancel)
    assert done.result is not None
    assert (done.status, done.result.reason) == ("not fixed", "cancelled")
    assert time.monotonic() - started < 15


@pytest.mark.usefixtures("_no_head_start")
def test_what_the_policy_raises_ends_all() -> None:
    with pytest.raises(OSError, match="gone"):
        _repair(Budget(60.0), 2, policy=_Gone())


def test_what_passes_is_left_alone() -> None:
    text = "def twice(x):\n    return x + x\n"
    state = EditState.open(Snapshot.from_text(text))
    done = repair(state, _Gone(), Verifier(text, checks=[_Twice()]), budget=Budget(5.0))
    assert (done.status, done.result) == ("nothing wrong", None)
    assert isinstance(done.before, Verdict)
