"""A Hugging Face folder as one GGUF file, without torch; one chunk of rows in memory at a time."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TypeAlias

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type

from .errors import ExportError
from .lora import merge, read_lora
from .safetensors import Checkpoint, InMemory, Tensor, read_json
from .shapes import Shape, read_shape
from .tokenizer import read_tokenizer

__all__ = ["QUANTS", "Job", "Value", "tokenizer_folder", "write_file", "write_gguf"]

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


_CHUNK = 8 << 20
"""Elements of a tensor that are converted at once."""


@dataclass(frozen=True, slots=True)
class Job:
    """One tensor to write. To a GGUFWriter it is an array: a size, and a way into a file.

    ``unit`` rows are rearranged together by ``arrange``.
    """

    name: str
    shape: tuple[int, ...]
    kind: Type
    tensor: Tensor
    unit: int = 1
    arrange: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]] | None = None

    @property
    def byte_shape(self) -> tuple[int, ...]:
        return tuple(gguf.quant_shape_to_byte_shape(self.shape, self.kind))

    @property
    def nbytes(self) -> int:
        return math.prod(self.byte_shape)

    def tofile(self, file: IO[bytes]) -> None:
        """Convert and write the rows in order. Raises WrongCheckpoint, OSError."""
        each = math.prod(self.shape[1:])
        step = max(1, _CHUNK // (each * self.unit)) * self.unit
        for start in range(0, self.shape[0], step):
            rows = self.tensor.rows(start, min(start + step, self.shape[0]))
            if self.arrange is not None:
                rows = self.arrange(rows)
            gguf.quants.quantize(rows, self.kind).tofile(file)


def write_gguf(
    checkpoint_dir: str | Path,
    out_path: str | Path,
    *,
    quant: str = "q8_0",
    lora: str | Path | None = None,
    metadata: Mapping[str, Value] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes `out_path` from config.json, the safetensors and tokenizer.json of a folder.

    `quant` is for the embedding and the matrices ("q8_0", "f16", "f32"); vectors stay F32, and a
    matrix whose rows are no multiple of the block (32) becomes F16. `lora` is a peft folder that is
    merged on the way. `metadata` keys such as `editloop.transcript_version` take their GGUF type
    from the value (int: uint32). `progress(done, total)` counts tensors. The file appears whole or
    not at all, and its folder may be read by others meanwhile.

    Raises WrongCheckpoint, UnsupportedModel, UnsupportedTokenizer, ExportError, OSError.
    """
    folder, adapter = Path(checkpoint_dir), Path(lora) if lora is not None else None
    if quant not in QUANTS:
        raise ExportError(f"unknown quantization {quant!r}: use one of {', '.join(QUANTS)}")
    config = read_json(folder / "config.json")
    shape, (kind, file_type) = read_shape(config), QUANTS[quant]
    tensors: Mapping[str, Tensor] = Checkpoint(folder)
    if adapter is not None:
        tensors = merge(tensors, read_lora(adapter))
    tokenizer = read_tokenizer(tokenizer_folder(folder, adapter), shape.vocab_size, config)
    jobs = list(_jobs(shape, tensors, kind))
    metadata = {"general.name": folder.resolve().name, **(metadata or {})}

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        shape.add_to(writer)
        tokenizer.add_to(writer)

    return write_file(Path(out_path), shape.name, describe, jobs, metadata, progress)


def write_file(
    out: Path,
    architecture: str,
    describe: Callable[[gguf.GGUFWriter], None],
    jobs: Sequence[Job],
    metadata: Mapping[str, Value],
    progress: Progress | None = None,
) -> Path:
    """One GGUF file, atomically: `describe` adds what is no tensor. Raises ExportError, OSError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.parent / f".{out.name}.{os.getpid()}.tmp"  # same disk: the rename is atomic
    try:
        writer = gguf.GGUFWriter(temporary, architecture)
        with contextlib.closing(writer):
            describe(writer)
            _add_metadata(writer, metadata)
            _write(writer, jobs, progress)
        os.replace(temporary, out)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return out


def tokenizer_folder(checkpoint: Path, lora: Path | None) -> Path:
    """Where the tokenizer lies: with the adapter when it was saved there, as it was trained so."""
    if lora is not None and (lora / "tokenizer.json").is_file():
        return lora
    return checkpoint


def _jobs(shape: Shape, tensors: Mapping[str, Tensor], kind: Type) -> Iterator[Job]:
    factors = shape.rope_factors()
    if factors is not None:
        yield Job("rope_freqs.weight", factors.shape, Type.F32, InMemory(factors))
    for name, tensor in shape.tensors(tensors):
        job = Job(name, tensor.shape, _kind(tensor.shape, kind), tensor)
        if shape.rotated(name):
            job = replace(job, unit=shape.head_dim, arrange=shape.rotate)
        yield job


def _kind(shape: tuple[int, ...], kind: Type) -> Type:
    if len(shape) < 2:
        return Type.F32
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    return kind if shape[-1] % block == 0 else Type.F16


def _write(writer: gguf.GGUFWriter, jobs: Sequence[Job], progress: Progress | None) -> None:
    for job in jobs:
        dtype = _PLAIN.get(job.kind)
        if dtype is not None:
            writer.add_tensor_info(job.name, job.shape, dtype, job.nbytes)
        else:  # blocks of bytes: the writer turns the byte shape back into elements
            writer.add_tensor_info(
                job.name, job.byte_shape, np.dtype(np.uint8), job.nbytes, job.kind
            )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for done, job in enumerate(jobs, 1):
        data: Any = job  # not an array, but all that is asked of one
        writer.write_tensor_data(data)
        if progress is not None:
            progress(done, len(jobs))
    for stream in writer.fout or ():
        stream.flush()
        os.fsync(stream.fileno())


def _add_metadata(writer: gguf.GGUFWriter, metadata: Mapping[str, Value]) -> None:
    for key, value in metadata.items():
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
