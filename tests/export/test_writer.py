"""The writer and its command: tensors, metadata, shards, bf16, atomicity, refusals."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from editloop_export import UnsupportedModel, UnsupportedTokenizer, WrongCheckpoint, write_gguf
from editloop_export.checkpoint import read_checkpoint
from editloop_export.cli import parse_meta, parse_quants

from editloop.cli import run as cli
from editloop.engine import read_info

TOKENIZER = "tokenizer.json"


@pytest.fixture
def copy(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    """A Llama checkpoint to spoil."""
    return Path(shutil.copytree(checkpoints["llama"], tmp_path / "copy"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def tensors(path: Path) -> dict[str, np.ndarray]:
    reader = gguf.GGUFReader(path)
    return {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}


def test_types_and_metadata(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    out = write_gguf(
        checkpoints["qwen3"],
        tmp_path / "sub" / "m.gguf",
        metadata={"editloop.transcript_version": 3, "editloop.eval.a": 0.25, "editloop.b": True},
    )
    reader = gguf.GGUFReader(out)
    kinds = {t.name: t.tensor_type.name for t in reader.tensors}
    assert kinds["token_embd.weight"] == kinds["blk.1.ffn_down.weight"] == "Q8_0"
    assert kinds["blk.0.attn_norm.weight"] == kinds["blk.0.attn_q_norm.weight"] == "F32"
    assert "output.weight" not in kinds
    info = read_info(out)
    assert info.quantization == "Q8_0"
    assert info.transcript_version == 3
    assert info.eval == {"a": 0.25}
    assert info.metadata["editloop.b"] is True
    assert [p.name for p in out.parent.iterdir()] == ["m.gguf"]


def test_values_are_exact(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    found = tensors(write_gguf(checkpoints["qwen2"], tmp_path / "m.gguf", quant="f32"))
    stored = read_checkpoint(checkpoints["qwen2"])
    assert np.array_equal(
        found["blk.1.attn_k.bias"], stored["model.layers.1.self_attn.k_proj.bias"].load()
    )
    assert np.array_equal(found["token_embd.weight"], stored["model.embed_tokens.weight"].load())


def test_sharded_bf16_is_the_same(checkpoints: dict[str, Path], copy: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    whole = {k: v.bfloat16() for k, v in load_file(copy / "model.safetensors").items()}
    save_file(whole, copy / "model.safetensors")
    one = tensors(write_gguf(copy, tmp_path / "one.gguf", quant="f32"))
    names = sorted(whole)
    (copy / "model.safetensors").unlink()
    weight_map = {}
    for i, part in enumerate((names[:7], names[7:])):
        file = f"model-{i}.safetensors"
        save_file({name: whole[name] for name in part}, copy / file)
        weight_map |= dict.fromkeys(part, file)
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    two = tensors(write_gguf(copy, tmp_path / "two.gguf", quant="f32"))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    norm = whole["model.norm.weight"].to(torch.float32).numpy()
    assert np.array_equal(one["output_norm.weight"], norm)


def test_rows_that_are_no_multiple_of_a_block_become_f16(tmp_path: Path, tokenizer: Path) -> None:
    from tiny_checkpoints import ModelSize, make_checkpoint

    odd = make_checkpoint(tmp_path / "odd", ModelSize(width=80, heads=5, kv_heads=1), tokenizer)
    reader = gguf.GGUFReader(write_gguf(odd, tmp_path / "odd.gguf"))
    kinds = {t.name: t.tensor_type.name for t in reader.tensors}
    assert kinds["token_embd.weight"] == "F16"
    assert kinds["blk.0.ffn_down.weight"] == "Q8_0"


def test_llama3_rope_factors(copy: Path, tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 256,
    }
    edit(copy / "config.json", rope_parameters=scaling)
    factors = tensors(write_gguf(copy, tmp_path / "m.gguf"))["rope_freqs.weight"]
    assert factors.shape == (8,)
    assert factors[0] == 1.0
    assert factors[-1] == 8.0
    assert (np.diff(factors) >= 0).all()


def spoil_pre_tokenizer(folder: Path) -> None:
    edit(folder / TOKENIZER, pre_tokenizer={"type": "ByteLevel", "add_prefix_space": False})


def spoil_normalizer(folder: Path) -> None:
    edit(folder / TOKENIZER, normalizer={"type": "Lowercase"})


def spoil_tokenizer_kind(folder: Path) -> None:
    edit(folder / TOKENIZER, model={"type": "Unigram", "vocab": []})


def spoil_vocabulary(folder: Path) -> None:
    edit(folder / "config.json", vocab_size=100)


def spoil_architecture(folder: Path) -> None:
    edit(folder / "config.json", architectures=["GPT2LMHeadModel"])


def spoil_rope(folder: Path) -> None:
    edit(folder / "config.json", rope_scaling={"rope_type": "yarn", "factor": 4})


def spoil_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def wrong_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {}}))


def no_tokenizer(folder: Path) -> None:
    (folder / TOKENIZER).unlink()


REFUSALS = [
    (spoil_pre_tokenizer, UnsupportedTokenizer, "neither qwen2's nor llama3's"),
    (spoil_normalizer, UnsupportedTokenizer, "normalizer Lowercase does not exist"),
    (spoil_tokenizer_kind, UnsupportedTokenizer, "only byte-level BPE"),
    (spoil_vocabulary, UnsupportedTokenizer, "the embedding only 100 rows"),
    (spoil_architecture, UnsupportedModel, "GPT2LMHeadModel is not written; use one of Llama"),
    (spoil_rope, UnsupportedModel, "rotary scaling 'yarn'"),
    (spoil_config, WrongCheckpoint, "config.json is not JSON"),
    (no_weights, WrongCheckpoint, "no model.safetensors in"),
    (cut_weights, WrongCheckpoint, "is cut short"),
    (no_tokenizer, WrongCheckpoint, "no tokenizer.json in"),
    (wrong_index, WrongCheckpoint, "names no files"),
]


@pytest.mark.parametrize(("spoil", "error", "message"), REFUSALS)
def test_refusals_leave_nothing(
    copy: Path,
    tmp_path: Path,
    spoil: Any,
    error: type[Exception],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(copy)
    out = tmp_path / "out" / "m.gguf"
    with pytest.raises(error, match=message) as caught:
        write_gguf(copy, out)
    assert "\n" not in str(caught.value)
    assert not out.parent.exists() or list(out.parent.iterdir()) == []
    assert cli(["export", str(copy), "-o", str(out), "--no-parity"]) == 2
    assert message in capsys.readouterr().err


def test_an_old_file_survives_a_failure(copy: Path, tmp_path: Path) -> None:
    out = write_gguf(copy, tmp_path / "m.gguf")
    before = out.read_bytes()
    cut_weights(copy)
    with pytest.raises(WrongCheckpoint):
        write_gguf(copy, out)
    assert out.read_bytes() == before


def test_command(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.gguf"
    meta = ["--meta", "editloop.transcript_version=4", "--meta", "editloop.base_model=tiny one"]
    options = ["-o", str(out), "--quant", "f16", "--no-parity"]
    command = [sys.executable, "-m", "editloop", "export", str(copy), *options, *meta]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    info = read_info(out)
    assert (info.transcript_version, info.base_model, info.quantization) == (4, "tiny one", "F16")


def test_meta_values() -> None:
    assert parse_meta("a=1") == ("a", 1)
    assert parse_meta("a=0.5") == ("a", 0.5)
    assert parse_meta("a=true") == ("a", True)
    assert parse_meta("a=b=c") == ("a", "b=c")
    assert parse_meta("a=[1]") == ("a", "[1]")
    assert parse_quants("q8_0,Q4_K_M,q8_0") == ["q8_0", "q4_k_m"]
    with pytest.raises(Exception, match="is not KEY=VALUE"):
        parse_meta("a")
    for quants in ("q2", ","):
        assert cli(["export", "x", "-o", "y", "--quant", quants]) == 2
