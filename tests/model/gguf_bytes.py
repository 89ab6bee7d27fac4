"""Small GGUF files, byte by byte, right and wrong ones."""

from __future__ import annotations

import struct
from typing import Any

U32, I32, F32, BOOL, STRING, ARRAY, U64, F64 = 4, 5, 6, 7, 8, 9, 10, 12
_CODES = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q", F64: "<d"}

INSTRUCT: dict[str, tuple[int, Any]] = {
    "general.architecture": (STRING, "llama"),
    "llama.block_count": (U32, 2),
    "llama.embedding_length": (U32, 8),
    "llama.context_length": (U32, 512),
    "tokenizer.chat_template": (STRING, "{{ messages }}"),
}
"""What a file says at least of which `models add` would load the model."""


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def value(kind: int, content: Any) -> bytes:
    if isinstance(content, bytes) and kind != STRING:
        return content  # already encoded, wrongly perhaps
    if kind == STRING:
        return string(content)
    if kind == ARRAY:
        inner, items = content
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, i) for i in items)
    return struct.pack(_CODES[kind], content)


def gguf(
    metadata: dict[Any, tuple[int, Any]], *, size: int = 64, dims: tuple[int, ...] | None = None
) -> bytes:
    """A file of one F32 tensor with ``size`` numbers. ``dims``: what is said of its shape."""
    shape = dims or (size,)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(metadata))
    for key, (kind, content) in metadata.items():
        head += string(key) + struct.pack("<I", kind) + value(kind, content)
    head += string("token_embd.weight") + struct.pack("<I", len(shape))
    head += b"".join(struct.pack("<Q", dim) for dim in shape) + struct.pack("<IQ", 0, 0)
    numbers = bytes((7 * n + n // 251) % 251 for n in range(4 * size))
    return head + bytes(-len(head) % 32) + numbers
