"""Reinforcement learning by places and texts: episodes, their rows, and a run that goes on with a
LoRA."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from editloop_trainer.encode import Base, load_base
from editloop_trainer.rendering import Rendering
from editloop_trainer.reward import group_rewards
from editloop_trainer.rlvr.episodes import Limits, Table
from editloop_trainer.rlvr.games import Places
from editloop_trainer.rlvr.judge import Judge
from editloop_trainer.rlvr.player import training_rows
from editloop_trainer.rlvr.training import train_rlvr
from editloop_trainer.run import RunError, read_metrics
from rlvr_samples import SETTINGS, make_tasks, write_tasks
from tiny_checkpoints import ModelSize, make_instruct

from editloop.cli import run as editloop
from editloop.engine import read_info

LIMITS = Limits(turns=3, tokens=512, command=20)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    torch.set_num_threads(1)
    size = ModelSize("qwen2", context=1024)
    return load_base(make_instruct(tmp_path_factory.mktemp("base"), size))


class Playing:
    """Writes fixed answers to whatever a row is asked, by the copy that asks."""

    def __init__(self, base: Base, answers: Sequence[Sequence[str]]) -> None:
        self._base, self._left = base, [list(row) for row in answers]
        self.asked: list[str] = []

    def __call__(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        going = [row for row in self._left if row]
        assert len(going) == len(prompts)
        self.asked += [self._base.tokenizer.decode(list(prompt)) for prompt in prompts]
        encoder = self._base.encoder
        return [[*encoder.tokens.tokenize(answers.pop(0)), encoder.end] for answers in going]


def test_answers_are_rows_and_turns_are_rewarded(base: Base) -> None:
    """Named and filled in rightly; nonsense, then a deletion, then a wrong line; all at once."""
    task, _ = make_tasks()[0]
    answers = [
        [" replace 2\n", "    return a + b\n"],
        ["line 2", " delete 2\n", " insert 2\n", "    return a * b\n"],
    ]
    write = Playing(base, answers)
    with Judge(1) as judge:
        played = Table(Places(base), base, LIMITS).play([task], 2, write, judge)
    [[right, wrong]] = played.groups
    assert (right.solved, right.stop, len(right.turns)) == (True, "exit", 1)
    assert (wrong.solved, wrong.stop) == (False, "turns")
    assert [turn.malformed for turn in wrong.turns] == [True, False, False]
    assert [turn.edited for turn in wrong.turns] == [False, True, True]
    assert write.asked[0].endswith("# change:")
    assert write.asked[2].endswith("    # was: return a - b\n<|fim_suffix|><|fim_middle|>")
    rewards = group_rewards([right.turns, wrong.turns])
    assert rewards == [[1.0], [-0.5, 0.0, -0.5]]
    rows = training_rows([right, wrong], rewards)
    assert len(rows) == 6
    decode = base.tokenizer.decode
    for row, text in zip(rows, (text for texts in answers for text in texts), strict=True):
        assert decode(row.written) == text + decode([base.encoder.end])
    assert rows[0].worth > 0 > rows[2].worth


def test_what_does_not_fit_is_not_played(base: Base) -> None:
    tasks = [task for task, _ in make_tasks()]

    def table(tokens: int) -> Table:
        return Table(Places(base), base, replace(LIMITS, tokens=tokens))

    assert table(512).fitting(tasks) == tasks
    assert not table(42).fitting(tasks)
    with Judge(1) as judge:
        write = Playing(base, [["nonsense"]])
        [[episode]] = table(30).play(tasks[:1], 1, write, judge).groups
    assert (episode.stop, len(episode.turns)) == ("room", 1)


def write_repairs(path: Path) -> Path:
    """The right edit of each task, as `train repairs` would write it."""
    with path.open("w") as file:
        for task, command in make_tasks():
            line = task.buggy.split("\n")[1].replace(command.source, command.text)
            turn = {"source": task.buggy, "failed": [], "first": 1, "stop": 2, "lines": [line]}
            file.write(json.dumps({"v": 1, "id": task.id, "turns": [turn]}) + "\n")
    return path


def test_a_run_goes_on_with_a_lora(base: Base, tmp_path: Path) -> None:
    """Half taught, then two steps of practice: what comes out is one LoRA on the same base."""
    repairs, tasks = write_repairs(tmp_path / "repairs.jsonl"), write_tasks(tmp_path / "t.jsonl")
    taught = tmp_path / "taught"
    words = ["--steps", "12", "--batch", "1", "--context", "512", "--rate", "0.01", "--rank", "4"]
    words += ["-o", str(taught)]
    assert editloop(["train", "sft", str(repairs), "--base", str(base.folder), *words]) == 0
    settings = replace(SETTINGS, groups=2, generations=2, turns=2, kl=0.01)
    run = train_rlvr(taught / "adapter", tasks, tmp_path / "run", settings, workers=1)
    rows = read_metrics(run.path)
    assert [row["step"] for row in rows] == [1, 2]
    for row in rows:
        assert row["episodes"] == 4
        assert row["written_tokens"] > 0
        assert abs(row["kl"]) < 0.1
    assert json.loads((run.path / "settings.json").read_text())["rendering"] == "places"
    assert not (run.path / "adapter" / "ref").exists()
    train_rlvr(taught / "adapter", tasks, run.path, replace(settings, steps=3), workers=1)
    assert [row["step"] for row in read_metrics(run.path)] == [1, 2, 3]
    with pytest.raises(RunError, match="have no turns to practise"):
        train_rlvr(base.folder, tasks, tmp_path / "d", settings, rendering=Rendering.direct)
    out = tmp_path / "mine.gguf"
    words = ["--adapter-only", "--lora", str(run.path / "adapter"), "-o", str(out)]
    assert editloop(["export", str(base.folder), *words]) == 0
    assert read_info(out).rendering == "places"
