"""Open documents: their text at a version, and what is known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

import attrs
from lsprotocol import types
from pygls.uris import to_fs_path

from editloop.text import Line, split_lines
from lsp_server.edits import shift
from lsp_server.positions import offset

if TYPE_CHECKING:
    from lsp_server.fixing import FixResult


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


def _parts(uri: str) -> SplitResult:
    """The parts of a uri; one whose host is none has no scheme either."""
    try:
        return urlsplit(uri)
    except ValueError:
        return SplitResult("", "", uri, "", "")


@dataclass(slots=True)
class Document:
    """An open document. Diagnostics are those of the last check, in the client's units."""

    text: Text
    syntax: list[types.Diagnostic] = field(default_factory=list)
    static: list[types.Diagnostic] = field(default_factory=list)
    tests: list[types.Diagnostic] = field(default_factory=list)
    linted_elsewhere: bool = False
    """Whether another server was seen to report static errors here."""
    results: dict[tuple[object, ...], FixResult] = field(default_factory=dict)
    """Verified fixes for this version, by the target's key."""
    last: FixResult | None = None
    weighing: asyncio.Task[None] | None = None
    """What finds out how far the last fix can be trusted; its end is in ``last``."""

    @property
    def diagnostics(self) -> list[types.Diagnostic]:
        return [*self.syntax, *self.static, *self.tests]


class Documents:
    """All open documents by uri."""

    def __init__(self) -> None:
        self._open: dict[str, Document] = {}

    def __iter__(self) -> Iterator[Document]:
        return iter(self._open.values())

    def __len__(self) -> int:
        return len(self._open)

    def get(self, uri: str) -> Document | None:
        return self._open.get(uri)

    def failing_lines(self, uri: str) -> list[int]:
        """The lines that failing tests of a document are about."""
        document = self._open.get(uri)
        return [d.range.start.line for d in document.tests] if document else []

    def open(self, text: Text) -> Document:
        document = self._open[text.uri] = Document(text)
        return document

    def change(self, text: Text) -> Document:
        """The document with another text; fixes that were verified for the old one are dropped."""
        document = self._open.get(text.uri)
        if document is None:
            return self.open(text)
        document.tests = _moved(document.tests, document.text, text)
        document.text = text
        document.results = {}
        return document

    def close(self, uri: str) -> None:
        self._open.pop(uri, None)


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


def _moved(diagnostics: list[types.Diagnostic], old: Text, new: Text) -> list[types.Diagnostic]:
    """Diagnostics of lines that the change left alone, where they are now."""
    moved = []
    for diagnostic in diagnostics:
        first, last = diagnostic.range.start.line, diagnostic.range.end.line
        lines = shift(old.lines, new.lines, first, last + 1)
        if lines is not None:
            moved.append(_shifted(diagnostic, lines))
    return moved


def _shifted(diagnostic: types.Diagnostic, lines: int) -> types.Diagnostic:
    """The diagnostic ``lines`` further down."""
    old = diagnostic.range
    start = types.Position(old.start.line + lines, old.start.character)
    end = types.Position(old.end.line + lines, old.end.character)
    return attrs.evolve(diagnostic, range=types.Range(start, end))
