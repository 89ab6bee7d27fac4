"""Llama, Qwen2 and Qwen3 checkpoints as GGUF: hyperparameters, tensor names, rotary layout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from .errors import UnsupportedModel, WrongCheckpoint
from .safetensors import Tensor

__all__ = ["Shape", "read_shape"]

_ARCHITECTURES = {
    "LlamaForCausalLM": gguf.MODEL_ARCH.LLAMA,
    "Qwen2ForCausalLM": gguf.MODEL_ARCH.QWEN2,
    "Qwen3ForCausalLM": gguf.MODEL_ARCH.QWEN3,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One model's hyperparameters, named as in config.json."""

    arch: gguf.MODEL_ARCH
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_dim: int
    context: int
    vocab_size: int
    norm_epsilon: float
    rope: dict[str, Any]
    tied: bool

    @property
    def name(self) -> str:
        return gguf.MODEL_ARCH_NAMES[self.arch]

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        writer.add_context_length(self.context)
        writer.add_embedding_length(self.width)
        writer.add_block_count(self.layers)
        writer.add_feed_forward_length(self.feed_forward)
        writer.add_head_count(self.heads)
        writer.add_head_count_kv(self.kv_heads)
        writer.add_layer_norm_rms_eps(self.norm_epsilon)
        writer.add_key_length(self.head_dim)
        writer.add_value_length(self.head_dim)
        writer.add_vocab_size(self.vocab_size)
        writer.add_rope_dimension_count(self.head_dim)
        writer.add_rope_freq_base(float(self.rope.get("rope_theta", 10000.0)))
        if self.rope.get("rope_type") == "linear":
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
            yield target, tensor
        wanted = {"token_embd.weight", "output_norm.weight"}
        wanted |= {f"blk.{i}.ffn_down.weight" for i in range(self.layers)}
        wanted |= set() if self.tied else {"output.weight"}
        if wanted - seen:
            raise WrongCheckpoint(f"the checkpoint lacks {min(wanted - seen)}: save it whole")

    def target(self, name: str) -> str:
        """The GGUF name of a tensor of the checkpoint. Raises WrongCheckpoint."""
        target = _names(self.arch, self.layers).get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise WrongCheckpoint(f"tensor {name} is not part of a plain {self.name} model")
        return str(target)

    def rotated(self, target: str) -> bool:
        """Whether the rows of a tensor (GGUF name) are to be rearranged, a head at a time.

        llama.cpp rotates neighbouring pairs for Llama, Hugging Face halves: q and k differ.
        """
        llama = self.arch == gguf.MODEL_ARCH.LLAMA
        return llama and target.split(".")[-2] in ("attn_q", "attn_k")

    def rotate(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Whole heads of rows from Hugging Face's order into llama.cpp's, same shape."""
        split = rows.reshape(-1, 2, self.head_dim // 2, *rows.shape[1:])
        return split.swapaxes(1, 2).reshape(rows.shape)

    def rope_factors(self) -> npt.NDArray[np.float32] | None:
        """Llama 3.1's frequency factors, shape (head_dim / 2,); None for plain rotary."""
        if self.rope.get("rope_type") != "llama3":
            return None
        factor, old = float(self.rope["factor"]), self.rope["original_max_position_embeddings"]
        low, high = float(self.rope["low_freq_factor"]), float(self.rope["high_freq_factor"])
        base, dim = float(self.rope["rope_theta"]), self.head_dim
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
        heads = int(config["num_attention_heads"])
        width = int(config["hidden_size"])
        return Shape(
            arch=_ARCHITECTURES[name],
            layers=int(config["num_hidden_layers"]),
            width=width,
            feed_forward=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or width // heads),
            context=int(config["max_position_embeddings"]),
            vocab_size=int(config["vocab_size"]),
            norm_epsilon=float(config["rms_norm_eps"]),
            rope=rope,
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WrongCheckpoint(f"config.json is incomplete: {error}") from error


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 keeps everything in `rope_parameters`, 4 beside `rope_scaling`."""
    rope = dict(config.get("rope_scaling") or {})
    rope.update(config.get("rope_parameters") or {})
    rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    rope.setdefault("rope_type", rope.get("type", "default"))
    if rope["rope_type"] not in ("default", "linear", "llama3"):
        raise UnsupportedModel(f"rotary scaling {rope['rope_type']!r} is not written")
    return rope
