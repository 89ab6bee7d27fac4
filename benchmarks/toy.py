"""A world small enough to learn in minutes: functions of one line whose operator is wrong.

The name of a function says what it should compute, so a model can learn to repair functions that it
never saw. The start is a decoder of two layers, taught the fixes for too short a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from random import Random

import torch
from torch.nn.utils.rnn import pad_sequence

from editloop.commands import EXIT, edit_line
from editloop.state import EditState, apply
from editloop.tasks import Task
from editloop.text import Snapshot
from editloop.transcript import Transcript, observe
from trainer.encode import compact_tokenizer
from trainer.rlvr.judge import Judge
from trainer.scratch import ModelShape, make_model
from trainer.tokenizer import EpisodeEncoder, train_tokenizer

VERBS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "//",
    "remainder": "%",
    "smaller": "<",
    "larger": ">",
    "equal": "==",
}
NOUNS = (
    *("items", "values", "numbers", "sizes", "costs", "points", "prices", "weights", "lengths"),
    *("scores", "ages", "counts", "rates", "totals", "widths", "heights", "depths", "levels"),
    *("ranks", "turns"),
)
KINDS = ("old", "new", "raw", "total", "local", "inner", "outer", "first")
_CALLS = ((7, 3), (2, 5), (6, 6))


def make_tasks(seed: int = 0) -> list[Task]:
    """One task of each verb, kind and noun; the family is the verb, an id is ``FUNCTION#1``."""
    rng, made = Random(seed), []
    for kind, noun in product(KINDS, NOUNS):
        for verb, right in VERBS.items():
            wrong = rng.choice([sign for sign in VERBS.values() if sign != right])
            name = f"{verb}_{kind}_{noun}"
            asserts = [f"    assert {name}({a}, {b}) == {_value(right, a, b)}" for a, b in _CALLS]
            made.append(
                Task(
                    f"{name}#1",
                    f"def {name}(a, b):\n    return a {wrong} b\n",
                    "def test_1():\n" + "\n".join(asserts) + "\n",
                    ("test_1",),
                    fixed=f"def {name}(a, b):\n    return a {right} b\n",
                    meta=(("family", verb),),
                )
            )
    rng.shuffle(made)
    return made


def make_base(folder: Path, tasks: Sequence[Task], steps: int, seed: int = 0) -> Path:
    """Teach the fixes of these tasks for ``steps`` steps."""
    encoder = EpisodeEncoder(train_tokenizer((line for t in tasks for line in _lines(t)), 640))
    folder.mkdir(parents=True, exist_ok=True)
    encoder.tokenizer.save(str(folder / "tokenizer.json"))
    known = compact_tokenizer(folder / "tokenizer.json")
    shape = ModelShape(
        vocabulary=encoder.tokenizer.get_vocab_size(),
        width=64,
        layers=2,
        heads=1,
        kv_heads=1,
        hidden=192,
    )
    model = make_model(shape, known.pad_token_id, known.bos_token_id, known.eos_token_id, seed)
    with Judge(1) as judge:
        rows = [row for task in tasks for row in encoder.rows(_demonstrated(task, judge))]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rng = Random(seed)
    for _ in range(steps):
        chosen = rng.sample(rows, 32)
        ids = pad_sequence([torch.tensor(ids) for ids, _ in chosen], batch_first=True)
        labels = pad_sequence(
            [torch.tensor(ids).where(torch.tensor(flags), -100) for ids, flags in chosen],
            batch_first=True,
            padding_value=-100,
        )
        torch.autograd.backward(model(input_ids=ids, labels=labels).loss)
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def _demonstrated(task: Task, judge: Judge) -> Transcript:
    state = EditState.open(Snapshot.from_text(task.buggy))
    right = str(task.fixed).split("\n")[1]
    command = edit_line(2, state.window[1], right)
    after = apply(state, command)
    verdicts = [judge.submit(task, s.text).result() for s in (state, after)]
    seen = [observe(s, v.findings) for s, v in zip((state, after), verdicts, strict=True)]
    return Transcript(tuple(seen), (command, EXIT))


def _lines(task: Task) -> list[str]:
    return [*task.buggy.split("\n"), *str(task.fixed).split("\n"), *task.tests.split("\n")]


def _value(sign: str, a: int, b: int) -> str:
    return repr(eval(f"{a} {sign} {b}"))  # our own text
