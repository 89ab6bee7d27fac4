"""Checkpoints to GGUF: `write_gguf`, checks of parity, and the command `editloop export`."""

from __future__ import annotations

from .errors import ExportError, UnsupportedModel, UnsupportedTokenizer, WrongCheckpoint
from .gguf_writer import QUANTS, write_gguf

__all__ = [
    "QUANTS",
    "ExportError",
    "UnsupportedModel",
    "UnsupportedTokenizer",
    "WrongCheckpoint",
    "write_gguf",
]
