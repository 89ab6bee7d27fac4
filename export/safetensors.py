"""Reads model.safetensors (sharded or not) tensor by tensor as numpy, bf16 included, without torch.

Format: 8 bytes little-endian header length, a JSON header, then the data (huggingface/safetensors).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import WrongCheckpoint

__all__ = ["Checkpoint", "StoredTensor"]

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where one tensor lies."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int

    def load(self) -> npt.NDArray[np.float32]:
        """The tensor in float32."""
        count = int(np.prod(self.shape, dtype=np.int64))
        raw = np.fromfile(self.file, dtype=_DTYPES[self.dtype], count=count, offset=self.start)
        if raw.size != count:
            raise WrongCheckpoint(f"{self.file} is cut short: copy or save it again")
        if self.dtype == "BF16":  # the upper half of a float32
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float32, copy=False).reshape(self.shape)


class Checkpoint(Mapping[str, StoredTensor]):
    """The tensors of a Hugging Face folder by name. Raises WrongCheckpoint."""

    def __init__(self, folder: Path) -> None:
        self._tensors: dict[str, StoredTensor] = {}
        for file in self._files(folder):
            self._read_header(file)

    @staticmethod
    def _files(folder: Path) -> list[Path]:
        index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
        if index.is_file():
            files = [folder / n for n in sorted(set(_json(index).get("weight_map", {}).values()))]
        else:
            files = [single]
        for file in files:
            if not file.is_file():
                raise WrongCheckpoint(f"no {file.name} in {folder}: save the model there first")
        return files

    def _read_header(self, file: Path) -> None:
        with file.open("rb") as stream:
            head = stream.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            if not 2 <= length <= min(100 << 20, file.stat().st_size):
                raise WrongCheckpoint(f"{file} is not a safetensors file: save it again")
            try:
                header: dict[str, Any] = json.loads(stream.read(length))
            except ValueError as error:
                raise WrongCheckpoint(f"{file} has a damaged header: save it again") from error
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            if entry["dtype"] not in _DTYPES:
                raise WrongCheckpoint(
                    f"{name} is stored as {entry['dtype']}: save the model in bf16, f16 or f32"
                )
            start = 8 + length + entry["data_offsets"][0]
            self._tensors[name] = StoredTensor(file, entry["dtype"], tuple(entry["shape"]), start)

    def __getitem__(self, name: str) -> StoredTensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


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
