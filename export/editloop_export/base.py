"""A base for training: whether it can be one, and how a GGUF becomes a folder that is.

What is unpacked is compared with what llama.cpp makes of the file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from editloop.document.transcript import TRANSCRIPT_VERSION
from editloop.engine import read_info
from editloop.engine.checks import check_version
from editloop.model.families import fill_of
from editloop.sandbox.scratch import scratch_folder

from .checkpoint import read_checkpoint, read_json
from .errors import ExportError, UnsupportedModel
from .parity import LogitReport, TokenReport, compare, open_engine, token_parity
from .reference import compute_reference
from .shapes import read_shape
from .source import find_source
from .tokenizer import read_tokenizer
from .transcripts import python_files
from .unpack import check, unpack

__all__ = ["BaseReport", "check_base", "make_base"]

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


def check_base(path: Path) -> Path:
    """The GGUF or the folder with all weights, once it is known that it can be exported again.

    Raises ExportError (UnsupportedModel where it has no chat template, or no fill-in tokens, which
    a fix asks by), EngineError.
    """
    if path.is_dir():
        source = find_source(path)
        if source.lora is not None:
            raise UnsupportedModel(f"{path} is a LoRA adapter: give a folder with all weights")
        shape = read_shape(read_json(source.folder / "config.json"))
        list(shape.tensors(read_checkpoint(source.folder)))
        tokenizer = read_tokenizer(source.folder, shape.vocab_size)
        template: Any = tokenizer.special.chat_template
        fills, found = fill_of(tokenizer.tokens) is not None, source.folder
    else:
        info = read_info(path)
        check_version(info, TRANSCRIPT_VERSION)
        check(info)
        template = info.metadata.get("tokenizer.chat_template")
        fills, found = info.fill_in, path
    if not template:
        raise UnsupportedModel(f"{path} has no chat template: choose an instruct model")
    if not fills:
        raise UnsupportedModel(
            f"{path} has no fill-in tokens, which a fix asks by: choose a code model"
        )
    return found


def make_base(path: Path, folder: Path, tell: Callable[[str], None]) -> BaseReport:
    """Write a Hugging Face folder in bfloat16; it appears only when it behaves like the file.

    Raises ExportError (UnsupportedModel among them), EngineError, OSError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent) as work:
        tell("reading the weights")
        draft = unpack(path, work / folder.name, bfloat16=True)
        tell("comparing token ids")
        tokens = token_parity(draft / "tokenizer.json", path, python_files(_FILES))
        if tokens.differing:
            raise ExportError(f"{path}: {tokens.difference}")
        tell("comparing logits")
        logits = _compared(draft, path)
        if logits is not None and logits.agreement < _LEAST:
            raise ExportError(
                f"{path}: the weights are read wrongly, only {logits.agreement:.0%} of the "
                "likeliest tokens are those of llama.cpp"
            )
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(draft, folder)
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
