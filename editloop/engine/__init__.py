"""Runs a GGUF through llama.cpp: several continuations of one prefix, scores of texts.

Importing this package does not import llama_cpp; loading an engine does.
"""

from __future__ import annotations

from .errors import (
    BackendMissing,
    Cancelled,
    ContextTooSmall,
    DecodeFailed,
    EngineClosed,
    EngineCrashed,
    EngineError,
    ModelNotFound,
    NotAGguf,
    NotEnoughMemory,
    TruncatedGguf,
    UnsupportedCpu,
    WrongTranscriptVersion,
)
from .gguf_info import ModelInfo, read_info
from .llama import Engine

__all__ = [
    "BackendMissing",
    "Cancelled",
    "ContextTooSmall",
    "DecodeFailed",
    "Engine",
    "EngineClosed",
    "EngineCrashed",
    "EngineError",
    "ModelInfo",
    "ModelNotFound",
    "NotAGguf",
    "NotEnoughMemory",
    "TruncatedGguf",
    "UnsupportedCpu",
    "WrongTranscriptVersion",
    "read_info",
]
