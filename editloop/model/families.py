"""Facts about families of models that a server cannot tell: how each is asked to fill a gap.

A GGUF names its own tokens; this is only for servers that complete raw text and name their model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Fill", "family_fill", "spelled_control"]


@dataclass(frozen=True, slots=True)
class Fill:
    """Texts around what stands before and after a gap; `ends` are what the model ends with."""

    prefix: str
    suffix: str
    middle: str
    ends: tuple[str, ...]
    suffix_first: bool = False

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


def spelled_control(text: str, fill: Fill | None = None) -> str | None:
    """The first text that some family, or ``fill``, reads as a control token; None without one."""
    found = _CONTROL.search(text)
    if found:
        return found[0]
    own = (fill.prefix, fill.suffix, fill.middle, *fill.ends) if fill else ()
    return next((token for token in own if token.strip() and token.strip() in text), None)
