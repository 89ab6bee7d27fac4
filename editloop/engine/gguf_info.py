"""Reads what a GGUF says about itself: header, metadata and tensor list; never the tensors.

Needs no llama.cpp, so a picker can list models in milliseconds and a damaged file is refused
before native code sees it. Format: ggml-org/ggml, docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ModelNotFound, NotAGguf, TruncatedGguf
from .gguf_types import FILE_TYPES, TENSOR_TYPES

# value type -> struct code: u8 i8 u16 i16 u32 i32 f32 bool u64 i64 f64
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9
# what families call the token before the text in front of the gap, as their vocabularies spell it
_FILL_IN = (
    *("<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>"),
    *("<|code_prefix|>", "<|prefix|>"),
)
_FILL_IN_TOKENS = [struct.pack("<Q", len(text.encode())) + text.encode() for text in _FILL_IN]
_LONG_ARRAY = 256  # longer ones (vocabulary, merges) are walked over, not kept


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One GGUF on disk. `file_size` in bytes, `context_length` in tokens, `parameters` a count."""

    path: Path
    architecture: str
    parameters: int
    file_size: int
    quantization: str
    context_length: int
    transcript_version: int | None  # None: not trained by editloop (an instruct model)
    rendering: str  # "chat": commands in a conversation, "places": places and texts
    base_model: str
    eval: dict[str, float | str]
    metadata: dict[str, Any]
    bulk: str  # the tensor type that holds most of the bytes, e.g. "Q5_0"
    fill_in: bool  # its vocabulary has tokens to fill in the middle

    @property
    def is_adapter(self) -> bool:
        """Whether the file is a LoRA, which works with its base alone."""
        return self.metadata.get("general.type") == "adapter"

    def number(self, key: str, default: int = 0) -> int:
        """An architecture's integer, e.g. `number("block_count")`; arrays give their largest.

        `default` where the file has no such number.
        """
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        found = value if isinstance(value, list) else [value]
        return max((item for item in found if _is_integer(item)), default=default)


class _Reader:
    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self.data, self.path, self.pos, self.size = data, path, 0, len(data)

    def short(self) -> TruncatedGguf:
        return TruncatedGguf(
            f"{self.path} is cut short at {self.size:,} bytes: download or export it again"
        )

    def broken(self, why: str) -> NotAGguf:
        return NotAGguf(f"{self.path} is not a GGUF that can be read ({why}): choose another file")

    def number(self, code: str) -> Any:
        size = struct.calcsize("<" + code)
        if self.pos + size > self.size:
            raise self.short()
        (value,) = struct.unpack_from("<" + code, self.data, self.pos)
        self.pos += size
        return value

    def skip(self, size: int) -> int:
        start = self.pos
        if size > self.size - start:
            raise self.short()
        self.pos += size
        return start

    def string(self) -> str:
        start = self.skip(self.number("Q"))
        return self.data[start : self.pos].decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Walks `count` strings without building them (a vocabulary has 150,000)."""
        data, pos, size, unpack = self.data, self.pos, self.size, struct.Struct("<Q").unpack_from
        for _ in range(count):
            if pos + 8 > size:
                raise self.short()
            pos += 8 + unpack(data, pos)[0]
        if pos > size:
            raise self.short()
        self.pos = pos

    def value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self.array()
        raise self.broken(f"unknown value type {kind}")

    def array(self) -> Any:
        kind, count = self.number("I"), self.number("Q")
        if kind != _STRING and kind not in _SCALARS:
            raise self.broken("an array of arrays" if kind == _ARRAY else f"unknown type {kind}")
        if count > self.size:
            raise self.short()
        if count <= _LONG_ARRAY:
            return [self.value(kind) for _ in range(count)]
        if kind == _STRING:
            self.skip_strings(count)
        else:
            self.skip(count * struct.calcsize("<" + _SCALARS[kind]))
        return None


def read_info(path: str | Path) -> ModelInfo:
    """Reads and checks one GGUF.

    Raises ModelNotFound, NotAGguf, or TruncatedGguf when the file is shorter than its tensor
    list says.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelNotFound(f"no model file at {path}: check the path, or run `editloop models`")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise NotAGguf(f"{path} is not a GGUF file: choose a file that ends in .gguf")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(_Reader(data, path))


