"""Tensors of safetensors files as float32, each read or computed when it is asked for; no torch.

The header is checked by the safetensors library, which gives no bf16 to numpy: gguf reads the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type
from gguf.utility import LocalTensor, SafetensorsLocal
from safetensors import SafetensorError, safe_open

from .errors import WrongCheckpoint

__all__ = ["Array", "Tensor", "computed", "read_checkpoint", "read_json", "read_tensors"]

Array: TypeAlias = "npt.NDArray[np.float32]"
_KINDS = {"F32": Type.F32, "F16": Type.F16, "BF16": Type.BF16}


@dataclass(frozen=True, slots=True)
class Tensor:
    """``load`` gives the values in ``shape``; before it is called none is in memory."""

    shape: tuple[int, ...]
    load: Callable[[], Array]


def computed(values: Array) -> Tensor:
    """A tensor that is in memory already."""
    return Tensor(values.shape, lambda: values)


def read_checkpoint(folder: Path) -> dict[str, Tensor]:
    """The tensors of a Hugging Face folder, sharded or not, by name. Raises WrongCheckpoint."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return read_tensors(folder / "model.safetensors")
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise WrongCheckpoint(f"{index} names no files: save the model again")
    found: dict[str, Tensor] = {}
    for name in sorted(set(map(str, names.values()))):
        found |= read_tensors(folder / name)
    return found


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of one file by name, each known to lie within it. Raises WrongCheckpoint."""
    if not file.is_file():
        raise WrongCheckpoint(f"no {file.name} in {file.parent}: save the model there first")
    try:
        with safe_open(file, framework="numpy"):
            stored = SafetensorsLocal(file).tensors
    except SafetensorError as error:
        raise WrongCheckpoint(
            f"{file} is cut short or damaged ({error}): copy or save it again"
        ) from error
    for name, tensor in stored.items():
        if tensor.dtype not in _KINDS:
            raise WrongCheckpoint(
                f"{name} is stored as {tensor.dtype}: save the model in bf16, f16 or f32"
            )
    return {name: Tensor(tensor.shape, partial(_load, tensor)) for name, tensor in stored.items()}


def _load(tensor: LocalTensor) -> Array:
    rows = tensor.mmap_bytes().reshape(*tensor.shape[:-1], -1)
    values: Array = gguf.quants.dequantize(rows, _KINDS[tensor.dtype])
    return values


def read_json(path: Path, *, required: bool = True) -> dict[str, Any]:
    """A JSON object, {} when it is absent and not required. Raises WrongCheckpoint."""
    if not path.is_file():
        if required:
            raise WrongCheckpoint(f"no {path.name} in {path.parent}: give a Hugging Face folder")
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WrongCheckpoint(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise WrongCheckpoint(f"{path} does not hold an object")
    return value
