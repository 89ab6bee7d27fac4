"""Does the GGUF behave like the checkpoint? Token ids and logits, compared one by one.

`token_parity` needs tokenizers and llama-cpp-python, `logit_parity` also torch and transformers;
all are imported when called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from editloop.engine import Engine

__all__ = ["LogitReport", "TokenReport", "logit_parity", "token_parity"]


@dataclass(frozen=True, slots=True)
class TokenReport:
    """`differing` are (index of the text, position of the first different id)."""

    texts: int
    tokens: int
    differing: list[tuple[int, int]] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        return not self.differing


@dataclass(frozen=True, slots=True)
class LogitReport:
    """`agreement` is the share of positions with the same most probable token."""

    prompts: int
    positions: int
    agreement: float
    largest_difference: float


def token_parity(tokenizer_json: str | Path, gguf: str | Path, texts: Iterable[str]) -> TokenReport:
    """Ids of each text by tokenizers and by llama.cpp, compared."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    differing, count, total = [], 0, 0
    with _engine(gguf, 64) as engine:
        for index, text in enumerate(texts):
            wanted = tokenizer.encode(text, add_special_tokens=False).ids
            found = engine.tokenize(text, special=True)
            count, total = count + 1, total + len(wanted)
            if wanted != found:
                pairs = enumerate(zip(wanted, found, strict=False))
                at = next((i for i, (a, b) in pairs if a != b), min(len(wanted), len(found)))
                differing.append((index, at))
    return TokenReport(count, total, differing)


def logit_parity(
    checkpoint: str | Path, gguf: str | Path, prompts: Sequence[Sequence[int]]
) -> LogitReport:
    """Logits after every token of each prompt (ids), by transformers in float32 and by llama.cpp.

    Prompts have to fit in the model's context.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(checkpoint), dtype=torch.float32)
    model.train(False)
    same, positions, largest = 0, 0, 0.0
    with _engine(gguf, max(map(len, prompts))) as engine, torch.inference_mode():
        for prompt in prompts:
            answer = model(torch.tensor([list(prompt)])).logits[0]
            wanted: npt.NDArray[np.float32] = answer.float().numpy()
            found = engine.logits(prompt)
            same += int((wanted.argmax(1) == found.argmax(1)).sum())
            positions += len(prompt)
            largest = max(largest, float(np.abs(wanted - found).max()))
    return LogitReport(len(prompts), positions, same / positions, largest)


def _engine(gguf: str | Path, n_ctx: int) -> Engine:
    from editloop.engine import Engine, read_info

    # parity is about this file, whatever transcript it was trained on
    version = read_info(gguf).transcript_version or 0
    return Engine.load(gguf, transcript_version=version, n_ctx=n_ctx, n_gpu_layers=0)
