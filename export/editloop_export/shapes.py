"""Llama, Qwen2 and Qwen3 checkpoints as GGUF: hyperparameters, tensor names, rotary layout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import gguf
import numpy as np

from .checkpoint import Array, Tensor
from .errors import UnsupportedModel, WrongCheckpoint

__all__ = ["Shape", "read_shape"]

_ARCHITECTURES = {
    "LlamaForCausalLM": gguf.MODEL_ARCH.LLAMA,
    "Qwen2ForCausalLM": gguf.MODEL_ARCH.QWEN2,
    "Qwen3ForCausalLM": gguf.MODEL_ARCH.QWEN3,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One model's hyperparameters. ``numbers`` are written, by what GGUFWriter calls them."""

    arch: gguf.MODEL_ARCH
    numbers: dict[str, int | float]
    rope: dict[str, Any]
    tied: bool

    @property
    def name(self) -> str:
        return gguf.MODEL_ARCH_NAMES[self.arch]

    @property
    def vocab_size(self) -> int:
        return int(self.numbers["vocab_size"])

    @property
    def context(self) -> int:
        """Tokens."""
        return int(self.numbers["context_length"])

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        for name, value in self.numbers.items():
            getattr(writer, f"add_{name}")(value)
        if self.rope["rope_type"] == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(float(self.rope["factor"]))

    def tensors(self, checkpoint: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """(GGUF name, tensor) in the checkpoint's order. Raises WrongCheckpoint."""
        seen = set()
        for name, tensor in checkpoint.items():
            if name.endswith("rotary_emb.inv_freq") or (self.tied and name == "lm_head.weight"):
                continue
            target = self.target(name)
            seen.add(target)
            if target == "token_embd.weight" and tensor.shape[0] != self.vocab_size:
                raise WrongCheckpoint(
                    f"{name} has {tensor.shape[0]} rows, config.json says {self.vocab_size} tokens"
                )
            yield target, self.arranged(target, tensor)
        wanted = {"token_embd.weight", "output_norm.weight"}
        layers = int(self.numbers["block_count"])
        wanted |= {f"blk.{i}.ffn_down.weight" for i in range(layers)}
        wanted |= set() if self.tied else {"output.weight"}
        if wanted - seen:
            raise WrongCheckpoint(f"the checkpoint lacks {min(wanted - seen)}: save it whole")

    def target(self, name: str) -> str:
        """The GGUF name of a tensor of the checkpoint. Raises WrongCheckpoint."""
        names = _names(self.arch, int(self.numbers["block_count"]))
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise WrongCheckpoint(f"tensor {name} is not part of a plain {self.name} model")
        return str(target)

    def arranged(self, target: str, tensor: Tensor) -> Tensor:
        """The rows in llama.cpp's order, for a tensor by its GGUF name.

        llama.cpp rotates neighbouring pairs for Llama, Hugging Face halves: q and k differ.
        """
        if self.arch != gguf.MODEL_ARCH.LLAMA or target.split(".")[-2] not in ("attn_q", "attn_k"):
            return tensor
        heads = (-1, 2, int(self.numbers["key_length"]) // 2, *tensor.shape[1:])
        return Tensor(
            tensor.shape,
            lambda: tensor.load().reshape(heads).swapaxes(1, 2).reshape(tensor.shape),
        )

    def rope_factors(self) -> Array | None:
        """Llama 3.1's frequency factors, shape (head_dim / 2,); None for plain rotary."""
        if self.rope["rope_type"] != "llama3":
            return None
        factor, old = float(self.rope["factor"]), self.rope["original_max_position_embeddings"]
        low, high = float(self.rope["low_freq_factor"]), float(self.rope["high_freq_factor"])
        base, dim = float(self.rope["rope_theta"]), int(self.numbers["key_length"])
        factors = []
        for i in range(0, dim, 2):
            length = 2 * math.pi * base ** (i / dim)
            if length < old / high:
                factors.append(1.0)
            elif length > old / low:
                factors.append(factor)
            else:
                smooth = (old / length - low) / (high - low)
                factors.append(1 / ((1 - smooth) / factor + smooth))
        return np.array(factors, np.float32)


@cache
def _names(arch: gguf.MODEL_ARCH, layers: int) -> gguf.TensorNameMap:
    return gguf.get_tensor_name_map(arch, layers)


def read_shape(config: dict[str, Any]) -> Shape:
    """The shape that a config.json describes. Raises UnsupportedModel, WrongCheckpoint."""
    name = (config.get("architectures") or ["none"])[0]
    if name not in _ARCHITECTURES:
        raise UnsupportedModel(f"{name} is not written; use one of {', '.join(_ARCHITECTURES)}")
    if config.get("use_sliding_window"):
        raise UnsupportedModel("sliding-window attention is not written: set it off")
    rope = _rope(config)
    try:
        heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
        head = int(config.get("head_dim") or width // heads)
        numbers = {
            "context_length": int(config["max_position_embeddings"]),
            "embedding_length": width,
            "block_count": int(config["num_hidden_layers"]),
            "feed_forward_length": int(config["intermediate_size"]),
            "head_count": heads,
            "head_count_kv": int(config.get("num_key_value_heads") or heads),
            "layer_norm_rms_eps": float(config["rms_norm_eps"]),
            "key_length": head,
            "value_length": head,
            "vocab_size": int(config["vocab_size"]),
            "rope_dimension_count": head,
            "rope_freq_base": float(rope["rope_theta"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise WrongCheckpoint(f"config.json is incomplete: {error}") from error
    return Shape(_ARCHITECTURES[name], numbers, rope, bool(config.get("tie_word_embeddings")))


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 keeps everything in `rope_parameters`, 4 beside `rope_scaling`."""
    rope = dict(config.get("rope_scaling") or {})
    rope.update(config.get("rope_parameters") or {})
    rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    rope.setdefault("rope_type", rope.get("type", "default"))
    if rope["rope_type"] not in ("default", "linear", "llama3"):
        raise UnsupportedModel(f"rotary scaling {rope['rope_type']!r} is not written")
    return rope
