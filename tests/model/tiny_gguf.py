"""Small real GGUFs with random weights, a chat template and fill-in tokens."""

from __future__ import annotations

from pathlib import Path

from editloop_export import write_gguf
from tiny_checkpoints import ModelSize, make_instruct


def make_gguf(folder: Path, size: ModelSize, name: str = "tiny") -> Path:
    """A model of this size; ``name`` is its file's."""
    return write_gguf(make_instruct(folder / name, size), folder / f"{name}.gguf")
