"""Ids and logits of the GGUF against tokenizers and transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
from editloop_export import write_gguf
from editloop_export.parity import compare, open_engine, token_parity
from editloop_export.reference import compute_reference
from editloop_export.transcripts import python_files
from tiny_checkpoints import ModelSize, make_checkpoint, make_tokenizer

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


@pytest.mark.parametrize("style", ["qwen2", "llama-bpe"])
def test_token_ids(folder: Path, style: str) -> None:
    tokenizer = make_tokenizer(folder / f"{style}.json", style=style)
    checkpoint = make_checkpoint(folder / f"tokens-{style}", ModelSize(), tokenizer)
    gguf = write_gguf(checkpoint, folder / f"tokens-{style}.gguf")
    texts = [*python_files(200), *((repr(text), text) for text in EDGES)]
    report = token_parity(tokenizer, gguf, texts)
    assert report.texts == 200 + len(EDGES)
    assert report.tokens > 300_000
    assert report.differing == []


# (largest logit difference, share of equal most probable tokens). Random weights give nearly equal
# logits, so the best token changes more easily than in a trained model; a wrong layout gives
# differences of 2 and more. The cache is F16 even for F32 weights.
BOUNDS = {"f32": (0.02, 0.985), "f16": (0.03, 0.98), "q8_0": (0.5, 0.9)}


@pytest.mark.parametrize("shape", ["llama", "llama-biased", "qwen2", "qwen3"])
def test_logits(checkpoints: dict[str, Path], folder: Path, shape: str) -> None:
    prompts = [[5 + (i * 31 + k * 977) % 1490 for i in range(120)] for k in range(4)]
    reference, dtype = compute_reference(checkpoints[shape], prompts, stop=2, new_tokens=4)
    assert dtype == "float32"
    for quant, (largest, agreement) in BOUNDS.items():
        gguf = write_gguf(checkpoints[shape], folder / f"{shape}-{quant}.gguf", quant=quant)
        with open_engine(gguf, 128) as engine:
            report = compare(engine, reference, stop=2)
        assert report.positions == 480
        assert report.largest_difference < largest
        assert report.agreement >= agreement
        if quant == "f32":
            assert report.greedy == report.rows == 4
