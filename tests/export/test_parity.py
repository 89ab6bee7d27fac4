"""Ids and logits of the GGUF against tokenizers and transformers."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from export import write_gguf
from export.parity import logit_parity, token_parity
from export.testing import ModelSize, make_checkpoint, make_tokenizer, stdlib_texts

EDGES = [
    "",
    " ",
    "\n",
    "\r\n\r\n",
    "\t\t x\n",
    "a  b   c    d",
    "    return x\n        y\n",
    "\x00\x01\x7f",
    "\f\v\u2028\u2029\x85",
    "é e\u0301 ñ Å",
    "日本語のテキスト",
    "🙂👩‍👩‍👧‍👦🏴",
    "١٢٣ 12345678 ½ Ⅷ",
    "it's I'LL we'Ve 'tis 'S",
    "x=[1,2,3];y={'a':\"b\"}#c",
    "_" * 200,
    "-" * 500 + "\n" + "=" * 99,
    "\u200b\ufeff\u00a0x",
    "<|bos|>def<|end|> <|en <|cmd|>\n",
    "ﬁ ß ſ İ ı Σς \U0001f1e9\U0001f1ea",
    "a" * 3000,
]


@pytest.mark.parametrize("style", ["qwen2", "llama3"])
def test_token_ids(folder: Path, style: str) -> None:
    tokenizer = make_tokenizer(folder / f"{style}.json", style=style)
    checkpoint = make_checkpoint(folder / f"tokens-{style}", ModelSize(), tokenizer)
    gguf = write_gguf(checkpoint, folder / f"tokens-{style}.gguf")
    texts = [*stdlib_texts(200), *EDGES]
    report = token_parity(tokenizer, gguf, texts)
    assert report.texts > 150 + len(EDGES)
    assert report.tokens > 500_000
    assert report.differing == []


# (largest logit difference, share of equal most probable tokens). Random weights give nearly equal
# logits, so the best token changes more easily than in a trained model; a wrong layout gives
# differences of 2 and more. The cache is F16 even for F32 weights.
BOUNDS = {"f32": (0.02, 0.985), "f16": (0.03, 0.98), "q8_0": (0.5, 0.9)}


@pytest.mark.parametrize("quant", BOUNDS)
@pytest.mark.parametrize("shape", ["llama", "llama-biased", "qwen2", "qwen3"])
def test_logits(checkpoints: dict[str, Path], folder: Path, shape: str, quant: str) -> None:
    gguf = write_gguf(checkpoints[shape], folder / f"{shape}-{quant}.gguf", quant=quant)
    prompts = [[5 + (i * 31 + k * 977) % 1490 for i in range(120)] for k in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # transformers and torch about themselves
        report = logit_parity(checkpoints[shape], gguf, prompts)
    largest, agreement = BOUNDS[quant]
    assert report.positions == 480
    assert report.largest_difference < largest
    assert report.agreement >= agreement
