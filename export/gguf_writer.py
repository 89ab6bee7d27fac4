"""A Hugging Face folder as one GGUF file, tensor by tensor, without torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type

from .errors import ExportError
from .safetensors import Checkpoint, StoredTensor, read_json
from .shapes import Shape, read_shape
from .tokenizer import read_tokenizer

__all__ = ["QUANTS", "write_gguf"]

Value: TypeAlias = "int | float | str | bool"
Progress: TypeAlias = Callable[[int, int], None]

QUANTS = {
    "q8_0": (Type.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "f16": (Type.F16, gguf.LlamaFileType.MOSTLY_F16),
    "f32": (Type.F32, gguf.LlamaFileType.ALL_F32),
}

_PLAIN: dict[Type, np.dtype[Any]] = {
    Type.F32: np.dtype(np.float32),
    Type.F16: np.dtype(np.float16),
}


@dataclass(frozen=True, slots=True)
class _Job:
    """One tensor to write: its bytes are made by `make` when their turn comes."""

    name: str
    shape: tuple[int, ...]
    kind: Type
    make: Callable[[], npt.NDArray[np.float32]]

    def data(self) -> npt.NDArray[np.generic]:
        return gguf.quants.quantize(self.make(), self.kind)


def write_gguf(
    checkpoint_dir: str | Path,
    out_path: str | Path,
    *,
    quant: str = "q8_0",
    metadata: Mapping[str, Value] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes `out_path` from config.json, model.safetensors and tokenizer.json.

    `quant` is for the embedding and the matrices ("q8_0", "f16", "f32"); vectors stay F32, and a
    matrix whose rows are no multiple of the block (32) becomes F16. `metadata` keys such as
    `editloop.transcript_version` take their GGUF type from the value (int: uint32).
    `progress(done, total)` counts tensors. The file appears whole or not at all.

    Raises WrongCheckpoint, UnsupportedModel, UnsupportedTokenizer, ExportError, OSError.
    """
    folder, out = Path(checkpoint_dir), Path(out_path)
    if quant not in QUANTS:
        raise ExportError(f"unknown quantization {quant!r}: use one of {', '.join(QUANTS)}")
    config = read_json(folder / "config.json")
    shape, (kind, file_type) = read_shape(config), QUANTS[quant]
    checkpoint = Checkpoint(folder)
    tokenizer = read_tokenizer(folder, shape.vocab_size, config)
    jobs = list(_jobs(shape, checkpoint, kind))
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.parent / f".{out.name}.{os.getpid()}.tmp"  # same disk: the rename is atomic
    try:
        writer = gguf.GGUFWriter(temporary, shape.name)
        with contextlib.closing(writer):
            writer.add_name(str((metadata or {}).get("general.name", folder.resolve().name)))
            writer.add_file_type(file_type)
            writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
            shape.add_to(writer)
            tokenizer.add_to(writer)
            _add_metadata(writer, metadata or {})
            _write(writer, jobs, progress)
        os.replace(temporary, out)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return out


def _jobs(shape: Shape, checkpoint: Checkpoint, kind: Type) -> Iterator[_Job]:
    factors = shape.rope_factors()
    if factors is not None:
        yield _Job("rope_freqs.weight", factors.shape, Type.F32, lambda: factors)
    for name, stored in shape.tensors(checkpoint):

        def make(name: str = name, stored: StoredTensor = stored) -> npt.NDArray[np.float32]:
            return shape.arrange(name, stored.load())

        yield _Job(name, stored.shape, _kind(stored.shape, kind), make)


def _kind(shape: tuple[int, ...], kind: Type) -> Type:
    if len(shape) < 2:
        return Type.F32
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    return kind if shape[-1] % block == 0 else Type.F16


def _write(writer: gguf.GGUFWriter, jobs: list[_Job], progress: Progress | None) -> None:
    for job in jobs:
        dtype = _PLAIN.get(job.kind)
        if dtype is not None:
            size = int(np.prod(job.shape, dtype=np.int64)) * dtype.itemsize
            writer.add_tensor_info(job.name, job.shape, dtype, size)
        else:  # blocks of bytes: the writer turns the byte shape back into elements
            shape = gguf.quant_shape_to_byte_shape(job.shape, job.kind)
            size = int(np.prod(shape, dtype=np.int64))
            writer.add_tensor_info(job.name, shape, np.dtype(np.uint8), size, job.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for done, job in enumerate(jobs, 1):
        writer.write_tensor_data(job.data())
        if progress is not None:
            progress(done, len(jobs))
    for stream in writer.fout or ():
        stream.flush()
        os.fsync(stream.fileno())


def _add_metadata(writer: gguf.GGUFWriter, metadata: Mapping[str, Value]) -> None:
    for key, value in metadata.items():
        if key == "general.name":
            continue
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            if not -(2**31) <= value < 2**32:
                raise ExportError(f"metadata {key}={value} does not fit in 32 bits")
            (writer.add_uint32 if value >= 0 else writer.add_int32)(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            raise ExportError(f"metadata {key} is {type(value).__name__}: use a number or text")
