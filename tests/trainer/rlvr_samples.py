"""A tiny model, tasks that it half knows, and what the tests of reinforcement learning share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tiny_bases
from editloop_trainer.encode import Base, load_base
from editloop_trainer.rlvr.judge import Judge
from editloop_trainer.rlvr.settings import RlvrSettings
from tiny_bases import write_tokenizer

from editloop.checks.verdict import CheckResult, Verdict
from editloop.document.commands import EXIT, Command, edit_line, render
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import INSTRUCTION, Transcript, observation_text, observe
from editloop.tasks import Task, task_row

VOCABULARY = 900
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
    steps=2, groups=4, generations=4, turns=3, tokens=512, command=20, micro=8, rate=5e-4, kl=0.0
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


def shapeless(folder: Path) -> Base:
    """A base without weights."""
    write_tokenizer(folder, _texts(), VOCABULARY)
    (folder / "config.json").write_text('{"model_type": "qwen3"}')
    return load_base(folder)


def make_base(folder: Path, judge: Judge, steps: int = 50) -> Path:
    """A folder with a model of two layers that was taught the fixes for a few steps only."""
    return tiny_bases.make_base(
        folder,
        texts=_texts(),
        vocabulary=VOCABULARY,
        transcripts=[demonstrate(*made, judge) for made in make_tasks()],
        steps=steps,
    )


def _texts() -> list[str]:
    # What a run learns hangs on the tokenizer, so it may not hang on the standard library at hand.
    # Words of the instruction are a token each: it is most of a row.
    seen = [INSTRUCTION, render(EXIT), *(render(command) for _, command in make_tasks())]
    seen += [observation_text(observe(_opened(task), ())) for task, _ in make_tasks()]
    return [*(100 * seen), LICENSE.read_text()]


def _opened(task: Task) -> EditState:
    return EditState.open(Snapshot.from_text(task.buggy))


def demonstrate(task: Task, command: Command, judge: Judge) -> Transcript:
    """The fix and EXIT, with what the real checks say."""
    state = _opened(task)
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
