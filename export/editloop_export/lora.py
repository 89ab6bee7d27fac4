"""LoRA adapters of peft: read, merged into the tensors of their base as these are written.

Layout: adapter_config.json and adapter_model.safetensors (huggingface/peft), linear layers only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .checkpoint import Array, Tensor, read_json, read_tensors
from .errors import UnsupportedModel, WrongCheckpoint

__all__ = ["CONFIG", "Adapter", "Delta", "is_adapter", "merge", "read_lora"]

CONFIG = "adapter_config.json"
_PREFIX = "base_model.model."
_UNSUPPORTED = {
    "use_dora": "DoRA",
    "fan_in_fan_out": "transposed layers",
    "layer_replication": "replicated layers",
}


@dataclass(frozen=True, slots=True)
class Delta:
    """What is added to a matrix: ``scale * b @ a``; a (rank, in), b (out, rank)."""

    a: Array
    b: Array
    alpha: float
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.b.shape[0], self.a.shape[1]

    def added_to(self, base: Tensor) -> Tensor:
        """The sum is float32, whatever the base is stored as."""

        def load() -> Array:
            change = self.b @ self.a
            change *= np.float32(self.scale)
            change += base.load()
            return change

        return Tensor(base.shape, load)


@dataclass(frozen=True, slots=True)
class Adapter:
    """``deltas`` by the name of their matrix; ``whole`` are tensors that replace those of the base.

    ``base`` is what the adapter says it was trained on: a folder or a name.
    """

    folder: Path
    base: str
    deltas: dict[str, Delta] = field(default_factory=dict)
    whole: dict[str, Tensor] = field(default_factory=dict)


def is_adapter(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def read_lora(folder: Path) -> Adapter:
    """Raises WrongCheckpoint, and UnsupportedModel for kinds of adapters that are not merged."""
    config = read_json(folder / CONFIG)
    if config.get("peft_type") != "LORA":
        raise UnsupportedModel(f"{folder} is a {config.get('peft_type')} adapter: only LoRA is")
    for key, name in _UNSUPPORTED.items():
        if config.get(key):
            raise UnsupportedModel(f"{folder} uses {name}: only plain LoRA can be merged")
    adapter = Adapter(folder, str(config.get("base_model_name_or_path") or ""))
    stored = read_tensors(folder / "adapter_model.safetensors")
    for name, tensor in stored.items():
        module, kind, _ = name.removeprefix(_PREFIX).rpartition(".lora_A.weight")
        if kind:
            b = stored.get(name.replace(".lora_A.", ".lora_B."))
            if b is None:
                raise WrongCheckpoint(f"{folder} has {name} without its lora_B: save it again")
            adapter.deltas[f"{module}.weight"] = _delta(module, tensor, b, config)
        elif ".lora_" not in name:
            adapter.whole[name.removeprefix(_PREFIX)] = tensor
        elif not name.endswith(".lora_B.weight"):
            raise UnsupportedModel(f"{name} of {folder} is not part of a plain LoRA")
    return adapter


def merge(base: Mapping[str, Tensor], adapter: Adapter) -> dict[str, Tensor]:
    """The base's tensors with the adapter in them; nothing is computed before it is read.

    Raises WrongCheckpoint where the adapter belongs to another base.
    """
    merged = dict(base)
    for name, delta in adapter.deltas.items():
        if name not in base or base[name].shape != delta.shape:
            here = f"is {base[name].shape}" if name in base else "does not exist"
            raise WrongCheckpoint(
                f"{adapter.folder} was trained on another model ({adapter.base or 'unnamed'}): "
                f"{name} {here}, the adapter's is {delta.shape}"
            )
        merged[name] = delta.added_to(base[name])
    return merged | adapter.whole


def _delta(module: str, a: Tensor, b: Tensor, config: dict[str, Any]) -> Delta:
    rank = int(_of_module(config.get("rank_pattern"), module, config["r"]))
    alpha = float(_of_module(config.get("alpha_pattern"), module, config["lora_alpha"]))
    if a.shape[0] != rank or b.shape[1:] != (rank,):
        raise WrongCheckpoint(f"{module} has a LoRA of shapes {a.shape} and {b.shape}, rank {rank}")
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    return Delta(a.load(), b.load(), alpha, scale)


def _of_module(patterns: Any, module: str, default: float) -> float:
    """peft's rule: a key is a regular expression for the end of a module's name."""
    for pattern, value in (patterns or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", module):
            return float(value)
    return float(default)
