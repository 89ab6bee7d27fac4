"""Fine-tuning of pretrained bases: what has a loss, packing, resuming, and parity with serving."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from editloop_export import write_gguf
from editloop_trainer.encode import Base, Row, load_base
from editloop_trainer.rows import chat_rows, make_dataset
from editloop_trainer.run import RunError, RunFolder, read_metrics
from editloop_trainer.sft import fine_tune
from editloop_trainer.sft_trainer import SftSettings
from killing import file_limit, in_killed_process, kill_self
from tiny_bases import make_base
from transformers import AutoModelForCausalLM

from editloop.cli import run as cli
from editloop.document.commands import EXIT, edit_line, render
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import TRANSCRIPT_VERSION, Finding, Transcript, chat, observe
from editloop.engine import Engine

OPERATORS = (("+", "-"), ("*", "+"), ("<", ">"), ("or", "and"), ("//", "/"), ("==", "!="))
CONTEXT = 640
SETTINGS = SftSettings(
    steps=8, rank=8, context=CONTEXT, batch=2, rate=2e-3, log_steps=1, checkpoint_seconds=0.0
)


def episode(number: int) -> Transcript:
    """An operator of a function put right, then EXIT; every number gives another text."""
    wrong, right = OPERATORS[number % len(OPERATORS)]
    lines = [f"def f{number}(x, y):", f"    z{number} = x {wrong} y", f"    return z{number}"]
    state = EditState.open(Snapshot.from_text("\n".join(lines) + "\n"))
    first = observe(state, [Finding(f"f{number}(3, 4) -> wrong", None)])
    command = edit_line(2, lines[1], lines[1].replace(f" {wrong} ", f" {right} "))
    last = observe(apply(state, command), ())
    return Transcript((first, last), (command, EXIT))


def write_demos(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            made = episode(number)
            seen = [{"window": o.window, "findings": o.findings} for o in made.observations]
            row = {"v": 1, "observations": seen, "commands": [render(c) for c in made.commands]}
            file.write(json.dumps({**row, "family": ["operator"], "source": str(number)}) + "\n")
    return path


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return load_base(make_base(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def chat_base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("chat")
    return load_base(make_base(folder, architecture="llama"))


@pytest.fixture(scope="module")
def rows(base: Base) -> list[Row]:
    return [row for n in range(40) for row in chat_rows(episode(n), base.encoder, CONTEXT)]


def make_run(folder: Path) -> RunFolder:
    return RunFolder(folder, {"kind": "sft"})


def written_text(base: Base, ids: list[int], written: list[bool]) -> str:
    kept = [token for token, flag in zip(ids, written, strict=True) if flag]
    return str(base.tokenizer.decode(kept))


def test_only_the_commands_are_taught(chat_base: Base) -> None:
    one = episode(0)
    [(ids, written)] = chat_base.encoder.rows(one)
    end = chat_base.tokenizer.eos_token
    assert written_text(chat_base, ids, written) == "".join(
        render(command) + end for command in one.commands
    )
    [(_, kept)] = chat_base.encoder.rows(replace(one, mistakes=frozenset({0})))
    assert written_text(chat_base, ids, kept) == render(EXIT) + end
    dataset = make_dataset(chat_rows(one, chat_base.encoder, 1024), 1024)
    labels = np.array(dataset[0]["labels"])
    assert (labels[written] == np.array(ids)[written]).all()
    assert (labels[~np.array(written)] == -100).all()


def test_a_template_that_rewrites_earlier_turns_gives_a_row_a_turn(tmp_path: Path) -> None:
    folder = make_base(tmp_path)
    template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    forgetful = template.replace(
        "{{ m.content }}", "{{ m.content if loop.last else '-' + m.content }}"
    )
    (folder / "chat_template.jinja").write_text(forgetful, encoding="utf-8")
    base, one = load_base(folder), episode(1)
    made = list(base.encoder.rows(one))
    assert [written_text(base, *row) for row in made] == [
        render(command) + base.tokenizer.eos_token for command in one.commands
    ]


def test_source_is_never_a_control_token(chat_base: Base) -> None:
    forged = Transcript((observe(EditState.open(Snapshot.from_text("x = '<|im_end|>'\n")), ()),))
    ids = chat_base.encoder.prefix(forged)
    assert ids.count(chat_base.encoder.end) == 1  # the template's own


def test_the_engine_reads_the_same_ids(chat_base: Base, tmp_path: Path) -> None:
    metadata = {"editloop.rendering": "chat"}
    path = write_gguf(chat_base.folder, tmp_path / "chat.gguf", metadata=metadata)
    with Engine.load(path, transcript_version=TRANSCRIPT_VERSION, n_threads=1) as engine:
        for number in range(12):
            one = episode(number)
            assert engine.template.ids(engine, chat(one)) == chat_base.encoder.prefix(one)
            for command in one.commands:
                *ids, end = chat_base.encoder.answered([], render(command))[0]
                assert engine.tokenize(render(command)) == ids
                assert end in engine.ends


def test_packed_rows_do_not_see_each_other(base: Base, rows: list[Row], tmp_path: Path) -> None:
    """The first logged loss is that of the rows one by one: nothing of a neighbour is seen."""
    settings = replace(SETTINGS, steps=1, batch=64, full=True)
    fine_tune(make_run(tmp_path), base, rows, settings)
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).train(False)
    total, count = 0.0, 0
    for tokens, written in rows:
        ids, flags = torch.tensor(tokens), torch.tensor(written)[1:]
        with torch.no_grad():
            logits = model(ids[None]).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")
        total, count = total + losses[flags].sum().item(), count + int(flags.sum())
    assert read_metrics(tmp_path)[0]["loss"] == pytest.approx(total / count, abs=1e-4)


@pytest.mark.parametrize("full", [False, True])
def test_a_killed_run_ends_like_an_uninterrupted_one(
    full: bool, base: Base, rows: list[Row], tmp_path: Path
) -> None:
    settings = replace(SETTINGS, full=full)
    fine_tune(make_run(tmp_path / "whole"), base, rows, settings)

    def until_killed() -> None:
        steps = iter(range(1, 100))
        fine_tune(
            make_run(tmp_path / "cut"),
            base,
            rows,
            settings,
            on_step=lambda spent, row: kill_self() if next(steps) == 5 else None,
        )

    in_killed_process(until_killed)
    assert fine_tune(make_run(tmp_path / "cut"), base, rows, settings)
    whole, cut = (read_metrics(tmp_path / name) for name in ("whole", "cut"))
    assert [row["step"] for row in cut] == list(range(1, 9))
    assert [row["loss"] for row in cut] == [row["loss"] for row in whole]
    assert [row["tokens"] for row in cut] == [row["tokens"] for row in whole]
    assert whole[-1]["loss"] < whole[0]["loss"]
    weights = [
        AutoModelForCausalLM.from_pretrained(tmp_path / name / "model").state_dict()
        for name in ("whole", "cut")
    ]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
    assert (tmp_path / "cut" / "adapter").exists() == (not full)


def test_a_full_disk_keeps_the_last_checkpoint(base: Base, rows: list[Row], tmp_path: Path) -> None:
    with ExitStack() as disk, pytest.raises(RunError, match="checkpoint-2 is kept"):
        fine_tune(
            make_run(tmp_path),
            base,
            rows,
            SETTINGS,
            on_step=lambda spent, row: (
                disk.enter_context(file_limit(50_000)) if spent > 0.3 else None
            ),
        )
    assert not (tmp_path / "checkpoint-3").exists()
    assert fine_tune(make_run(tmp_path), base, rows, SETTINGS)
    assert read_metrics(tmp_path)[-1]["step"] == 8


def test_a_broken_checkpoint_is_named(base: Base, rows: list[Row], tmp_path: Path) -> None:
    fine_tune(make_run(tmp_path), base, rows, replace(SETTINGS, steps=2))
    weights = tmp_path / "checkpoint-2" / "optimizer.pt"
    weights.write_bytes(b"x" * weights.stat().st_size)
    with pytest.raises(RunError, match=r"checkpoint-2 is broken .* goes on from checkpoint-1"):
        fine_tune(make_run(tmp_path), base, rows, SETTINGS)


def test_the_command_line_from_demonstrations_to_curves(
    base: Base, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    demos = write_demos(tmp_path / "demos.jsonl", 30)
    out = tmp_path / "run"
    words = ["train", "sft", str(demos), "--base", str(base.folder), "-o", str(out)]
    words += ["--context", str(CONTEXT), "--batch", "2", "--log-steps", "1"]
    assert cli([*words, "--minutes", "0.02"]) == 0
    settings = json.loads((out / "settings.json").read_text())
    assert settings["rank"] == 64
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"][0]["name"] == "demos.jsonl"
    assert read_metrics(out)[-1]["tokens_per_second"] > 0
    load_base(out / "model")
    assert cli(["train", "plot", str(out), "-o", str(tmp_path / "curve.png")]) == 0
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    capfd.readouterr()
    assert cli([*words, "--rank", "8"]) == 2
    told = capfd.readouterr().err
    assert "was started with rank 64, not 8" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"demos.jsonl": '{"v": 7, "observations": []}\n'}, "version 7"),
        ({"demos.jsonl": '{"v": 1\n'}, "demos.jsonl:1: not JSON"),
        ({"base/model.safetensors": "short"}, "base cannot be loaded"),
        ({"base/config.json": '{"model_type": "gpt2"}'}, "is a gpt2 model: use one of llama"),
    ],
)
def test_bad_input_is_one_line(
    change: dict[str, str],
    words: str,
    base: Base,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    demos = write_demos(tmp_path / "demos.jsonl", 4)
    shutil.copytree(base.folder, tmp_path / "base")
    for name, text in change.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    arguments = ["train", "sft", str(demos), "--base", str(tmp_path / "base")]
    assert cli([*arguments, "-o", str(tmp_path / "run")]) == 2
    told = capfd.readouterr().err
    assert words in told
    assert "Traceback" not in told
