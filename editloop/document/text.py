"""Source text as lines, split the way the Language Server Protocol does.

Only ``\\r\\n``, ``\\n`` and ``\\r`` end a line (LSP 3.17, "Text Documents"); form feed, U+2028 and
the like are ordinary characters. Decoding and encoding are exact inverses, byte for byte.
"""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
_TELLING = 1000
"""Lines by which a text's terminator is told; asked for every candidate."""
_PYTHON_NAMES = {"utf-8": "utf-8", "utf-8-sig": "utf-8"}


class TextError(ValueError):
    """The bytes are not a text in the encoding that they declare."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its text without the terminator, and the terminator ("" on a last line only)."""

    text: str
    end: str = "\n"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document at one moment. ``join(lines)`` is its text, ``encode`` its bytes."""

    lines: tuple[Line, ...]
    encoding: str = "utf-8"
    bom: bool = False

    @classmethod
    def from_text(cls, text: str) -> Snapshot:
        return cls(split_lines(text))

    @classmethod
    def from_bytes(cls, data: bytes) -> Snapshot:
        """Decode Python source (BOM and PEP 263 declaration). Raises TextError."""
        bom = data.startswith(codecs.BOM_UTF8)
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            encoding = _PYTHON_NAMES.get(encoding, encoding)
            body = data[len(codecs.BOM_UTF8) * bom :]
            text = body.decode(encoding)
            kept = _keeps_ascii(encoding) and text.encode(encoding) == body
        except (SyntaxError, UnicodeError, LookupError) as error:
            raise TextError(f"cannot decode: {error}") from error
        if not kept:
            raise TextError(f"the encoding {encoding} is not supported: save the file as UTF-8")
        if "\0" in text:
            raise TextError("it holds null bytes, so it is no text")
        return cls(split_lines(text), encoding, bom)

    @property
    def text(self) -> str:
        return join(self.lines)

    def encode(self) -> bytes:
        """The document's bytes. Raises TextError where a character does not fit the encoding."""
        try:
            return codecs.BOM_UTF8 * self.bom + self.text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise TextError(f"cannot encode as {self.encoding}: {error.reason}") from error


@cache
def _keeps_ascii(encoding: str) -> bool:
    """Whether ASCII characters stand for themselves, without which a declared encoding cannot be
    read in the first place."""
    text = "".join(map(chr, range(128)))
    return text.encode("ascii").decode(encoding) == text


def split_lines(text: str) -> tuple[Line, ...]:
    """Split at line terminators; a text that ends with one has no empty last line."""
    lines = [Line(m[1], m[2]) for m in _LINE.finditer(text)]
    while lines and lines[-1] == Line("", ""):
        lines.pop()
    return tuple(lines)


def join(lines: Iterable[Line]) -> str:
    return "".join(line.text + line.end for line in lines)


def common_newline(lines: Iterable[Line]) -> str:
    """The terminator that most of the first lines have, ``\\n`` where there is none."""
    counts = Counter(line.end for line in islice(lines, _TELLING) if line.end)
    return counts.most_common(1)[0][0] if counts else "\n"
