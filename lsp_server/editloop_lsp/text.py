"""A document's text at one version, and what a change of it does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from lsprotocol import types
from pygls.uris import to_fs_path

from editloop.document.edits import common_prefix
from editloop.document.text import Line, split_lines
from editloop_lsp.positions import offset

MOST_CHARACTERS = 4 << 20


class Text:
    """A document's text at one version. Lines are split when somebody asks for them."""

    def __init__(self, uri: str, version: int, text: str, *, cell: bool = False) -> None:
        self.uri, self.version, self.text, self.cell = uri, version, text, cell

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return split_lines(self.text)

    @property
    def too_large(self) -> bool:
        """No such file is written by hand: it is neither checked nor fixed."""
        return len(self.text) > MOST_CHARACTERS

    @property
    def name(self) -> str:
        """The file's name, for a person."""
        return unquote(_parts(self.uri).path).rpartition("/")[2] or "untitled.py"

    @property
    def path(self) -> Path | None:
        """The file on disk; None for untitled documents and notebook cells."""
        if self.cell or _parts(self.uri).scheme != "file":
            return None
        path = to_fs_path(self.uri)
        return Path(path) if path and "\0" not in path else None

    @property
    def file(self) -> str | None:
        """The path as text, for a worker."""
        return str(self.path) if self.path else None


def changed(
    text: Text,
    version: int,
    changes: Sequence[types.TextDocumentContentChangeEvent],
    encoding: str,
) -> Text:
    """The text after a client's changes, whole or of ranges, one after the other."""
    for change in changes:
        new = change.text
        if isinstance(change, types.TextDocumentContentChangePartial):
            start = offset(text.lines, change.range.start, encoding)
            end = offset(text.lines, change.range.end, encoding)
            new = text.text[:start] + change.text + text.text[max(start, end) :]
        text = Text(text.uri, version, new, cell=text.cell)
    return text


def shift(old: Sequence[Line], new: Sequence[Line], first: int, stop: int) -> int | None:
    """How many lines the lines ``first`` to ``stop`` (exclusive) have moved down; None where they
    themselves have changed.

    They have not where all changes are before or after them, or where their text is there once.
    """
    head = common_prefix(old, new)
    if stop <= head:
        return 0
    limit = min(len(old), len(new)) - head
    tail = common_prefix(old[::-1][:limit], new[::-1][:limit])
    if first >= len(old) - tail:
        return len(new) - len(old)
    block = tuple(old[first:stop])
    before, now = _places(old, block), _places(new, block)
    return now[0] - first if len(before) == len(now) == 1 else None


def _parts(uri: str) -> SplitResult:
    """The parts of a uri; one whose host is none has no scheme either."""
    try:
        return urlsplit(uri)
    except ValueError:
        return SplitResult("", "", uri, "", "")


def _places(lines: Sequence[Line], block: tuple[Line, ...]) -> list[int]:
    """Each index at which the block of lines begins."""
    size = len(block)
    starts = range(len(lines) - size + 1) if size else ()
    return [n for n in starts if lines[n] == block[0] and tuple(lines[n : n + size]) == block]
