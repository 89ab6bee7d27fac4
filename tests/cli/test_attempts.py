"""Attempts by a model alone: the three ways, what is counted, and the table of several runs."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from editloop.bench import BenchError, BenchSettings, TaskResult, TaskRunner
from editloop.bench.attempts import Attempt, Trial, Way, pass_at
from editloop.bench.results import read_results
from editloop.checks.verdict import CheckResult, Verdict
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.model.scripted import ScriptedModel
from editloop.model.store import SCRIPT
from editloop.policy import UniformPolicy
from editloop.tasks import parse_task

from .conftest import HALF, task, write_rows

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.attempts import main, rows

RIGHT = "    return number // 2\n"
WHOLE = f"It doubles.\n```python\ndef half(number):\n{RIGHT}```\n"
LOOP: dict[str, Any] = {
    "points": True,
    "answers": [
        {"kind": "plain", "replies": ["line two"]},
        {"kind": "plain", "replies": [" insert 3"]},
        {"kind": "plain", "replies": [" replace 2"]},
        {"kind": "gap", "replies": ["# better\n"]},
        {"kind": "gap", "replies": [RIGHT]},
    ],
}


def attempt(script: dict[str, Any], way: Way, *, commands: bool = False) -> Attempt:
    """An attempt at a program that is right when it divides; a `pass` is a half of it."""

    def verify(source: str) -> Verdict:
        good = 2 if "//" in source else int("pass" in source)
        return Verdict((CheckResult("tests", good, 2),), complete=True)

    state, model = EditState.open(Snapshot.from_text(HALF)), ScriptedModel(script)
    trial = Trial(model, state, verify(HALF), verify, threading.Event(), commands=commands)
    return trial.run(way, 0)


def test_the_loop_names_and_fills_until_the_checks_pass() -> None:
    """Nonsense, an edit that changes nothing, then the right one: three turns."""
    done = attempt(LOOP, "loop")
    assert (done.solved, done.turns, done.malformed, done.verified) == (True, 3, 1, 1)
    assert done.text == f"def half(number):\n{RIGHT}"
    assert done.tokens == sum(
        len(text.split()) for text in ("line two", " insert 3", "# better", " replace 2", RIGHT)
    )


def test_a_loop_of_commands_is_shown_its_mistakes() -> None:
    """What is no command, or an impossible one, changes nothing, and is said with the next turn."""
    replies = ["I would divide", "### DELL 9", "### ADDL 3 >>>    pass", "### REPW 2 >>>* >>>//"]
    told = ["### EXIT", "error: not a command", "error: there is no line 9", "L 3     pass"]
    answers = [
        {"kind": "chat", "match": match, "replies": [reply]}
        for match, reply in zip(told, replies, strict=True)
    ]
    done = attempt({"answers": answers[::-1]}, "loop", commands=True)
    assert (done.solved, done.turns, done.malformed, done.verified) == (True, 4, 1, 2)
    assert done.text == "def half(number):\n    return number // 2\n    pass\n"
    done = attempt({"otherwise": ["### EXIT"]}, "loop", commands=True)
    assert (done.solved, done.turns, done.malformed) == (False, 1, 0)


def test_a_loop_that_gets_closer_is_told() -> None:
    answers = [{"match": "# change:", "replies": [" replace 2"]}]
    done = attempt({"points": True, "answers": answers, "otherwise": ["    pass\n"]}, "loop")
    assert (done.solved, done.closer, done.turns) == (False, True, 10)
    assert done.verified == 1, "the same text is judged once more"
    assert not attempt({"otherwise": ["nothing"]}, "loop").closer


@pytest.mark.parametrize("way", ["direct", "prose"])
def test_whole_programs(way: Way) -> None:
    done = attempt({"otherwise": [WHOLE]}, way)
    assert (done.solved, done.verified, done.malformed) == (True, 1, 0)
    done = attempt({"otherwise": ["no code"]}, way)
    assert (done.solved, done.verified, done.malformed) == (False, 0, 1)


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({**LOOP, "otherwise": [WHOLE]}))
    monkeypatch.setenv(SCRIPT, str(script))
    return script


def test_tasks_are_judged_by_their_hidden_tests(scripted: Path) -> None:
    runner = TaskRunner(BenchSettings("loop", budget=60.0, attempts=2))
    try:
        found = runner.run(parse_task(task("a")))
    finally:
        runner.close()
    assert (found.solved, found.solved_hidden, found.turns) == (True, True, 3)
    assert [one["solved"] for one in found.attempts] == [True, False]
    assert [one["turns"] for one in found.attempts] == [3, 10]
    assert found.diff.endswith("-    return number * 2\n+    return number // 2\n")


def test_what_asks_nothing_cannot_attempt() -> None:
    with pytest.raises(BenchError, match="loop needs a model that is asked"):
        TaskRunner(BenchSettings("loop"), UniformPolicy())


def test_one_command_goes_on_and_makes_the_table(
    scripted: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = write_rows(tmp_path / "tasks.jsonl", [task("a"), task("b")])
    words = [str(tasks), "--attempts", "2", "--out", str(tmp_path / "out")]
    columns = [f"loop=loop:{tiny_model}", f"direct=direct:{tiny_model}"]
    assert main([*words, "--limit", "1", *columns]) == 0
    before = (tmp_path / "out" / "loop.jsonl").read_text()
    assert main([*words, *columns]) == 0
    assert (tmp_path / "out" / "loop.jsonl").read_text().startswith(before)
    assert len(read_results(tmp_path / "out" / "direct.jsonl")) == 2
    told = capsys.readouterr().out
    assert "2 tasks, 2 attempts" in told
    assert "pass@2, hidden too" in told
    with pytest.raises(SystemExit):
        main([*words, "loop=elsewhere:model"])


def test_pass_at_k() -> None:
    """By hand: of 4 attempts 1 solves; two of them hold it in 3 of 6 pairs."""
    assert [pass_at(k, 1, 4) for k in (1, 2, 4)] == [0.25, 0.5, 1.0]
    assert pass_at(4, 0, 4) == 0.0

    def result(name: str, *solved: bool) -> TaskResult:
        made = [Attempt(s, s, 10, 1.0, 2, 3, 0, s).row() for s in solved]
        return TaskResult(name, solved[0], attempts=tuple(made))

    runs = [[result("a", True, False)], [result("a", False, False)]]
    found = {name: cells for name, *cells in rows(runs)}
    assert found["pass@1, visible"] == ["50.0% (5% to 95%)", "0.0% (0% to 79%)"]
    assert found["pass@2, hidden too"][0].startswith("100.0%")
    assert found["first attempt: the first alone, this alone, p"] == ["", "1, 0, 1"]
    assert found["tokens a solved attempt"] == ["20", "-"]
