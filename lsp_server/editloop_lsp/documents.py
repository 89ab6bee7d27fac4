"""Open documents: their text, the diagnostics of it, and the fixes that were found for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import attrs
from lsprotocol import types

from editloop_lsp.edits import FixResult
from editloop_lsp.text import Text, shift


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
        self.last: FixResult | None = None
        """How the last job of all came out."""

    def __iter__(self) -> Iterator[Document]:
        return iter(self._open.values())

    def __len__(self) -> int:
        return len(self._open)

    def get(self, uri: str) -> Document | None:
        return self._open.get(uri)

    def text(self, uri: str) -> Text | None:
        """The present text of a document, None where it is not open."""
        document = self._open.get(uri)
        return document.text if document else None

    def failing_lines(self, uri: str) -> list[int]:
        """The lines that failing tests of a document are about."""
        document = self._open.get(uri)
        return [d.range.start.line for d in document.tests] if document else []

    def open(self, text: Text) -> None:
        self._open[text.uri] = Document(text)

    def change(self, text: Text) -> None:
        """Another text of an open document; fixes that were verified for the old one are dropped.

        Raises KeyError for a document that is not open.
        """
        document = self._open[text.uri]
        document.tests = _moved(document.tests, document.text, text)
        document.text = text
        document.results = {}

    def close(self, uri: str) -> None:
        self._open.pop(uri, None)


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
