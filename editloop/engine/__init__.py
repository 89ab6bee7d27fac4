"""Runs a GGUF through llama.cpp: several continuations of one prefix, scores of texts.

Importing this package does not import llama_cpp; loading an engine does.
"""

from .gguf_info import ModelInfo, read_info
from .llama import Engine

__all__ = ["Engine", "ModelInfo", "read_info"]
