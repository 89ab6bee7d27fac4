"""Turns as rows: where they come from, that serving asks the same, and that a LoRA is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from editloop_export import write_gguf
from editloop_trainer.encode import Base, load_base
from editloop_trainer.jsonl import JsonlError
from editloop_trainer.lessons import Turn, Whole, read_turns, read_whole
from editloop_trainer.rows import make_dataset, turn_rows, whole_row
from editloop_trainer.run import RunError
from test_sft import write_demos
from tiny_checkpoints import ModelSize, make_instruct

from editloop.cli import run as cli
from editloop.document.transcript import TRANSCRIPT_VERSION
from editloop.engine import Engine, read_info
from editloop.model.answers import Answers
from editloop.model.backend import Sampling
from editloop.model.child import open_model
from editloop.model.infill import Place
from editloop.model.turns import RENDERING, ask_place, ask_text
from editloop.model.whole import ask_whole
from editloop.model.whole import read_whole as read_answer

SOURCE = "def f(x):\n    y = x\n    return y + 1\n"
TURN = Turn(SOURCE, ("f(2) -> 3, expected 1",), Place(2, 3), ("    return y - 1",))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A code model's shape: a chat template, and fill-in tokens."""
    torch.set_num_threads(1)
    return load_base(make_instruct(tmp_path_factory.mktemp("base"), ModelSize("qwen2")))


@pytest.fixture(scope="module")
def gguf(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(base.folder, tmp_path_factory.mktemp("gguf") / "base.gguf", quant="f32")


def test_the_name_and_the_text_are_taught(base: Base) -> None:
    decode = base.tokenizer.decode
    end = decode([base.encoder.end])
    shown = []
    for ids, flags in turn_rows(TURN, base.encoder):
        asked, written = ids[: flags.index(True)], ids[flags.index(True) :]
        assert all(flags[len(asked) :])
        shown.append((decode(asked), decode(written)))
    (place, named), (gap, text) = shown
    assert place.endswith("3|    return y + 1\n# fixed: f(2) -> 3, expected 1\n# change:")
    assert named == f" replace 3\n{end}"
    assert gap.endswith("    # was: return y + 1\n<|fim_suffix|><|fim_middle|>")
    assert text == f"    return y - 1\n{end}"
    deletion = Turn(SOURCE, (), Place(1, 2), ())
    [(ids, flags)] = turn_rows(deletion, base.encoder)
    assert decode(ids).endswith(f"# change: delete 2\n{end}")


def test_serving_asks_what_was_taught(base: Base, gguf: Path) -> None:
    lines = [*TURN.seen[:1], "    y = '<|fim_middle|>' + x", *TURN.seen[2:]]
    turn = Turn("".join(f"{line}\n" for line in lines), TURN.failed, TURN.place, TURN.lines)
    with Engine.load(gguf, transcript_version=TRANSCRIPT_VERSION, n_threads=1) as engine:
        answers = Answers(engine)
        asked = [ask_place(lines, range(3), turn.failed), ask_text(lines, turn.place, turn.failed)]
        for prompt, (ids, flags) in zip(asked, turn_rows(turn, base.encoder), strict=True):
            assert answers._ids(prompt) == ids[: flags.index(True)]
            assert ids[-1] in engine.ends


def test_turns_of_demonstrations_and_of_repairs(tmp_path: Path) -> None:
    demos = write_demos(tmp_path / "demos.jsonl", 2)
    repair = {"source": SOURCE, "failed": ["no"], "first": 1, "stop": 1, "lines": ["    z = 1"]}
    repairs = tmp_path / "repairs.jsonl"
    repairs.write_text(json.dumps({"v": 1, "id": "x", "turns": [repair], "fixed": ""}) + "\n")
    first, second, third = read_turns([demos, repairs])
    assert (first.place, first.lines) == (Place(1, 2), ("    z0 = x - y",))
    assert first.failed == ("f0(3, 4) -> wrong",)
    assert "z1" in second.source
    assert third == Turn(SOURCE, ("no",), Place(1, 1), ("    z = 1",))
    demos.write_text('{"id": "x"}\n')
    with pytest.raises(JsonlError, match="neither demonstrations nor repairs"):
        list(read_turns([demos]))


def test_whole_programs_are_taught_as_they_are_asked(
    base: Base, gguf: Path, tmp_path: Path
) -> None:
    demos, repairs = write_demos(tmp_path / "demos.jsonl", 1), tmp_path / "repairs.jsonl"
    repair = {"source": SOURCE, "failed": ["no"], "first": 1, "stop": 2, "lines": []}
    repairs.write_text(json.dumps({"v": 1, "id": "x", "turns": [repair], "fixed": "y\n"}) + "\n")
    first, second = read_whole([demos, repairs])
    assert "    z0 = x + y" in first.source
    assert "    z0 = x - y" in first.fixed
    assert second == Whole(SOURCE, ("no",), "y\n")
    whole, flags = whole_row(second, base.encoder)
    ids = whole[: flags.index(True)]
    with Engine.load(gguf, transcript_version=TRANSCRIPT_VERSION, n_threads=1) as engine:
        assert Answers(engine)._ids(ask_whole(SOURCE, ["no"])) == ids
    assert read_answer(base.tokenizer.decode(whole[len(ids) :])) == "y\n"
    assert "fails its tests" in base.tokenizer.decode(ids)


def test_wrong_commands_are_not_turns(tmp_path: Path) -> None:
    demos = write_demos(tmp_path / "demos.jsonl", 1)
    row = json.loads(demos.read_text())
    demos.write_text(json.dumps({**row, "mistakes": [0]}) + "\n")
    assert not list(read_turns([demos]))


def test_rows_that_are_too_long_are_dropped(base: Base) -> None:
    assert len(make_dataset(turn_rows(TURN, base.encoder), 1024)) == 2
    with pytest.raises(RunError, match="fits into 16 tokens"):
        make_dataset(turn_rows(TURN, base.encoder), 16)


def test_a_lora_from_demonstrations_to_an_answer(base: Base, gguf: Path, tmp_path: Path) -> None:
    """Trained in this rendering, exported alone, and asked beside its base, which it changes."""
    demos, out = write_demos(tmp_path / "demos.jsonl", 24), tmp_path / "run"
    words = ["--steps", "30", "--batch", "1", "--context", "512", "--rate", "0.02", "--rank", "8"]
    tuned = ["train", "sft", str(demos), "--base", str(base.folder), "-o", str(out), *words]
    assert cli(tuned) == 0
    settings = json.loads((out / "settings.json").read_text())
    assert settings["rendering"] == RENDERING
    alone = tmp_path / "mine.gguf"
    words = ["--adapter-only", "--lora", str(out / "adapter"), "-o", str(alone)]
    words += ["--meta", f"editloop.base_model={gguf}"]
    assert cli(["export", str(base.folder), *words]) == 0
    info = read_info(alone)
    assert (info.is_adapter, info.rendering) == (True, RENDERING)
    seen = next(iter(read_turns([demos])))
    asked = ask_place(seen.seen, range(3), seen.failed)
    replies = []
    for path in (gguf, alone):
        model = open_model(path, n_ctx=1024, threads=1)
        try:
            assert model.points == (path == alone)
            [[reply]] = model.complete([asked], Sampling(max_tokens=8, stop=("\n",)))
        finally:
            model.close()
        replies.append(reply.text)
    assert replies[0] != replies[1] == " replace 2"
