"""Smaller kinds of a GGUF by llama.cpp's own quantizer, through llama-cpp-python.

Its k-quants have blocks of 256 weights: a matrix with rows of another width becomes a kind with
smaller blocks, which `fallbacks` tells.
"""

from __future__ import annotations

import ctypes
import os
from collections import Counter
from pathlib import Path

import gguf

from .errors import ExportError

__all__ = ["K_QUANTS", "fallbacks", "quantize"]

K_QUANTS = {
    "q6_k": gguf.LlamaFileType.MOSTLY_Q6_K,
    "q5_k_m": gguf.LlamaFileType.MOSTLY_Q5_K_M,
    "q4_k_m": gguf.LlamaFileType.MOSTLY_Q4_K_M,
}
_BLOCK = 256


def quantize(source: Path, target: Path, quant: str) -> Path:
    """Writes `target`, one of K_QUANTS, from an F16 or F32 GGUF.

    Not atomic: give a temporary name. Raises ExportError, EngineError (BackendMissing).
    """
    from editloop.engine.native import llama, recent_log

    native = llama()
    params = native.llama_model_quantize_default_params()
    params.ftype = int(K_QUANTS[quant])
    params.nthread = 0  # all
    failed = native.llama_model_quantize(
        os.fsencode(source), os.fsencode(target), ctypes.byref(params)
    )
    if failed:
        raise ExportError(f"llama.cpp cannot write {quant}: {recent_log() or 'no reason given'}")
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return target


def fallbacks(path: Path) -> dict[str, int]:
    """How many matrices of a k-quant have rows that its blocks do not divide, by what they became.

    Empty where none is.
    """
    counts: Counter[str] = Counter()
    for tensor in gguf.GGUFReader(path).tensors:
        if len(tensor.shape) > 1 and tensor.shape[0] % _BLOCK:
            counts[tensor.tensor_type.name] += 1
    return dict(counts)