def _parse(reader: _Reader) -> ModelInfo:
    reader.pos = 4
    version = reader.number("I")
    if version not in (2, 3):
        raise reader.broken(f"version {version}, expected 2 or 3")
    n_tensors, n_values = reader.number("Q"), reader.number("Q")
    if max(n_tensors, n_values) > reader.size:
        raise reader.short()
    metadata: dict[str, Any] = {}
    for _ in range(n_values):
        key = reader.string()
        value = reader.value(reader.number("I"))
        if value is not None:
            metadata[key] = value
    alignment = _integer(reader, metadata, "general.alignment", 32)
    parameters, by_type = _tensors(reader, n_tensors, alignment)
    return _describe(reader, metadata, parameters, by_type)


def _tensors(reader: _Reader, count: int, alignment: int) -> tuple[int, dict[str, int]]:
    """Parameter count and bytes per tensor type; raises when the file is too short for them."""
    if alignment <= 0:
        raise reader.broken(f"alignment {alignment}")
    end, parameters, by_type = 0, 0, dict[str, int]()
    for _ in range(count):
        reader.string()
        dims = [reader.number("Q") for _ in range(min(reader.number("I"), 8))]
        kind, offset = reader.number("I"), reader.number("Q")
        elements = 1
        for dim in dims:
            elements *= dim
        name, block, size = TENSOR_TYPES.get(kind, (f"type {kind}", 1, 0))
        length = -(-elements // block) * size
        parameters += elements
        by_type[name] = by_type.get(name, 0) + length
        end = max(end, offset + length)
    start = -(-reader.pos // alignment) * alignment
    if start + end > reader.size and end:
        raise reader.short()
    return parameters, by_type


def _describe(
    reader: _Reader, metadata: dict[str, Any], parameters: int, by_type: dict[str, int]
) -> ModelInfo:
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or not architecture or not by_type:
        raise reader.broken("no architecture or no tensors in it")
    largest = max(by_type, key=lambda name: by_type[name])
    version = "editloop.transcript_version"
    return ModelInfo(
        path=reader.path,
        architecture=printable(architecture),
        parameters=parameters,
        file_size=reader.size,
        quantization=FILE_TYPES.get(_integer(reader, metadata, "general.file_type", -1), largest),
        context_length=_integer(reader, metadata, f"{architecture}.context_length", 0),
        transcript_version=_integer(reader, metadata, version, 0) if version in metadata else None,
        rendering=_text(metadata, "editloop.rendering") or "chat",
        base_model=_text(metadata, "editloop.base_model") or _text(metadata, "general.name"),
        eval=_scores(metadata),
        metadata=metadata,
        bulk=largest,
        fill_in=any(reader.data.find(token, 0, reader.pos) >= 0 for token in _FILL_IN_TOKENS),
    )


def _scores(metadata: dict[str, Any]) -> dict[str, float | str]:
    """What the file says that the model solves; numbers that JSON has no form for are left out."""
    found: dict[str, float | str] = {}
    for key, value in metadata.items():
        name = printable(key.removeprefix("editloop.eval."))
        if not key.startswith("editloop.eval."):
            continue
        if isinstance(value, str):
            found[name] = printable(value)
        elif isinstance(value, int | float) and math.isfinite(value):
            found[name] = value
    return found


def _integer(reader: _Reader, metadata: dict[str, Any], key: str, default: int) -> int:
    """An integer of the metadata. Raises NotAGguf where the file has something else there."""
    value = metadata.get(key, default)
    if not _is_integer(value):
        raise reader.broken(f"{printable(key)} is no integer")
    return int(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(metadata: dict[str, Any], key: str) -> str:
    value = metadata.get(key)
    return printable(value) if isinstance(value, str) else ""


def printable(text: str) -> str:
    """At most 100 characters, those that a terminal would obey replaced."""
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:100]
    )
