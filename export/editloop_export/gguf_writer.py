"""A Hugging Face folder as one GGUF file, without torch; one tensor in memory at a time."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from editloop.sandbox.scratch import scratch_folder

from .checkpoint import Tensor, computed, read_checkpoint, read_json
from .errors import ExportError
from .lora import merge, read_lora
from .shapes import Shape, read_shape
from .tokenizer import read_tokenizer

__all__ = ["QUANTS", "Row", "Value", "tokenizer_folder", "write_file", "write_gguf"]

Value: TypeAlias = "int | float | str | bool"
Row: TypeAlias = "tuple[str, Tensor, Type]"
"""A tensor of the file: its name there, its values, how they are stored."""

QUANTS = {
    "q8_0": (Type.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "f16": (Type.F16, gguf.LlamaFileType.MOSTLY_F16),
    "f32": (Type.F32, gguf.LlamaFileType.ALL_F32),
}


def write_gguf(
    checkpoint_dir: str | Path,
    out_path: str | Path,
    *,
    quant: str = "q8_0",
    lora: str | Path | None = None,
    metadata: Mapping[str, Value] | None = None,
) -> Path:
    """Writes `out_path` from config.json, the safetensors and tokenizer.json of a folder.

    `quant` is for the embedding and the matrices ("q8_0", "f16", "f32"); vectors stay F32, and a
    matrix whose rows are no multiple of the block (32) becomes F16. `lora` is a peft folder that is
    merged on the way. `metadata` keys such as `editloop.transcript_version` take their GGUF type
    from the value (int: uint32). The file appears whole or not at all, and its folder may be read
    by others meanwhile.

    Raises WrongCheckpoint, UnsupportedModel, UnsupportedTokenizer, ExportError, OSError.
    """
    folder, adapter = Path(checkpoint_dir), Path(lora) if lora is not None else None
    if quant not in QUANTS:
        raise ExportError(f"unknown quantization {quant!r}: use one of {', '.join(QUANTS)}")
    config = read_json(folder / "config.json")
    shape, (kind, file_type) = read_shape(config), QUANTS[quant]
    tensors = read_checkpoint(folder)
    if adapter is not None:
        tensors = merge(tensors, read_lora(adapter))
    tokenizer = read_tokenizer(tokenizer_folder(folder, adapter), shape.vocab_size)
    metadata = {"general.name": folder.resolve().name, **(metadata or {})}

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        shape.add_to(writer)
        tokenizer.add_to(writer)

    rows = list(_rows(shape, tensors, kind))
    return write_file(Path(out_path), shape.name, describe, rows, metadata)


def write_file(
    out: Path,
    architecture: str,
    describe: Callable[[gguf.GGUFWriter], None],
    rows: list[Row],
    metadata: Mapping[str, Value],
) -> Path:
    """One GGUF file, atomically: `describe` adds what is no tensor. Raises ExportError, OSError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(out.parent) as folder:  # same disk: the rename is atomic
        part = folder / f"{out.name}.part"
        with contextlib.closing(gguf.GGUFWriter(part, architecture)) as writer:
            describe(writer)
            _add_metadata(writer, metadata)
            _write(writer, rows)
        os.replace(part, out)
    return out


def tokenizer_folder(checkpoint: Path, lora: Path | None) -> Path:
    """Where the tokenizer lies: with the adapter when it was saved there, as it was trained so."""
    if lora is not None and (lora / "tokenizer.json").is_file():
        return lora
    return checkpoint


def _rows(shape: Shape, tensors: Mapping[str, Tensor], kind: Type) -> Iterator[Row]:
    factors = shape.rope_factors()
    if factors is not None:
        yield "rope_freqs.weight", computed(factors), Type.F32
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    for name, tensor in shape.tensors(tensors):
        fitting = kind if tensor.shape[-1] % block == 0 else Type.F16
        yield name, tensor, fitting if len(tensor.shape) > 1 else Type.F32


def _write(writer: gguf.GGUFWriter, rows: list[Row]) -> None:
    for name, tensor, kind in rows:
        stored = gguf.quant_shape_to_byte_shape(tensor.shape, kind)
        writer.add_tensor_info(name, stored, np.dtype(np.uint8), math.prod(stored), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, tensor, kind in rows:
        writer.write_tensor_data(gguf.quants.quantize(tensor.load(), kind))
    for stream in writer.fout or ():
        stream.flush()
        os.fsync(stream.fileno())


def _add_metadata(writer: gguf.GGUFWriter, metadata: Mapping[str, Value]) -> None:
    for key, value in metadata.items():
        kind = gguf.GGUFValueType.get_type(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if not -(2**31) <= value < 2**32:
                raise ExportError(f"metadata {key}={value} does not fit in 32 bits")
            kind = gguf.GGUFValueType.UINT32 if value >= 0 else kind
        writer.add_key_value(key, value, kind)
