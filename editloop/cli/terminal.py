"""What others wrote (code, its output, its errors) on a terminal: as text, never as orders."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

from rich.console import Console
from rich.syntax import Syntax

_KEPT = "\n\t"
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that make text run the other way, and so show other code than there is."""


def visible(text: str) -> str:
    """Control characters, direction marks and lone surrogates as escapes; other text as it is."""
    return "".join(_escape(c) if _orders(c) else c for c in text)


def _orders(character: str) -> bool:
    if character.isprintable() or character in _KEPT:
        return False
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTION


def _escape(character: str) -> str:
    # In the longer form JSON knows it too.
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x20 else f"\\u{code:04x}"


def echo(text: str, end: str = "\n") -> None:
    """Print text: to a terminal made visible, elsewhere character for character."""
    sys.stdout.write((visible(text) if sys.stdout.isatty() else text) + end)
    sys.stdout.flush()


class Terminal(Console):
    """A console whose texts come from elsewhere; its own styles are as ever."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print strings and code made visible."""
        super().print(*map(_tamed, objects), **options)


def _tamed(part: Any) -> Any:
    if isinstance(part, Syntax):
        part.code = visible(part.code)
    return visible(part) if isinstance(part, str) else part
