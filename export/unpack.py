"""The way back: a GGUF that this package wrote as a Hugging Face folder, to train it further.

Weights come back as what they are in the file: of Q8_0 the rounded values, in float32.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from editloop.engine import ModelInfo, read_info

from .errors import UnsupportedModel
from .tokenizer import SPLITS

__all__ = ["unpack"]

_TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    **{f"attn_{name}_norm": f"self_attn.{name}_norm" for name in "qk"},
    **{f"attn_{name}": f"self_attn.{name}_proj" for name in "qkv"},
    "attn_output": "self_attn.o_proj",
    **{f"ffn_{name}": f"mlp.{name}_proj" for name in ("gate", "up", "down")},
}
_ARCHITECTURES = {"qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def unpack(path: Path, folder: Path) -> Path:
    """Writes config.json, model.safetensors and tokenizer.json; the folder appears whole.

    Raises UnsupportedModel for other shapes or tokenizers, EngineError for a damaged file, OSError.
    """
    from safetensors.numpy import save_file

    info = read_info(path)
    if info.architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise UnsupportedModel(f"{path} is a {info.architecture} model: only {known} is unpacked")
    reader = gguf.GGUFReader(path)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    tokenizer = _tokenizer(reader, info)
    tensors = {_target(t.name): _values(t) for t in reader.tensors}
    config = _config(info, tensors)
    part.mkdir(parents=True)
    tokenizer.save(str(part / "tokenizer.json"))
    (part / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    save_file(tensors, part / "model.safetensors", metadata={"format": "pt"})
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)
    return folder


def _values(tensor: gguf.ReaderTensor) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return np.ascontiguousarray(values, np.float32)


def _target(name: str) -> str:
    if name in _TENSORS:
        return _TENSORS[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_LAYER[part]}.{kind}"


def _config(info: ModelInfo, tensors: dict[str, npt.NDArray[np.float32]]) -> dict[str, Any]:
    metadata = info.metadata
    ids = {f"{n}_token_id": metadata.get(f"tokenizer.ggml.{_GGML[n]}_token_id") for n in _GGML}
    return {
        "architectures": [_ARCHITECTURES[info.architecture]],
        "model_type": info.architecture,
        "hidden_size": info.number("embedding_length"),
        "intermediate_size": info.number("feed_forward_length"),
        "num_hidden_layers": info.number("block_count"),
        "num_attention_heads": info.number("attention.head_count"),
        "num_key_value_heads": info.number("attention.head_count_kv"),
        "head_dim": info.number("attention.key_length"),
        "max_position_embeddings": info.context_length,
        "vocab_size": len(tensors["model.embed_tokens.weight"]),
        "rms_norm_eps": metadata[f"{info.architecture}.attention.layer_norm_rms_epsilon"],
        "rope_theta": metadata[f"{info.architecture}.rope.freq_base"],
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "torch_dtype": "float32",
        **ids,
    }


_GGML = {"bos": "bos", "eos": "eos", "pad": "padding"}


def _tokenizer(reader: gguf.GGUFReader, info: ModelInfo) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    patterns = {name: pattern for pattern, name in SPLITS.items()}
    pattern = patterns.get(str(info.metadata.get("tokenizer.ggml.pre")))
    if pattern is None:
        raise UnsupportedModel(f"{info.path} has a tokenizer that is not unpacked")
    tokens: list[str] = reader.fields["tokenizer.ggml.tokens"].contents()
    types: list[int] = reader.fields["tokenizer.ggml.token_type"].contents()
    merges: list[str] = reader.fields["tokenizer.ggml.merges"].contents()
    normal = int(gguf.TokenType.NORMAL)
    vocab = {t: i for i, (t, kind) in enumerate(zip(tokens, types, strict=True)) if kind == normal}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = int(gguf.TokenType.CONTROL)
    special = [t for t, kind in zip(tokens, types, strict=True) if kind == control]
    tokenizer.add_special_tokens(special)
    if any(tokenizer.token_to_id(token) != tokens.index(token) for token in special):
        raise UnsupportedModel(f"{info.path} has special tokens between others: not unpacked")
    return tokenizer
