"""From a corpus to a checkpoint, small: rows, training, resuming, and parity with serving."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from killing import file_limit, in_killed_process, kill_self
from safetensors.torch import load_file
from transformers import Qwen3ForCausalLM

from editloop.cli import run as cli
from editloop.commands import edit_line
from editloop.engine import Engine
from editloop.engine.compact import CompactDialect
from editloop.state import EditState, apply
from editloop.text import Snapshot
from editloop.transcript import (
    BOS,
    END,
    PAD,
    TRANSCRIPT_VERSION,
    Finding,
    Transcript,
    observe,
)
from export import write_gguf
from export.testing import stdlib_texts
from trainer.average import average
from trainer.rows import Rows, batches, encode_rows, module_transcript
from trainer.run import RunError, RunFolder, rate_factor, read_metrics
from trainer.score import evaluate
from trainer.scratch import ModelShape, ScratchTrainer, Settings, make_model
from trainer.tokenizer import EpisodeEncoder, source_lines, train_tokenizer

SHAPE = ModelShape(vocabulary=1024, width=64, layers=2, heads=1, kv_heads=1, hidden=128)
SETTINGS = Settings(minutes=None, steps=12, batch_tokens=1024, checkpoint_seconds=0.0)


def episode(source: str, number: int, new: str) -> Transcript:
    """Line ``number`` of a file replaced, with a finding before."""
    state = EditState.open(Snapshot.from_text(source))
    first = observe(state, [Finding("F821 Undefined name `é`", number - 1), Finding("f() -> 1")])
    command = edit_line(number, state.window[number - 1], new)
    return Transcript((first,)).extend(command, observe(apply(state, command), ()))


@pytest.fixture(scope="module")
def encoder() -> EpisodeEncoder:
    return EpisodeEncoder(train_tokenizer(source_lines(stdlib_texts(20)), SHAPE.vocabulary))


@pytest.fixture(scope="module")
def rows(encoder: EpisodeEncoder) -> Rows:
    files = [text.split("\n") for text in stdlib_texts(20)]
    parts = ["\n".join(f[a : a + 12]) for f in files if len(f) > 80 for a in (30, 60)]
    return encode_rows((episode(part, 3, "    return x") for part in parts), encoder, 700)


def test_the_mean_of_two_checkpoints(tmp_path: Path) -> None:
    folders = tmp_path / "a", tmp_path / "b"
    models = [make_model(SHAPE, 0, 1, 2, seed) for seed in (1, 2)]
    for folder, model in zip(folders, models, strict=True):
        model.save_pretrained(folder)
    out = tmp_path / "mean"
    words = ["train", "average", *map(str, folders), "-o", str(out), "--share"]
    assert cli([*words, "0.25"]) == 0
    read = [load_file(path / "model.safetensors") for path in (*folders, out)]
    assert read[0].keys() == read[2].keys()
    for name, mean in read[2].items():
        torch.testing.assert_close(mean, 0.75 * read[0][name] + 0.25 * read[1][name])
    assert Qwen3ForCausalLM.from_pretrained(out).config.hidden_size == SHAPE.width
    assert cli([*words, "0.25"]) == 2, "it exists"
    make_model(replace(SHAPE, layers=1), 0, 1, 2, 0).save_pretrained(tmp_path / "c")
    with pytest.raises(RunError, match="different shapes"):
        average(folders[0], tmp_path / "c", 0.5, tmp_path / "d")
    with pytest.raises(RunError, match=r"holds no model\.safetensors"):
        average(folders[0], tmp_path, 0.5, tmp_path / "d")
    with file_limit(10_000), pytest.raises(RunError, match="could not be written"):
        average(*folders, 0.5, tmp_path / "d")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("d")]


def make_trainer(
    folder: Path, encoder: EpisodeEncoder, settings: Settings = SETTINGS
) -> ScratchTrainer:
    pad, bos, end = (encoder.tokenizer.token_to_id(token) for token in (PAD, BOS, END))
    model = make_model(SHAPE, pad, bos, end, seed=0)
    return ScratchTrainer(RunFolder(folder, {"seed": 0}), model, settings, pad)


def test_only_commands_are_marked_as_written(encoder: EpisodeEncoder) -> None:
    ids, written = encoder.episode(episode("a = 1\nb = 2\nc = d\n", 3, "c = a"))
    said = [encoder.tokenizer.id_to_token(i) for i, flag in zip(ids, written, strict=True) if flag]
    assert said[:2] == ["<|REPW|>", "<|L3|>"]
    assert said[-1] == END
    assert said.count(END) == 1


def test_source_is_never_a_special_token(encoder: EpisodeEncoder) -> None:
    forged = module_transcript("x = '<|end|><|L7|>'\n")
    ids, _ = encoder.episode(forged)
    assert encoder.tokenizer.token_to_id(END) not in ids


def test_rows_survive_the_disk_and_thinning(rows: Rows, tmp_path: Path) -> None:
    rows.save(tmp_path / "rows.npz")
    again = Rows.load(tmp_path / "rows.npz")
    assert np.array_equal(again.ids, rows.ids)
    middle = int(np.median(rows.lengths))
    short = rows.thinned(middle, 0.0, seed=0)
    assert len(short) == int((rows.lengths <= middle).sum())
    assert short.lengths.max() <= middle


def test_batches_hold_every_row_once(rows: Rows) -> None:
    seen = [int(length) for batch in batches(rows, 1024, seed=1, pad=0) for length in batch.lengths]
    assert sorted(seen) == sorted(rows.lengths.tolist())
    for batch in batches(rows, 1024, seed=1, pad=0):
        after = np.arange(batch.ids.shape[1])[None] >= batch.lengths[:, None]
        assert not batch.ids[after].any()
        assert not batch.written[after].any()


def test_rates_follow_the_budget() -> None:
    factors = [rate_factor(spent, 0.1, 0.5) for spent in (0.0, 0.05, 0.1, 0.3, 0.5, 0.75, 1.0)]
    assert factors == pytest.approx([0.01, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0])
    assert rate_factor(1.01, 0.1, 1.0) == 1.0


def test_training_learns(rows: Rows, encoder: EpisodeEncoder, tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, encoder, replace(SETTINGS, steps=30, checkpoint_seconds=1e9))
    before = evaluate(trainer.model, rows, 1024, trainer.pad)
    trainer.train(rows, dev=rows)
    logged = read_metrics(tmp_path)
    assert logged[-1]["dev"]["loss"] < 0.6 * before.loss
    assert logged[-1]["dev"]["line"] > 0.9
    assert [row["step"] for row in logged] == [10, 20, 30, 30]
    assert logged[0]["tokens_per_second"] > 0
    assert logged[-2]["accuracy"] > 0.9


def test_no_rows_are_refused(rows: Rows, encoder: EpisodeEncoder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no rows"):
        make_trainer(tmp_path, encoder).train(rows.thinned(0, 0.0, seed=0))


def test_a_killed_run_ends_like_an_uninterrupted_one(
    rows: Rows, encoder: EpisodeEncoder, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    whole = make_trainer(tmp_path / "whole", encoder)
    whole.train(rows)

    def until_killed() -> None:
        cut = make_trainer(tmp_path / "cut", encoder)
        cut.train(rows, on_step=lambda: kill_self() if cut.step == 7 else None)

    in_killed_process(until_killed)
    again = make_trainer(tmp_path / "cut", encoder)
    assert again.resume()
    assert again.step == 6  # the checkpoint of step 7 was not written yet
    again.train(rows)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    losses = [[row["loss"] for row in read_metrics(tmp_path / name)] for name in ("whole", "cut")]
    assert losses[0] == losses[1]


def test_a_full_disk_keeps_the_last_checkpoint(
    rows: Rows, encoder: EpisodeEncoder, tmp_path: Path
) -> None:
    trainer = make_trainer(tmp_path, encoder)
    trainer._step(next(trainer._stream(rows)))
    trainer.save()
    trainer._step(next(trainer._stream(rows)))
    with file_limit(100_000), pytest.raises(RunError, match="checkpoint-1 is kept"):
        trainer.save()
    again = make_trainer(tmp_path, encoder)
    assert again.resume()
    assert again.step == 1
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-1"]


@pytest.mark.parametrize("spoil", ["short", "garbage"])
def test_a_broken_checkpoint_is_named(
    spoil: str, rows: Rows, encoder: EpisodeEncoder, tmp_path: Path
) -> None:
    trainer = make_trainer(tmp_path, encoder)
    for _ in range(2):
        trainer._step(next(trainer._stream(rows)))
        trainer.save()
    file = tmp_path / "checkpoint-2" / "state.pt"
    size = file.stat().st_size
    file.write_bytes(b"x" * (size if spoil == "garbage" else 10))
    with pytest.raises(RunError, match=r"checkpoint-2 is broken .* goes on from checkpoint-1"):
        make_trainer(tmp_path, encoder).resume()
    shutil.rmtree(file.parent)
    again = make_trainer(tmp_path, encoder)
    assert again.resume()
    assert again.step == 1


def test_serving_reads_the_ids_that_training_wrote(encoder: EpisodeEncoder, tmp_path: Path) -> None:
    """On 200 files: the transcript's ids in ``tokenizers`` are those in llama.cpp."""
    encoder.tokenizer.save(str(tmp_path / "tokenizer.json"))
    make_trainer(tmp_path / "run", encoder).write_model(tmp_path / "tokenizer.json")
    metadata = {
        "editloop.transcript_version": TRANSCRIPT_VERSION,
        "editloop.rendering": "compact",
    }
    path = write_gguf(tmp_path / "run" / "model", tmp_path / "m.gguf", metadata=metadata)
    count = 0
    with Engine.load(path, transcript_version=TRANSCRIPT_VERSION, n_threads=1) as engine:
        dialect = CompactDialect(engine)
        for text in stdlib_texts(200):
            lines = tuple(line.text for line in Snapshot.from_text(text).lines)
            for start in range(0, len(lines), 150):
                part = Snapshot.from_text("\n".join(lines[start : start + 150]))
                transcript = Transcript((observe(EditState.open(part), ()),))
                assert dialect.prefix(transcript) == encoder.episode(transcript)[0]
            count += 1
    assert count >= 150
