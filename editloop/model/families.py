"""Facts about families of models that a server cannot tell: how each is asked to fill a gap.

A GGUF names its own tokens; this is for servers that complete raw text and name their model, and
for vocabularies that are trained on.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fill:
    """Texts around what stands before and after a gap; `ends` are what the model ends with."""

    prefix: str
    suffix: str
    middle: str
    ends: tuple[str, ...]
    suffix_first: bool = False

    @property
    def marks(self) -> tuple[str, str, str]:
        """What stands before the prefix, the suffix and the middle."""
        return self.prefix, self.suffix, self.middle

    def prompt(self, before: str, after: str) -> str:
        """The text after which the model writes what belongs into the gap."""
        if self.suffix_first:
            return f"{self.suffix}{after}{self.prefix}{before}{self.middle}"
        return f"{self.prefix}{before}{self.suffix}{after}{self.middle}"


_QWEN = Fill(
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    ("<|endoftext|>", "<|fim_pad|>", "<|file_sep|>", "<|repo_name|>", "<|im_end|>"),
)
_STARCODER = Fill("<fim_prefix>", "<fim_suffix>", "<fim_middle>", ("<|endoftext|>", "<file_sep>"))
_FAMILIES = (  # from each model's card: a pattern of its name, and its tokens
    (r"qwen.*coder|codeqwen", _QWEN),
    (r"codegemma", Fill(_QWEN.prefix, _QWEN.suffix, _QWEN.middle, ("<|file_separator|>",))),
    (r"starcoder|santacoder|stable-?code|granite.*code|replit", _STARCODER),
    (
        r"deepseek.*coder",
        Fill("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", ("<｜end▁of▁sentence｜>",)),
    ),
    (r"code-?llama", Fill("<PRE> ", " <SUF>", " <MID>", ("<EOT>",))),
    (r"codestral", Fill("[PREFIX]", "[SUFFIX]", "", ("</s>",), suffix_first=True)),
)
_CONTROL = re.compile(
    r"<[|｜][^|｜<>\s]{1,40}[|｜]>"  # <|im_end|>, <|fim_middle|>, <｜fim▁hole｜>
    r"|</?(?:s|think|tool_call|tool_response|bos|eos|pad|unk|mask)>"
    r"|<(?:(?:start|end)_of_(?:turn|image)|fim_\w+|file_sep|repo_name|PRE|SUF|MID|EOT|unused\d+)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|<</?SYS>>"
)


def family_fill(name: str) -> Fill | None:
    """How a model of this name is asked to fill a gap in raw text; None where it is not known."""
    for pattern, fill in _FAMILIES:
        if re.search(pattern, name, re.IGNORECASE):
            return fill
    return None


def fill_of(controls: Collection[str]) -> Fill | None:
    """How a vocabulary with these control tokens is asked to fill a gap; None where it cannot."""
    fills = (fill for _, fill in _FAMILIES if not fill.suffix_first)
    return next((fill for fill in fills if all(mark in controls for mark in fill.marks)), None)


def billions(name: str) -> float | None:
    """Billions of parameters as a model's name tells them (``0.5b``, ``135M``), None without."""
    found = re.search(r"(?<![\d.a-z])(\d+(?:\.\d+)?)([bm])(?![a-z])", name, re.IGNORECASE)
    if found is None:
        return None
    return float(found[1]) / (1 if found[2] in "bB" else 1000)


def spelled_control(text: str, fill: Fill | None = None) -> str | None:
    """The first text that some family, or ``fill``, reads as a control token; None without one."""
    found = _CONTROL.search(text)
    if found:
        return found[0]
    own = (fill.prefix, fill.suffix, fill.middle, *fill.ends) if fill else ()
    return next((token for token in own if token.strip() and token.strip() in text), None)
