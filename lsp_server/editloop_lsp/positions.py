"""Positions between the client's units (UTF-8, 16 or 32) and code points.

A document's lines are those of ``document.text``; a position past the end of a line or of the
document is moved to that end (LSP 3.17, "Position").
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types

from editloop.document.text import Line

_BYTES = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


def units(text: str, encoding: str) -> int:
    """The length of a text in the units of ``encoding``."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    return (
        len(text.encode(f"{encoding}-le" * (encoding != "utf-8") or encoding, "surrogatepass"))
        // (_BYTES[encoding])
    )


def to_client(lines: Sequence[Line], line: int, character: int, encoding: str) -> types.Position:
    """A position in code points as the client counts."""
    text = lines[line].text if line < len(lines) else ""
    return types.Position(line, units(text[:character], encoding))


def offset(lines: Sequence[Line], position: types.Position, encoding: str) -> int:
    """The index into the whole text, in code points, of a position of the client's."""
    line, character = from_client(lines, position, encoding)
    return sum(len(one.text) + len(one.end) for one in lines[:line]) + character


def from_client(lines: Sequence[Line], position: types.Position, encoding: str) -> tuple[int, int]:
    """(line, character in code points); a position inside of a character is moved before it."""
    if position.line >= len(lines):
        if lines and not lines[-1].end:
            return len(lines) - 1, len(lines[-1].text)
        return len(lines), 0
    text = lines[position.line].text
    if encoding == "utf-32" or text.isascii():
        return position.line, min(position.character, len(text))
    count = 0
    for index, char in enumerate(text):
        count += units(char, encoding)
        if count > position.character:
            return position.line, index
    return position.line, len(text)
