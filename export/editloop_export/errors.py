"""Errors of the export: one line each that says what to do."""

from __future__ import annotations

__all__ = ["ExportError", "UnsupportedModel", "UnsupportedTokenizer", "WrongCheckpoint"]


class ExportError(Exception):
    """Base of everything that keeps a checkpoint from becoming a GGUF."""


class WrongCheckpoint(ExportError):
    """The folder is not a complete, readable Hugging Face checkpoint."""


class UnsupportedModel(ExportError):
    """An architecture or a feature of one that is not written yet."""


class UnsupportedTokenizer(ExportError):
    """A tokenizer that llama.cpp would not reproduce id by id."""
