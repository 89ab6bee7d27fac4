"""A byte-level BPE tokenizer.json as GGUF metadata, refused when ids could differ in llama.cpp.

llama.cpp has the splitting rules compiled in under names; a wrong name gives other ids silently,
so the rule in the file has to be one of those known to agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from .errors import UnsupportedTokenizer
from .safetensors import read_json

__all__ = ["SPLITS", "GgufTokenizer", "read_tokenizer"]

_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_HEAD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
SPLITS = {_HEAD + r"\p{N}" + _TAIL: "qwen2", _HEAD + r"\p{N}{1,3}" + _TAIL: "llama-bpe"}


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """What the GGUF needs: tokens by id, their types, merges, the splitting rule, special ids."""

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    eos: int | None
    bos: int | None
    pad: int | None
    chat_template: str | None

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        writer.add_token_merges(self.merges)
        for add, value in (
            (writer.add_eos_token_id, self.eos),
            (writer.add_bos_token_id, self.bos),
            (writer.add_pad_token_id, self.pad),
        ):
            if value is not None:
                add(value)
        # the transcript writes its own control tokens
        writer.add_add_bos_token(False)
        if self.chat_template:
            writer.add_chat_template(self.chat_template)


def read_tokenizer(folder: Path, vocab_size: int, config: dict[str, Any]) -> GgufTokenizer:
    """Reads tokenizer.json and what stands beside it.

    `vocab_size`: rows of the embedding; missing ids become unused tokens. Raises
    UnsupportedTokenizer, WrongCheckpoint.
    """
    data = read_json(folder / "tokenizer.json")
    settings = read_json(folder / "tokenizer_config.json", required=False)
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
    ids = {token: i for i, token in enumerate(tokens)}
    return GgufTokenizer(
        pre=pre,
        tokens=tokens,
        types=types,
        merges=[m if isinstance(m, str) else " ".join(m) for m in model.get("merges", [])],
        eos=_special("eos", ids, settings, config),
        bos=_special("bos", ids, settings, config),
        pad=_special("pad", ids, settings, config),
        chat_template=_chat_template(folder, settings),
    )


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
        name = SPLITS.get(steps[0].get("pattern", {}).get("Regex", ""))
        if name:
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


def _special(
    name: str, ids: dict[str, int], settings: dict[str, Any], config: dict[str, Any]
) -> int | None:
    token = settings.get(f"{name}_token")
    if isinstance(token, dict):
        token = token.get("content")
    if token in ids:
        return ids[token]
    number = config.get(f"{name}_token_id")
    if isinstance(number, list):
        number = number[0] if number else None
    return number if isinstance(number, int) and 0 <= number < len(ids) else None


def _chat_template(folder: Path, settings: dict[str, Any]) -> str | None:
    for name in ("chat_template.jinja", "chat_template.json"):
        file = folder / name
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            return str(json.loads(text)["chat_template"]) if name.endswith(".json") else text
    template = settings.get("chat_template")
    if isinstance(template, list):  # several named ones
        template = next((t["template"] for t in template if t.get("name") == "default"), None)
    return template if isinstance(template, str) else None
