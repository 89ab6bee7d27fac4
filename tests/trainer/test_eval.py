"""Evaluation: estimates, both ways of using a model, and the report of a small comparison."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from editloop.cli import run as cli
from editloop.commands import EXIT, edit_line
from editloop.engine import Engine
from editloop.engine.compact import CompactDialect
from editloop.state import EditState, apply
from editloop.tasks import Task, write_tasks
from editloop.text import Snapshot
from editloop.transcript import TRANSCRIPT_VERSION, Finding, Observation, Transcript, observe
from editloop.verdict import CheckResult, Verdict
from export import write_gguf
from trainer.attempts import DirectPlayer, EditPlayer, RankedPlayer
from trainer.direct import LegalAnswer, answer_lines, answer_text
from trainer.encode import Base, load_base
from trainer.grading import Grader
from trainer.report import alone, markdown, measure, pass_at_k, wilson
from trainer.scenes import Scene
from trainer.testing import make_base

GOOD = "def half(number):\n    return number // 2\n"
BUGGY = GOOD.replace("//", "*")
TASK = Task(
    "half",
    BUGGY,
    "def test_half():\n    assert half(4) == 2\n",
    ("test_half",),
    "def test_more():\n    assert half(100) == 50\n",
    ("test_more",),
    fixed=GOOD,
)


def fixing() -> Transcript:
    """The whole fix of the task, ended by EXIT, as the loop shows it."""
    state = EditState.open(Snapshot.from_text(BUGGY))
    with Grader() as grader:
        verify = grader.verifier(BUGGY, Scene("plain", BUGGY, ("assert half(4) == 2",)))
        first = observe(state, verify(BUGGY).findings)
    command = edit_line(2, "    return number * 2", "    return number // 2")
    return Transcript((first, observe(apply(state, command), ())), (command, EXIT))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A base that knows one fix by heart."""
    torch.set_num_threads(1)
    folder = make_base(tmp_path_factory.mktemp("base"), transcripts=[fixing()] * 8, steps=40)
    return load_base(folder)


