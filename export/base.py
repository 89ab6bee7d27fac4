"""A base for training out of a GGUF: unpacked, and compared with what llama.cpp makes of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from .errors import ExportError
from .parity import LogitReport, TokenReport, compare, open_engine, token_parity
from .reference import compute_reference
from .transcripts import python_files
from .unpack import unpack

__all__ = ["BaseReport", "make_base"]

_FILES = 200
"""Texts whose ids are compared."""
_PROMPTS, _TOKENS = 4, 160
"""Prompts whose logits are compared, and how long each is."""
_LEAST = 0.8
"""Share of positions with the same likeliest token; weights that were read wrongly are far below,
and llama.cpp, which rounds activations too, is above."""


@dataclass(frozen=True, slots=True)
class BaseReport:
    """How the folder compares with the file; ``logits`` is None where torch is not installed."""

    folder: Path
    tokens: TokenReport
    logits: LogitReport | None


def make_base(path: Path, folder: Path, tell: Callable[[str], None]) -> BaseReport:
    """Write a Hugging Face folder in bfloat16; it appears only when it behaves like the file.

    Raises ExportError (UnsupportedModel among them), EngineError, OSError.
    """
    tell("reading the weights")
    draft = unpack(path, folder.with_name(f"{folder.name}.draft"), bfloat16=True)
    try:
        tell("comparing token ids")
        tokens = token_parity(draft / "tokenizer.json", path, python_files(_FILES))
        if not tokens.identical:
            name, at = tokens.differing[0]
            raise ExportError(
                f"{path}: ids of {len(tokens.differing)} of {tokens.texts} texts differ from those "
                f"of llama.cpp, {name} from token {at} on"
            )
        tell("comparing logits")
        logits = _compared(draft, path)
        if logits is not None and logits.agreement < _LEAST:
            raise ExportError(
                f"{path}: the weights are read wrongly, only {logits.agreement:.0%} of the "
                "likeliest tokens are those of llama.cpp"
            )
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return BaseReport(folder, tokens, logits)


def _compared(folder: Path, path: Path) -> LogitReport | None:
    rows = [ids for ids in _prompts(folder) if ids]
    try:
        reference, _ = compute_reference(folder, rows)
    except ModuleNotFoundError:
        return None
    with open_engine(path, _TOKENS + 64) as engine:
        return compare(engine, reference)


def _prompts(folder: Path) -> list[list[int]]:
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = (text for _, text in islice(python_files(_PROMPTS), _PROMPTS))
    return [tokenizer.encode(text, add_special_tokens=False).ids[:_TOKENS] for text in texts]
