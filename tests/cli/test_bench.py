"""`editloop bench` as a process: its lines, its summary, resuming, and what goes wrong in tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import HALF, Cli, environment, task, write_rows

KEYS = (
    *("id", "solved", "solved_hidden", "seconds", "candidates", "first_seconds", "turns"),
    *("commands", "diff", "reason", "edit_size", "candidates_total", "examples", "others"),
    *("calls", "differing", "right", "attempts"),
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_uniform_order_from_a_clean_start(cli: Cli, tmp_path: Path) -> None:
    rows = [
        task("easy"),
        task("misled", tests="def test_half():\n    assert half(0) == 0\n"),
        task("visible only", hidden_tests="", hidden_test_names=[]),
        task("broken tests", tests="def test_half(:\n"),
        task("unnamed test", test_names=["test_nothing"]),
        task("endless", buggy="def half(number):\n    while True:\n        pass\n"),
        task("long", buggy=HALF + "# line\n" * 300),
    ]
    out = tmp_path / "results.jsonl"
    tasks = write_rows(tmp_path / "tasks.jsonl", rows)
    done = cli("bench", tasks, "--policy", "uniform", "--budget", "6", "--jobs", "2", "--out", out)
    assert done.returncode == 0, done.stderr
    found = {row["id"]: row for row in lines(out)}
    assert {tuple(row) for row in found.values()} == {KEYS}
    assert set(found) == {row["id"] for row in rows}
    easy = found["easy"]
    assert (easy["solved"], easy["solved_hidden"]) == (True, True)
    assert 0 < easy["first_seconds"] <= easy["seconds"]
    assert easy["candidates"] >= 1
    assert easy["candidates_total"] >= easy["candidates"]
    assert easy["commands"]
    assert "+    return number //" in easy["diff"] or "+    return number /" in easy["diff"]
    assert found["visible only"]["solved_hidden"] is None
    assert found["misled"]["solved"]  # its visible test says nothing
    assert found["misled"]["solved_hidden"] is False
    assert found["misled"]["candidates"] == 0
    for name in ("broken tests", "unnamed test", "long"):
        assert found[name]["reason"].startswith("error: ")
        assert (found[name]["solved"], found[name]["solved_hidden"]) == (False, False)
    assert found["endless"]["reason"].startswith("out of time")
    summary = json.loads((tmp_path / "results.summary.json").read_text())
    assert (summary["tasks"], summary["done"]) == (7, 7)
    assert (summary["solved"], summary["hidden_tasks"]) == (3, 6)
    assert summary["solved_hidden"] == 1
    assert (summary["errors"], summary["timeouts"]) == (3, 1)
    assert summary["nothing_wrong"] == 1
    assert summary["sandbox"][0] in "AB"
    assert "solved, hidden tests" in done.stdout


def test_resumes_repairs_and_refuses_other_settings(cli: Cli, tmp_path: Path) -> None:
    tasks = write_rows(tmp_path / "tasks.jsonl", [task("a"), task("b"), task("c")])
    out = tmp_path / "results.jsonl"
    command = ("bench", tasks, "--policy", "uniform", "--out", out)
    assert cli(*command, "--limit", "2").returncode == 0
    first, second = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(first + second[: len(second) // 2])
    other = tmp_path / "elsewhere.json"
    done = cli(*command, "--summary", other)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(first)
    assert [row["id"] for row in lines(out)] == ["a", "b", "c"]
    assert json.loads(other.read_text())["done"] == 3
    before = out.read_bytes()
    assert cli(*command).returncode == 0  # nothing is left to do
    assert out.read_bytes() == before
    refused = cli(*command, "--seed", "1", "--budget", "3")
    assert refused.returncode == 2
    assert "budget 10.0, now 3.0, seed 0, now 1" in refused.stderr
    assert refused.stderr.count("\n") == 1
    (tmp_path / "results.jsonl.settings.json").unlink()
    assert "choose another --out" in cli(*command).stderr
    assert out.read_bytes() == before


def test_same_seed_same_candidates(cli: Cli, tmp_path: Path) -> None:
    tasks = write_rows(tmp_path / "tasks.jsonl", [task("a"), task("b")])
    counts = []
    for name, seed in (("1", "5"), ("2", "5"), ("3", "6")):
        out = tmp_path / f"{name}.jsonl"
        cli("bench", tasks, "--policy", "uniform", "--seed", seed, "--out", out)
        counts.append([(row["candidates"], row["commands"]) for row in lines(out)])
    assert counts[0] == counts[1]
    assert counts[0] != counts[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_keeps_its_lines_and_leaves_no_process(
    cli: Cli, data_home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    endless = "def half(number):\n    while True:\n        number += 1\n"
    rows = [task("first"), *(task(f"endless {n}", buggy=endless) for n in range(20))]
    tasks = write_rows(tmp_path / "tasks.jsonl", rows)
    out = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "editloop", "bench", str(tasks), "--policy", "uniform"]
    process = subprocess.Popen(
        [*command, "--budget", "60", "--out", str(out), "--jobs", "2"],
        env=environment(data_home),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (out.exists() and out.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = children(process.pid)
    assert workers
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "interrupted with 20 of 21 tasks left; the same command goes on from here" in errors
    assert "Traceback" not in errors
    assert [row["id"] for row in lines(out)] == ["first"]
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)


def test_a_model_that_knows_nothing(cli: Cli, tmp_path: Path, tiny_model: Path) -> None:
    tasks = write_rows(tmp_path / "tasks.jsonl", [task("a")])
    out = tmp_path / "loop.jsonl"
    options = ("--model", tiny_model, "--budget", "5", "--out")
    done = cli("bench", tasks, "--policy", "loop", *options, out)
    assert done.returncode == 0, done.stderr
    [row] = lines(out)
    assert (row["solved"], row["reason"]) == (False, "not solved")
    assert row["attempts"][0]["malformed"] == row["attempts"][0]["turns"] > 0
    out = tmp_path / "model.jsonl"
    done = cli("bench", tasks, *options, out)
    assert done.returncode == 0, done.stderr
    [row] = lines(out)
    assert row["id"] == "a"
    summary = json.loads((tmp_path / "model.summary.json").read_text())
    assert summary["settings"]["model_sha256"]


@pytest.mark.parametrize("text", ["", '{"id": "x"}\n', "[]\n", "nonsense\n"])
def test_a_bad_task_file_is_one_line(cli: Cli, tmp_path: Path, text: str) -> None:
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(text)
    done = cli("bench", tasks, "--policy", "uniform")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_bad_model_ends_the_run_before_it_starts(cli: Cli, tmp_path: Path) -> None:
    tasks = write_rows(tmp_path / "tasks.jsonl", [task("a")])
    (tmp_path / "bad.gguf").write_text("x")
    out = tmp_path / "results.jsonl"
    done = cli("bench", tasks, "--model", tmp_path / "bad.gguf", "--out", out)
    assert done.returncode == 2
    assert "is not a GGUF" in done.stderr
    assert not out.exists()


def children(pid: int) -> list[int]:
    """Processes whose parent is ``pid``."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path("/proc", name, "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
