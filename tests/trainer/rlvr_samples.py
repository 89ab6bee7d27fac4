"""A tiny model, tasks that it half knows, and what the tests of reinforcement learning share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.utils.rnn import pad_sequence

from editloop.commands import EXIT, Command, edit_line
from editloop.state import EditState, apply
from editloop.tasks import Task, task_row
from editloop.text import Snapshot
from editloop.transcript import Transcript, observe
from editloop.verdict import CheckResult, Verdict
from trainer.encode import compact_tokenizer
from trainer.rlvr.judge import Judge
from trainer.rlvr.training import RlvrSettings
from trainer.scratch import ModelShape, make_model
from trainer.tokenizer import EpisodeEncoder, source_lines, train_tokenizer

LICENSE = Path(__file__).parents[2] / "LICENSE"
PASSED = Verdict((CheckResult("tests", 1, 1),), complete=True)
FAILED = Verdict((CheckResult("tests", 0, 1),), complete=True)

_LINES = (
    ("add", "a - b", "a + b", 5),
    ("twice", "a * 3", "a * 2", 4),
    ("less", "a > b", "a < b", True),
    ("both", "a or b", "a and b", 3),
    ("first", "b", "a", 2),
    ("minus", "a + b", "a - b", -1),
)

SETTINGS = RlvrSettings(
    steps=2, groups=4, generations=4, turns=3, tokens=512, command=12, micro=8, rate=5e-4, kl=0.0
)


def make_tasks() -> list[tuple[Task, Command]]:
    """Functions with one fault, and the command that undoes it."""
    made = []
    for name, wrong, right, value in _LINES:
        buggy = f"def {name}(a, b):\n    return {wrong}\n"
        tests = f"def test_1():\n    assert {name}(2, 3) == {value!r}\n"
        command = edit_line(2, f"    return {wrong}", f"    return {right}")
        made.append((Task(name, buggy, tests, ("test_1",)), command))
    return made


def write_tasks(path: Path) -> Path:
    rows = [task_row(task) for task, _ in make_tasks()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_tokenizer(folder: Path) -> EpisodeEncoder:
    # What a run learns hangs on the tokenizer, so it may not hang on the standard library at hand.
    texts = [task.buggy + task.tests for task, _ in make_tasks()] + [LICENSE.read_text()]
    encoder = EpisodeEncoder(train_tokenizer(source_lines(texts), 700))
    encoder.tokenizer.save(str(folder / "tokenizer.json"))
    return encoder


def make_base(folder: Path, judge: Judge, steps: int = 50) -> Path:
    """A folder with a model of two layers that was taught the fixes for a few steps only."""
    encoder = make_tokenizer(folder)
    known = compact_tokenizer(folder / "tokenizer.json")
    shape = ModelShape(vocabulary=700, width=64, layers=2, heads=1, kv_heads=1, hidden=128)
    model = make_model(shape, known.pad_token_id, known.bos_token_id, known.eos_token_id, seed=0)
    episodes = [demonstrate(*made, judge) for made in make_tasks()]
    rows = [row for episode in episodes for row in encoder.rows(episode)]
    ids = pad_sequence([torch.tensor(ids) for ids, _ in rows], batch_first=True)
    labels = pad_sequence(
        [torch.tensor(ids).where(torch.tensor(flags), -100) for ids, flags in rows],
        batch_first=True,
        padding_value=-100,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        torch.autograd.backward(model(input_ids=ids, labels=labels).loss)
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def demonstrate(task: Task, command: Command, judge: Judge) -> Transcript:
    """The fix and EXIT, with what the real checks say."""
    state = EditState.open(Snapshot.from_text(task.buggy))
    before = judge.submit(task, state.text).result()
    after = apply(state, command)
    verdict = judge.submit(task, after.text).result()
    assert verdict.passed
    assert not before.passed
    shown = Transcript((observe(state, before.findings),))
    whole = shown.extend(command, observe(after, verdict.findings))
    return replace(whole, commands=(command, EXIT))


def without_seconds(rows: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if "second" not in k} for row in rows]
