"""Reads safetensors files (sharded or not) some rows at a time as numpy, bf16 too, without torch.

Format: 8 bytes little-endian header length, a JSON header, then the data (huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .errors import WrongCheckpoint

__all__ = ["Checkpoint", "InMemory", "StoredTensor", "Tensor", "read_header", "read_json"]

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class Tensor(Protocol):
    """A tensor that is read some rows at a time, so that no more than these are in memory."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Rows (along the first axis) as float32, shape (stop - start, *shape[1:])."""
        ...


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where one tensor lies: ``start`` is the byte of its first element in ``file``."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int

    def rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        dtype = np.dtype(_DTYPES[self.dtype])
        each = math.prod(self.shape[1:])
        offset, count = self.start + start * each * dtype.itemsize, (stop - start) * each
        raw = np.fromfile(self.file, dtype=dtype, count=count, offset=offset)
        if raw.size != count:
            raise WrongCheckpoint(f"{self.file} is cut short: copy or save it again")
        if self.dtype == "BF16":  # the upper half of a float32
            raw = raw.astype(np.uint32)
            raw <<= 16
            raw = raw.view(np.float32)
        return raw.astype(np.float32, copy=False).reshape(stop - start, *self.shape[1:])

    def load(self) -> npt.NDArray[np.float32]:
        """The whole tensor in float32."""
        return self.rows(0, self.shape[0])


@dataclass(frozen=True, slots=True)
class InMemory:
    """A tensor that was computed, not stored."""

    values: npt.NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        return self.values[start:stop]


class Checkpoint(Mapping[str, StoredTensor]):
    """The tensors of a Hugging Face folder by name. Raises WrongCheckpoint."""

    def __init__(self, folder: Path) -> None:
        self._tensors: dict[str, StoredTensor] = {}
        for file in self._files(folder):
            self._tensors |= read_header(file)

    @staticmethod
    def _files(folder: Path) -> list[Path]:
        index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
        if not index.is_file():
            return [single]
        names = _json(index).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise WrongCheckpoint(f"{index} names no files: save the model again")
        return [folder / str(name) for name in sorted(set(names.values()))]

    def __getitem__(self, name: str) -> StoredTensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of one file by name, each known to lie within it. Raises WrongCheckpoint."""
    if not file.is_file():
        raise WrongCheckpoint(f"no {file.name} in {file.parent}: save the model there first")
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(100 << 20, size):
            raise WrongCheckpoint(f"{file} is not a safetensors file: save it again")
        try:
            header: dict[str, Any] = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            return {k: _stored(file, k, v, 8 + length, size) for k, v in header.items()}
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise WrongCheckpoint(f"{file} has a damaged header: save it again") from error


def _stored(file: Path, name: str, entry: dict[str, Any], data: int, size: int) -> StoredTensor:
    if entry["dtype"] not in _DTYPES:
        raise WrongCheckpoint(
            f"{name} is stored as {entry['dtype']}: save the model in bf16, f16 or f32"
        )
    start, stop = entry["data_offsets"]
    if data + stop > size:
        raise WrongCheckpoint(f"{file} is cut short: copy or save it again")
    return StoredTensor(file, entry["dtype"], tuple(entry["shape"]), data + start)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WrongCheckpoint(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise WrongCheckpoint(f"{path} does not hold an object")
    return value


def read_json(path: Path, *, required: bool = True) -> dict[str, Any]:
    """A JSON object, {} when it is absent and not required. Raises WrongCheckpoint."""
    if not path.is_file():
        if required:
            raise WrongCheckpoint(f"no {path.name} in {path.parent}: give a Hugging Face folder")
        return {}
    return _json(path)
