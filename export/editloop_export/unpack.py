"""The way back: a GGUF as a Hugging Face folder, to train it further.

Weights come back as what they are in the file: of a quantized one the rounded values.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from editloop.engine import ModelInfo, read_info
from editloop.sandbox.scratch import scratch_folder

from .errors import UnsupportedModel
from .tokenizer import SPLITS

__all__ = ["check", "unpack"]

_EMBEDDING, _HEAD = "token_embd.weight", "output.weight"
_TENSORS = {
    _EMBEDDING: "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    _HEAD: "lm_head.weight",
}
_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    **{f"attn_{name}_norm": f"self_attn.{name}_norm" for name in "qk"},
    **{f"attn_{name}": f"self_attn.{name}_proj" for name in "qkv"},
    "attn_output": "self_attn.o_proj",
    **{f"ffn_{name}": f"mlp.{name}_proj" for name in ("gate", "up", "down")},
}
_ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
_SPECIAL = {"bos": "bos", "eos": "eos", "pad": "padding"}
_ALIKE = 0.2
"""Relative distance: two roundings of one matrix are nearer, two matrices are above 1."""
_COMPARED = 4096
"""Rows of a large matrix that are compared."""


def unpack(path: Path, folder: Path, *, bfloat16: bool = False) -> Path:
    """Writes config.json, model.safetensors and the tokenizer's files; the folder appears whole.

    A file that stores one matrix twice, for reading and for writing tokens, gives a tied model with
    the finer of the two. Weights are float32, or ``bfloat16``, which needs torch.

    Raises UnsupportedModel for other shapes or tokenizers, EngineError for a damaged file, OSError.
    """
    info = read_info(path)
    check(info)
    reader = gguf.GGUFReader(path)
    tokenizer = _tokenizer(reader, info)
    chosen = _chosen({tensor.name: tensor for tensor in reader.tensors}, info)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent) as work:
        part = work / folder.name
        part.mkdir()
        tokenizer.save(str(part / "tokenizer.json"))
        _write_settings(part, reader, info)
        config = _config(info, chosen) | {"torch_dtype": "bfloat16" if bfloat16 else "float32"}
        (part / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
        _save(part / "model.safetensors", chosen, info, bfloat16=bfloat16)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    return folder


def check(info: ModelInfo) -> None:
    """Raises UnsupportedModel for a shape or tokenizer that is not unpacked."""
    if info.architecture not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise UnsupportedModel(
            f"{info.path} is a {info.architecture} model: only {known} is unpacked"
        )
    pre = str(info.metadata.get("tokenizer.ggml.pre"))
    if pre not in SPLITS or info.metadata.get("tokenizer.ggml.model") != "gpt2":
        raise UnsupportedModel(
            f"{info.path} has a tokenizer ({pre}) that is not unpacked: only {', '.join(SPLITS)}"
        )


def _chosen(tensors: dict[str, gguf.ReaderTensor], info: ModelInfo) -> dict[str, gguf.ReaderTensor]:
    """By the names of transformers; of an embedding that is there twice the finer one."""
    read, written = tensors.get(_EMBEDDING), tensors.get(_HEAD)
    if read is not None and written is not None and _alike(read, written):
        tensors[_EMBEDDING] = max(read, written, key=lambda tensor: tensor.n_bytes)
        del tensors[_HEAD]
    found = {}
    for name, tensor in tensors.items():
        target = _target(name)
        if target is None:
            raise UnsupportedModel(f"{info.path} has {name}, which a plain model has not")
        found[target] = tensor
    return found


def _alike(a: gguf.ReaderTensor, b: gguf.ReaderTensor) -> bool:
    if list(a.shape) != list(b.shape):
        return False
    one, other = (
        gguf.quants.dequantize(tensor.data[:_COMPARED], tensor.tensor_type) for tensor in (a, b)
    )
    return bool(np.linalg.norm(one - other) < _ALIKE * np.linalg.norm(one))


def _save(
    file: Path, chosen: Mapping[str, gguf.ReaderTensor], info: ModelInfo, *, bfloat16: bool
) -> None:
    values = ((name, _values(tensor, info)) for name, tensor in chosen.items())
    if not bfloat16:
        from safetensors.numpy import save_file

        save_file(dict(values), file, metadata={"format": "pt"})
        return
    import torch  # numpy has no such type
    from safetensors.torch import save_file as save_rounded

    rounded = {name: torch.tensor(array).to(torch.bfloat16) for name, array in values}
    save_rounded(rounded, file, metadata={"format": "pt"})


def _values(tensor: gguf.ReaderTensor, info: ModelInfo) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    kind = tensor.name.split(".")[-2]
    if info.architecture == "llama" and kind in ("attn_q", "attn_k"):
        # llama.cpp rotates neighbouring pairs for Llama, Hugging Face halves.
        pairs = values.reshape(-1, _head_dim(info) // 2, 2, *values.shape[1:])
        values = pairs.swapaxes(1, 2).reshape(values.shape)
    return np.ascontiguousarray(values, np.float32)


def _target(name: str) -> str | None:
    if name in _TENSORS:
        return _TENSORS[name]
    match name.split("."):
        case ["blk", layer, part, kind] if part in _LAYER:
            return f"model.layers.{layer}.{_LAYER[part]}.{kind}"
    return None


def _head_dim(info: ModelInfo) -> int:
    heads = info.number("attention.head_count")
    return info.number("attention.key_length", info.number("embedding_length") // heads)


def _config(info: ModelInfo, tensors: Mapping[str, gguf.ReaderTensor]) -> dict[str, Any]:
    metadata = info.metadata
    return {
        "architectures": [_ARCHITECTURES[info.architecture]],
        "model_type": info.architecture,
        "hidden_size": info.number("embedding_length"),
        "intermediate_size": info.number("feed_forward_length"),
        "num_hidden_layers": info.number("block_count"),
        "num_attention_heads": info.number("attention.head_count"),
        "num_key_value_heads": info.number(
            "attention.head_count_kv", info.number("attention.head_count")
        ),
        "head_dim": _head_dim(info),
        "max_position_embeddings": info.context_length,
        "vocab_size": int(tensors["model.embed_tokens.weight"].shape[-1]),
        "rms_norm_eps": metadata[f"{info.architecture}.attention.layer_norm_rms_epsilon"],
        "rope_theta": metadata.get(f"{info.architecture}.rope.freq_base", 10000.0),
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "attention_bias": "model.layers.0.self_attn.q_proj.bias" in tensors,
        **{f"{name}_token_id": _special_id(info, name) for name in _SPECIAL},
    }


def _special_id(info: ModelInfo, name: str) -> int | None:
    return info.metadata.get(f"tokenizer.ggml.{_SPECIAL[name]}_token_id")


def _write_settings(folder: Path, reader: gguf.GGUFReader, info: ModelInfo) -> None:
    """What stands beside tokenizer.json: special tokens by their texts, and the chat template."""
    tokens = reader.fields["tokenizer.ggml.tokens"]
    ids = {f"{name}_token": _special_id(info, name) for name in _SPECIAL}
    settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    settings |= {name: tokens.contents(i) for name, i in ids.items() if i is not None}
    settings["model_max_length"] = info.context_length
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    template = info.metadata.get("tokenizer.chat_template")
    if template:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _tokenizer(reader: gguf.GGUFReader, info: ModelInfo) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    pre = str(info.metadata["tokenizer.ggml.pre"])
    tokens: list[str] = reader.fields["tokenizer.ggml.tokens"].contents()
    types: list[int] = reader.fields["tokenizer.ggml.token_type"].contents()
    merges: list[str] = reader.fields["tokenizer.ggml.merges"].contents()
    kinds = list(zip(tokens, types, strict=True))
    # An added token that the vocabulary has keeps its number.
    vocab = {t: i for i, (t, kind) in enumerate(kinds) if kind != gguf.TokenType.UNUSED}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=pairs, ignore_merges=pre == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLITS[pre]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control, own = gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED
    for add, kind in ((tokenizer.add_special_tokens, control), (tokenizer.add_tokens, own)):
        texts = [text for text, one in kinds if one == kind]
        add([AddedToken(text, special=kind == control, normalized=False) for text in texts])
    return tokenizer
