"""The benchmark's parts: stages of a task, workers that die or hang, result files, counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from editloop.bench import (
    BenchError,
    BenchSettings,
    ResultFile,
    TaskResult,
    TaskRunner,
    WorkerPool,
    summarize,
)
from editloop.bench.results import read_results, refuse_other_summary
from editloop.bench.summary import alone, median_p90, wilson
from editloop.policy import Policy, ScriptedPolicy
from editloop.tasks import Task, parse_task

from .conftest import ROOT, task

RIGHT = ("### REPW 2 >>>* >>>//", "### EXIT")
MakeRunner = Callable[[str, Policy], TaskRunner]


@pytest.fixture
def runner() -> Iterator[MakeRunner]:
    made: list[TaskRunner] = []

    def make(kind: str, policy: Policy) -> TaskRunner:
        made.append(TaskRunner(BenchSettings(kind, budget=5.0), policy))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_search_then_hidden_tests(runner: MakeRunner) -> None:
    parts: list[TaskResult] = []
    found = runner("model", ScriptedPolicy(RIGHT)).run(parse_task(task("a")), parts.append)
    assert (found.solved, found.solved_hidden) == (True, True)
    assert found.candidates == 1
    assert found.commands == (RIGHT[0],)
    assert found.diff.endswith("-    return number * 2\n+    return number // 2\n")
    assert found.edit_size == 2
    assert [p.solved_hidden for p in parts] == [None]


def endless(name: str) -> Task:
    return parse_task(task(name, buggy="def half(number):\n    while True:\n        number += 1\n"))


def drive(pool: WorkerPool, tasks: list[Task], number: signal.Signals) -> dict[str, TaskResult]:
    """Runs tasks and sends a signal to the worker of the first, once."""
    found: dict[str, TaskResult] = {}
    sent = False
    for result in pool.run(tasks):
        if result is not None:
            found[result.id] = result
        for worker in pool._workers:
            if not sent and worker.task is not None and worker.process.pid is not None:
                os.kill(worker.process.pid, number)
                sent = True
    assert sent
    return found


def test_a_worker_that_dies_costs_one_task() -> None:
    with WorkerPool(BenchSettings("uniform", budget=4.0), 1) as pool:
        found = drive(pool, [endless("victim"), parse_task(task("next"))], signal.SIGKILL)
    assert found["victim"].reason == "error: the worker was ended by SIGKILL"
    assert found["victim"].failed
    assert found["victim"].solved_hidden is False
    assert found["next"].solved


def test_a_worker_that_hangs_costs_one_task() -> None:
    with WorkerPool(BenchSettings("uniform", budget=5.0), 1, grace=3.0) as pool:
        found = drive(pool, [endless("victim"), parse_task(task("next"))], signal.SIGSTOP)
    assert found["victim"].timed_out
    assert not found["victim"].failed
    assert found["next"].solved


def test_no_worker_at_all(tiny_model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_model.read_bytes()[:5000])
    settings = BenchSettings("model", model=str(cut))
    with WorkerPool(settings, 1) as pool, pytest.raises(BenchError, match="cut short"):
        list(pool.run([parse_task(task("a"))]))


def test_result_file_survives_a_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    settings = {"policy": "uniform"}
    first_result = TaskResult(
        "eins",
        True,
        seconds=0.5,
        candidates=3,
        commands=("### DELL 1",),
        diff="-\u2028\U0001f40d\n",
    )
    results = [first_result, TaskResult("zwei")]
    with ResultFile(path, settings) as file:
        for result in results:
            file.append(result)
    whole = path.read_bytes()
    assert list(read_results(path).values()) == results
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole) + 1):
        path.write_bytes(whole[:cut])
        with ResultFile(path, settings) as file:
            complete = cut >= len(whole) - 1  # only the newline is missing
            assert list(file.done) == ["eins", "zwei"][: 1 + complete]
            if not complete:
                file.append(results[1])
        assert path.read_bytes() == whole


def test_result_file_refuses_what_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"name": "x"}\n{"id": "a"}\n')
    with pytest.raises(BenchError, match=r"out.jsonl:1: not a result"):
        ResultFile(path, {})


def test_medians_and_nearest_rank() -> None:
    assert median_p90([]) == {"median": None, "p90": None}
    assert median_p90([7]) == {"median": 7, "p90": 7}
    assert median_p90(range(1, 11)) == {"median": 5.5, "p90": 9}


def test_counts() -> None:
    results = [
        TaskResult("a", True, True, 1.0, 4, edit_size=2),
        TaskResult("b", True, False, 2.0, 8, edit_size=4),
        TaskResult("c", False, False, 9.0, 99, reason="out of time after 99"),
        TaskResult("d", reason="error: ValueError: x"),
        TaskResult("e", reason="time-out: the task did not end"),
    ]
    found = summarize(results, 9, {})
    assert (found["tasks"], found["done"], found["solved"]) == (9, 5, 2)
    assert (found["hidden_tasks"], found["solved_hidden"]) == (3, 1)
    assert (found["timeouts"], found["errors"]) == (2, 1)
    assert found["candidates"]["solved"] == {"median": 6, "p90": 8}
    assert found["edit_size"]["solved"] == {"median": 3, "p90": 4}


def test_compare(tmp_path: Path) -> None:
    model = [
        TaskResult("a", True, True, candidates=2),
        TaskResult("b", True, False, candidates=5),
        TaskResult("c", True, candidates=1),
        TaskResult("only here", True),
    ]
    uniform = [
        TaskResult("a", True, True, candidates=20),
        TaskResult("b", True, True, candidates=10),
        TaskResult("c", False, candidates=500),
    ]
    runs = []
    for name, rows in (("model", model), ("uniform", uniform)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row.row()) + "\n" for row in rows))
        runs.append(f"{name}={path}")
    script = ROOT / "benchmarks" / "compare.py"
    done = subprocess.run(
        [sys.executable, str(script), *runs],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines()]
    found = {cells[1]: cells[2:4] for cells in lines if len(cells) > 3}
    assert found["solved, visible tests"] == ["3 of 3", "2 of 3"]
    assert found["solved, hidden tests"] == ["1 of 2, of 2 solved", "2 of 2, of 2 solved"]
    assert found["solved by the first alone, by this one alone, p"] == ["", "1, 0, 1"]
    assert found["median candidates, 2 tasks that all solve"] == ["3.5", "15"]
    assert found["median of candidates / the second's"] == ["0.300", ""]


@pytest.mark.parametrize("text", ["notes", "a\nb", '{"name": 1}', '{"id": "a"}\nnotes of mine'])
def test_what_is_no_result_file_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(BenchError):
        ResultFile(path, {})
    assert path.read_text() == text
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_summary_replaces_nothing_but_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes")
    with pytest.raises(BenchError, match="no summary"):
        refuse_other_summary(path)
    path.write_text('{"tasks": 3, "solved": 1}')
    refuse_other_summary(path)
    refuse_other_summary(tmp_path / "new.json")


def test_the_interval_narrows_with_the_tasks() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)  # by hand
    low, high = wilson(500, 1000)
    assert 0.2366 < low < 0.5 < high < 0.7634
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10)[0] == pytest.approx(1 - 0.2775, abs=1e-4)


def test_two_runs_are_compared_by_what_one_alone_solves() -> None:
    assert alone([True] * 6, [True] + [False] * 5) == (5, 0, 2 / 2**5)
    assert alone([True] * 6, [True] * 6) == (0, 0, 1.0)
    assert str(alone([True] * 5, [False] * 5)) == "5, 0, 0.062"
