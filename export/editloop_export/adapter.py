"""A LoRA as a GGUF of its own, for programs that load it beside its base (llama.cpp's --lora)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from .checkpoint import computed, read_checkpoint, read_json
from .errors import UnsupportedModel, WrongCheckpoint
from .gguf_writer import Row, Value, write_file
from .lora import Adapter, merge, read_lora
from .shapes import Shape, read_shape

__all__ = ["write_adapter"]


def write_adapter(
    checkpoint_dir: str | Path,
    lora: str | Path,
    out_path: str | Path,
    *,
    metadata: Mapping[str, Value] | None = None,
) -> Path:
    """Writes the adapter in F16; the base tells architecture and names, and is not in the file.

    One alpha holds for the whole file there, so that of other modules goes into their factor.
    Raises WrongCheckpoint, UnsupportedModel, OSError.
    """
    folder = Path(checkpoint_dir)
    shape, adapter = read_shape(read_json(folder / "config.json")), read_lora(Path(lora))
    merge(read_checkpoint(folder), adapter)  # whether it fits
    if adapter.whole:
        raise UnsupportedModel(
            f"{adapter.folder} replaces {min(adapter.whole)}: export it merged, without "
            "--adapter-only"
        )
    if not adapter.deltas:
        raise WrongCheckpoint(f"{adapter.folder} holds no LoRA")
    alpha = next(iter(adapter.deltas.values())).alpha

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)

    rows = list(_rows(shape, adapter, alpha))
    return write_file(Path(out_path), shape.name, describe, rows, metadata or {})


def _rows(shape: Shape, adapter: Adapter, alpha: float) -> Iterator[Row]:
    for name, delta in adapter.deltas.items():
        target = shape.target(name)
        # llama.cpp scales by the file's alpha divided by the rank
        b = delta.b * np.float32(delta.scale * delta.a.shape[0] / alpha)
        yield f"{target}.lora_a", computed(delta.a), Type.F16
        yield f"{target}.lora_b", shape.arranged(target, computed(b)), Type.F16
