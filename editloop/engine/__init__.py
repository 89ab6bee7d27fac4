"""Runs a GGUF through llama.cpp: rank a closed set of candidates, sample under a constraint.

Importing this package does not import llama_cpp; loading an engine does.
"""

from __future__ import annotations

from .constraint import Constraint, FreeText, OneOf
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
    "Constraint",
    "ContextTooSmall",
    "DecodeFailed",
    "Engine",
    "EngineClosed",
    "EngineCrashed",
    "EngineError",
    "FreeText",
    "ModelInfo",
    "ModelNotFound",
    "NotAGguf",
    "NotEnoughMemory",
    "OneOf",
    "TruncatedGguf",
    "UnsupportedCpu",
    "WrongTranscriptVersion",
    "read_info",
]