@pytest.fixture(scope="module")
def gguf(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    metadata = {
        "editloop.transcript_version": TRANSCRIPT_VERSION,
        "editloop.rendering": "compact",
    }
    return write_gguf(
        base.folder, tmp_path_factory.mktemp("gguf") / "m.gguf", quant="f16", metadata=metadata
    )


def test_pass_at_k_counts_the_draws_that_miss() -> None:
    """Against all ways to draw k of n attempts."""
    for n, c, k in itertools.product((4, 6), (0, 1, 3), (1, 2, 4)):
        draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    with pytest.raises(ValueError, match="at least 4 attempts"):
        pass_at_k(3, 1, 4)


def test_the_interval_narrows_with_the_tasks() -> None:
    few, many = wilson([0.0, 1.0] * 5), wilson([0.0, 1.0] * 500)
    assert few.value == many.value == 0.5
    assert few.low < many.low < 0.5 < many.high < few.high
    assert (few.low, few.high) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # by hand
    none, every = wilson([0.0] * 10), wilson([1.0] * 10)
    assert (none.low, every.high) == pytest.approx((0.0, 1.0))
    assert none.high == pytest.approx(0.2775, abs=1e-4)
    assert every.low == pytest.approx(1 - none.high)


def attempt(passed: bool, tokens: int) -> dict[str, Any]:
    return {"passed": passed, "rewarded": True, "tokens": tokens, "turns": 2, "seconds": 0.5}


def test_a_cell_sums_up_its_attempts() -> None:
    rows = [{"id": str(i), "attempts": [attempt(i == 0, 10), attempt(False, 30)]} for i in (0, 1)]
    cell = measure("m", "s", rows)
    assert cell.pass_at[1].value == 0.25
    assert list(cell.pass_at) == [1]  # two attempts cannot tell pass@4
    assert (cell.tokens_per_attempt, cell.attempts_per_second) == (20, 2)
    assert cell.rewarded.value == 1.0
    assert markdown([cell]).splitlines()[2].startswith("| s | m | 2 | 25.0% (")


def test_two_models_are_compared_by_their_first_attempts() -> None:
    first = [{"id": str(i), "attempts": [attempt(i < 6, 1), attempt(True, 1)]} for i in range(8)]
    second = [{"id": str(i), "attempts": [attempt(i == 5, 1), attempt(True, 1)]} for i in range(8)]
    shown = markdown([measure("a", "s", first), measure("b", "s", second)]).splitlines()[-1]
    assert shown == "| a, b | 5, 0, 0.062; 6 |"
    assert alone([True] * 6, [True] + [False] * 5) == (5, 0, 2 / 2**5)
    assert alone([True] * 6, [True] * 6) == (0, 0, 1.0)


def verify(state: EditState) -> Verdict:
    good = state.text == GOOD
    return Verdict((CheckResult("tests", int(good), 1, ()),), complete=True)


def test_the_direct_answer_is_read_back(base: Base, gguf: Path) -> None:
    """What training encodes is legal under the constraint, and the engine decodes it."""
    window = ("def f(x):", "", "    return 'é' + x")
    ids, written = base.encoder.direct(Observation(("def f(:",), ((1, "syntax"),)), window)
    answer = [token for token, flag in zip(ids, written, strict=True) if flag]
    with Engine.load(gguf, transcript_version=TRANSCRIPT_VERSION, n_threads=1) as engine:
        dialect = CompactDialect(engine)
        legal = LegalAnswer(dialect)
        for at, token in enumerate(answer):
            allowed = legal.allowed(answer[:at])
            assert allowed is not None
            assert not legal.done(answer[:at])
            assert allowed[token] if len(allowed) == engine.n_vocab else token in allowed
        assert legal.done(answer)
        assert answer_lines(dialect, answer) == window
        assert answer_lines(dialect, answer[:-1]) is None


def test_a_chat_answer_may_stand_in_a_fence() -> None:
    assert answer_text("```python\nx = 1\n```\n") == ("x = 1",)
    assert answer_text("x = 1\ny = 2") == ("x = 1", "y = 2")


def test_players_use_the_model(gguf: Path) -> None:
    """The model that knows the fix plays it, at a temperature near zero; no direct answer is."""
    state = EditState.open(Snapshot.from_text(BUGGY))
    with Engine.load(gguf, transcript_version=TRANSCRIPT_VERSION, n_threads=1) as engine:
        played = EditPlayer(engine, 0.01).play(state, verify, seed=1)
        answered = DirectPlayer(engine, 0.8).play(state, verify, seed=1)
    assert played.turns >= 1
    assert played.tokens >= played.turns
    assert answered.turns == 1
    assert answered.tokens >= 1
    assert not answered.rewarded


def test_the_ranked_player_takes_the_best_of_all_moves_and_ends(gguf: Path) -> None:
    """Not in a window where nothing is wrong, and never the same command twice in one state."""
    state = EditState.open(Snapshot.from_text(BUGGY))
    seen: list[str] = []

    def told(state: EditState) -> Verdict:
        seen.append(state.text)
        failed = () if state.text == GOOD else (Finding("half(4) -> 8, expected 2"),)
        return Verdict((CheckResult("tests", int(not failed), 1, failed),), complete=True)

    with Engine.load(gguf, transcript_version=TRANSCRIPT_VERSION, n_threads=1) as engine:
        played = RankedPlayer(engine, 0.01).play(state, told, seed=1)
    assert (played.text, played.rewarded) == (GOOD, True)
    assert played.turns == len(seen)  # the last says EXIT
    assert played.tokens > played.turns
    assert len(set(seen)) == len(seen)


def test_a_comparison_goes_on_and_reports(gguf: Path, tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks.jsonl", [TASK])
    out = tmp_path / "report"
    words = ["train", "eval", str(out), "--edits", f"loop={gguf}", "--tasks"]
    words += [f"known={tmp_path / 'tasks.jsonl'}", "--samples", "4", "--workers", "1"]
    words += ["--temperature", "0.1"]
    assert cli(words) == 0
    [cell] = json.loads((out / "report.json").read_text())["results"]
    assert cell["pass@1"]["value"] > 0.5
    assert cell["pass@4"]["value"] == 1.0
    assert cell["rewarded"]["value"] >= cell["pass@1"]["value"]
    before = (out / "attempts" / "loop.known.jsonl").read_bytes()
    others = ["--ranked", f"best={gguf}", "--careful", f"slow={gguf}", "--direct", f"answer={gguf}"]
    assert cli([*words, *others]) == 0
    assert (out / "attempts" / "loop.known.jsonl").read_bytes() == before
    names = [row["model"] for row in json.loads((out / "report.json").read_text())["results"]]
    assert names == ["loop", "best", "slow", "answer"]
    table, pairs = (out / "report.md").read_text().split("\n\n")
    assert table.count("\n") == 5
    assert pairs.count("\n") == 2 + 6  # each two of four
    assert (out / "report.png").read_bytes().startswith(b"\x89PNG")
    assert cli([*words, "--temperature", "0.2"]) == 2
