"""LoRA adapters of peft: merged into the file, or a file of their own beside the base."""

from __future__ import annotations

import ctypes
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from editloop_export import UnsupportedModel, WrongCheckpoint, write_gguf
from editloop_export.parity import compare, open_engine
from editloop_export.reference import compute_reference
from editloop_export.source import find_source

from editloop.cli import run as cli
from editloop.engine import Engine, read_info
from editloop.engine.native import llama

PROMPTS = [[5 + (i * 31 + k * 977) % 1490 for i in range(60)] for k in range(2)]


def make_adapter(base: Path, folder: Path, **settings: Any) -> Path:
    """An adapter with drawn weights, large enough to change every answer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft about a base without a name
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        wanted = {"r": 4, "lora_alpha": 16, "target_modules": ["q_proj", "k_proj", "down_proj"]}
        tuned = get_peft_model(model, LoraConfig(**{**wanted, **settings}))
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.2)
        tuned.save_pretrained(str(folder))
    return folder


ADAPTERS: list[tuple[str, dict[str, Any]]] = [
    ("llama", {}),
    ("qwen2", {"use_rslora": True, "alpha_pattern": {"k_proj": 8}, "rank_pattern": {"q_proj": 2}}),
    ("qwen3", {"modules_to_save": ["embed_tokens"]}),
]


@pytest.mark.parametrize(("shape", "settings"), ADAPTERS)
def test_merged(
    checkpoints: dict[str, Path], tmp_path: Path, shape: str, settings: dict[str, Any]
) -> None:
    base = checkpoints[shape]
    adapter = make_adapter(base, tmp_path / "adapter", **settings)
    gguf = write_gguf(base, tmp_path / "merged.gguf", quant="f16", lora=adapter)
    tuned, _ = compute_reference(base, PROMPTS, lora=adapter)
    plain, _ = compute_reference(base, PROMPTS)
    with open_engine(gguf, 64) as engine:
        # Flash attention sums values in half precision.
        assert compare(engine, tuned).largest_difference < 0.1
        assert compare(engine, plain).largest_difference > 0.5


def test_adapter_alone(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """llama.cpp with the base and the adapter answers what the merged file answers."""
    base = checkpoints["llama"]
    settings = {"alpha_pattern": {"k_proj": 8}}
    adapter = make_adapter(base, tmp_path / "adapter", **settings)
    assert (
        cli(["export", str(base), "--lora", str(adapter), "--adapter-only", "-o", str(tmp_path)])
        == 0
    )
    alone = tmp_path / "adapter-lora.gguf"
    whole = write_gguf(base, tmp_path / "merged.gguf", quant="f32", lora=adapter)
    plain = write_gguf(base, tmp_path / "base.gguf", quant="f32")
    with open_engine(whole, 64) as engine:
        wanted = engine.logits(PROMPTS[0])
    with open_engine(plain, 64) as engine:
        before = engine.logits(PROMPTS[0])
        attach(engine, alone)
        found = engine.logits(PROMPTS[0])
    assert np.abs(found - wanted).max() < 0.05 < 0.5 < np.abs(before - wanted).max()
    assert alone.stat().st_size < plain.stat().st_size / 5


def attach(engine: Engine, adapter: Path) -> None:
    """By llama.cpp's own functions, as its command line does."""
    native = llama()
    loaded = native.llama_adapter_lora_init(engine._model, str(adapter).encode())
    assert loaded
    adapters = (native.llama_adapter_lora_p_ctypes * 1)(loaded)
    scales = (ctypes.c_float * 1)(1.0)
    engine.forget()
    assert native.llama_set_adapters_lora(engine._context._ctx, adapters, 1, scales) == 0


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_refusals(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    adapter = make_adapter(checkpoints["qwen2"], tmp_path / "adapter")
    out = tmp_path / "m.gguf"
    with pytest.raises(WrongCheckpoint, match="was trained on another model"):
        write_gguf(checkpoints["llama"], out, lora=adapter)
    config = adapter / "adapter_config.json"
    for changes, message in (
        ({"use_dora": True}, "uses DoRA"),
        ({"peft_type": "IA3"}, "is a IA3 adapter"),
    ):
        before = config.read_text()
        edit(config, **changes)
        with pytest.raises(UnsupportedModel, match=message):
            write_gguf(checkpoints["qwen2"], out, lora=adapter)
        config.write_text(before)
    assert cli(["export", str(checkpoints["qwen2"]), "--adapter-only", "-o", str(out)]) == 2
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(WrongCheckpoint, match=r"no adapter_model\.safetensors"):
        write_gguf(checkpoints["qwen2"], out, lora=adapter)
    assert not out.exists()


def test_what_is_exported(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    """A checkpoint, a run folder or an adapter: the files are found, or the reason is told."""
    base = checkpoints["qwen2"]
    adapter = make_adapter(base, tmp_path / "run" / "model")
    (tmp_path / "run" / "settings.json").write_text('{"kind": "sft"}')
    found = find_source(tmp_path / "run")
    assert (found.folder, found.lora, found.name) == (base, adapter, "run")
    assert found.run == (tmp_path / "run").resolve()
    assert find_source(base, tmp_path / "run").lora == adapter
    assert find_source(base).run is None
    with pytest.raises(WrongCheckpoint, match=r"is not a LoRA adapter: it has no adapter_config"):
        find_source(base, base)
    with pytest.raises(WrongCheckpoint, match=r"is not a checkpoint: it has no config\.json"):
        find_source(tmp_path)
    edit(adapter / "adapter_config.json", base_model_name_or_path="some/base")
    with pytest.raises(WrongCheckpoint, match="is a LoRA adapter of some/base, which is no folder"):
        find_source(adapter)
    assert read_info(write_gguf(base, tmp_path / "m.gguf")).transcript_version is None
