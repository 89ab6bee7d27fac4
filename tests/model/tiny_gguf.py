"""Small real GGUFs with random weights, a chat template and fill-in tokens."""

from __future__ import annotations

from pathlib import Path

from export import write_gguf
from export.testing import SPECIALS, ModelSize, make_checkpoint, make_tokenizer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROLS = (
    *("<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    *SPECIALS,
)


def make_gguf(folder: Path, size: ModelSize, name: str = "tiny") -> Path:
    """A model of this size; ``name`` is its file's."""
    order = (*SPECIALS, *CONTROLS[: -len(SPECIALS)])
    tokenizer = make_tokenizer(folder / f"{name}.json", specials=order)
    checkpoint = make_checkpoint(folder / name, size, tokenizer)
    (checkpoint / "chat_template.jinja").write_text(CHATML, encoding="utf-8")
    return write_gguf(checkpoint, folder / f"{name}.gguf")
