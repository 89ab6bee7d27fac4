"""A byte-level BPE tokenizer.json as GGUF metadata, refused when ids could differ in llama.cpp.

llama.cpp has the splitting rules compiled in under names; a wrong name gives other ids silently,
so the rule in the file has to be one of those known to agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from .checkpoint import read_json
from .errors import UnsupportedTokenizer, WrongCheckpoint

__all__ = ["SPLITS", "GgufTokenizer", "read_tokenizer"]

_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_HEAD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
SPLITS = {"qwen2": _HEAD + r"\p{N}" + _TAIL, "llama-bpe": _HEAD + r"\p{N}{1,3}" + _TAIL}
"""By llama.cpp's names."""


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """Tokens by id with their types, the splitting rule, and what gguf reads itself: merges,
    special ids, chat template."""

    pre: str
    tokens: list[str]
    types: list[int]
    special: gguf.SpecialVocab

    @property
    def eos(self) -> int | None:
        return self.special.special_token_ids.get("eos")

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        self.special.add_to_gguf(writer, quiet=True)


def read_tokenizer(folder: Path, vocab_size: int) -> GgufTokenizer:
    """Reads tokenizer.json and what stands beside it.

    `vocab_size`: rows of the embedding; missing ids become unused tokens. Raises
    UnsupportedTokenizer, WrongCheckpoint.
    """
    data = read_json(folder / "tokenizer.json")
    model = data.get("model") or {}
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        raise UnsupportedTokenizer(
            f"{folder}/tokenizer.json is {model.get('type')}: only byte-level BPE is written"
        )
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        raise UnsupportedTokenizer("BPE with subword prefixes or suffixes is not written")
    pre = _splitting_rule(data)
    if model.get("ignore_merges") and pre != "llama-bpe":
        raise UnsupportedTokenizer(f"llama.cpp's {pre!r} does not ignore merges: train without")
    _check_normalizer(data.get("normalizer"))
    tokens, types = _tokens(data, vocab_size)
    return GgufTokenizer(pre, tokens, types, _special(folder, vocab_size))


def _special(folder: Path, vocab_size: int) -> gguf.SpecialVocab:
    read_json(folder / "tokenizer_config.json", required=False)  # whether it is an object
    kinds = ("bos", "eos", "pad")
    try:
        special = gguf.SpecialVocab(folder, True, kinds, vocab_size)
    except (ValueError, AttributeError, TypeError) as error:
        raise WrongCheckpoint(f"{folder}: tokenizer files cannot be read ({error})") from error
    special.add_special_token = {"bos": False}  # the transcript writes its own control tokens
    return special


def _splitting_rule(data: dict[str, Any]) -> str:
    pre = data.get("pre_tokenizer") or {}
    steps = pre.get("pretokenizers", [pre])
    if (
        len(steps) == 2
        and steps[0].get("type") == "Split"
        and steps[0].get("behavior") == "Isolated"
        and not steps[0].get("invert")
        and steps[1].get("type") == "ByteLevel"
        and not steps[1].get("use_regex", True)
        and not steps[1].get("add_prefix_space", True)
    ):
        regex = steps[0].get("pattern", {}).get("Regex")
        for name, split in SPLITS.items():
            if split == regex:
                return name
    kinds = ", ".join(str(step.get("type")) for step in steps)
    raise UnsupportedTokenizer(
        f"pre-tokenizer ({kinds}) is neither qwen2's nor llama3's: llama.cpp would split "
        "differently; train the tokenizer with one of those two patterns"
    )


def _check_normalizer(normalizer: dict[str, Any] | None) -> None:
    # Qwen's NFC changes only text that is not composed yet, which Python source hardly holds
    if normalizer is not None and normalizer.get("type") != "NFC":
        raise UnsupportedTokenizer(
            f"normalizer {normalizer.get('type')} does not exist in llama.cpp: train without one"
        )


def _tokens(data: dict[str, Any], vocab_size: int) -> tuple[list[str], list[int]]:
    known = dict[int, tuple[str, int]]()
    for text, number in data["model"]["vocab"].items():
        known[number] = (text, int(gguf.TokenType.NORMAL))
    for added in data.get("added_tokens", []):
        kind = gguf.TokenType.CONTROL if added.get("special") else gguf.TokenType.USER_DEFINED
        known[added["id"]] = (added["content"], int(kind))
    if max(known) >= vocab_size:
        raise UnsupportedTokenizer(
            f"tokenizer.json has ids up to {max(known)}, the embedding only {vocab_size} rows: "
            "resize the embedding"
        )
    unused = int(gguf.TokenType.UNUSED)
    rows = [known.get(i, (f"[PAD{i}]", unused)) for i in range(vocab_size)]
    return [text for text, _ in rows], [kind for _, kind in rows]
