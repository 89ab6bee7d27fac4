"""Whole runs on a tiny model with the real sandbox: learning, resuming, adapters, two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean

import pytest
import torch
from editloop_export import write_gguf
from editloop_trainer.rlvr.judge import Judge, UntrustedSandbox
from editloop_trainer.rlvr.training import train_rlvr
from editloop_trainer.run import RunError, last_checkpoint, read_metrics
from killing import in_killed_process, kill_self
from rlvr_samples import SETTINGS, make_base, without_seconds, write_tasks
from safetensors.torch import load_file

from editloop.cli import run as editloop
from editloop.sandbox.level import Level, LevelReport

WORKER = Path(__file__).with_name("rlvr_worker.py")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with Judge(1) as judge:
        return make_base(tmp_path_factory.mktemp("base"), judge)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("tasks") / "tasks.jsonl")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_a_run_learns_what_it_is_paid_for(base: Path, tasks: Path, tmp_path: Path) -> None:
    """The start rarely says EXIT and often writes no command; the result is exported."""
    settings = replace(SETTINGS, steps=9, groups=6, generations=8, micro=24, rate=3e-4)
    folder = train_rlvr(base, tasks, tmp_path / "run", settings, workers=1)
    rows = read_metrics(folder.path)
    assert [row["step"] for row in rows] == list(range(1, 10))
    assert rows[0]["solved"] > 0.05
    assert mean(row["reward"] for row in rows[-4:]) > rows[0]["reward"] + 0.2
    assert mean(row["no_exit"] for row in rows[-4:]) < 0.9 * rows[0]["no_exit"]
    for row in rows:
        assert row["episodes"] == 48
        assert row["tokens"] > 48 * 40 * row["step"]
        assert row["seconds_rollouts"] > row["seconds_verification"] > 0.0
    assert write_gguf(folder.model, tmp_path / "m.gguf", quant="f16").stat().st_size > 10_000


def test_a_killed_run_ends_like_an_uninterrupted_one(
    base: Path, tasks: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, steps=3, checkpoint_seconds=0.0, iterations=2, kl=0.01)
    whole = train_rlvr(base, tasks, tmp_path / "whole", settings, workers=1)

    def cut() -> None:
        train_rlvr(
            base,
            tasks,
            tmp_path / "cut",
            settings,
            workers=1,
            on_step=lambda spent, row: kill_self() if spent == 1.0 else None,
        )

    in_killed_process(cut)
    found = last_checkpoint(tmp_path / "cut")
    assert found is not None
    assert found.step == 2
    again = train_rlvr(base, tasks, tmp_path / "cut", settings, workers=1)
    assert without_seconds(read_metrics(again.path)) == without_seconds(read_metrics(whole.path))
    expected = weights(whole.model)
    for name, value in weights(again.model).items():
        assert torch.equal(value, expected[name]), name
    assert not torch.equal(expected["model.norm.weight"], weights(base)["model.norm.weight"])


def test_an_adapter_is_trained_and_merged(base: Path, tasks: Path, tmp_path: Path) -> None:
    folder = train_rlvr(
        base, tasks, tmp_path / "run", replace(SETTINGS, rank=4, kl=0.01, rate=1e-2), workers=1
    )
    merged, before = weights(folder.model), weights(base)
    name = "model.layers.0.mlp.down_proj.weight"
    assert merged.keys() == before.keys()
    assert not torch.equal(merged[name], before[name])
    assert torch.equal(merged["model.norm.weight"], before["model.norm.weight"])
    assert (folder.path / "adapter" / "adapter_model.safetensors").exists()


def test_nothing_starts_without_a_trusted_sandbox(base: Path, tasks: Path, tmp_path: Path) -> None:
    report = LevelReport(Level.F, "level F: untrusted code is not run")
    with pytest.raises(UntrustedSandbox, match="level B"):
        train_rlvr(base, tasks, tmp_path / "run", SETTINGS, sandbox=report)
    assert not (tmp_path / "run").exists()


def test_too_few_tasks_are_refused(base: Path, tasks: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="6 tasks that fit"):
        train_rlvr(base, tasks, tmp_path / "run", replace(SETTINGS, groups=8))


def test_the_command_wants_a_budget(
    base: Path, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert editloop(["train", "rlvr", str(base), str(tasks), "-o", str(tmp_path / "run")]) == 2
    assert "--minutes" in capsys.readouterr().err


def test_two_processes_train_one_model(base: Path, tasks: Path, tmp_path: Path) -> None:
    """DDP over gloo; the worker asserts its world size and compares the parameters."""
    out = tmp_path / "run"
    settings = json.dumps(asdict(SETTINGS))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2"]
    done = subprocess.run(
        [*command, str(WORKER), str(base), str(tasks), str(out), settings],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": str(WORKER.parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert sorted(row["rank"] for row in found) == [0, 1]
    assert all(row["world"] == 2 for row in found)
    assert found[0]["sum"] == found[1]["sum"]
    rows = read_metrics(out)
    assert [row["episodes"] for row in rows] == [16, 16]
    moved = weights(out / "model")["model.norm.weight"]
    assert not torch.equal(moved, weights(base)["model.norm.weight"])
