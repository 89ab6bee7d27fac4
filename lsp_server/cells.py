"""Notebook cells: each is a document of its own.

Names come from other cells, so no static check is made and no test is run there; lines that are
IPython's own (``%magic``, ``!command``, ``help?``) are taken for statements that do nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types

from editloop.moves.lexer import shape
from editloop.text import split_lines
from lsp_server.documents import Text, changed

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

SCHEME = "vscode-notebook-cell"
NOTE = "a notebook cell: names of other cells are not known, so only its syntax was checked"
_MAGIC = re.compile(r"([ \t]*)(?:[%!?].*|[\w.]+\?{1,2}[ \t]*)")


def as_python(text: str) -> str | None:
    """The cell with the same lines and no IPython; None where all of it is something else."""
    if text.lstrip().startswith("%%"):
        return None
    lines, place = [], _Place()
    for line in split_lines(text):
        magic = _MAGIC.fullmatch(line.text) if place.begins else None
        lines.append((f"{magic[1]}pass" if magic else line.text) + line.end)
        place = place if magic else place.after(line.text)
    return "".join(lines)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line begins: in a string that ends with ``closer``, in brackets, or after a
    backslash."""

    closer: str = ""
    depth: int = 0
    continued: bool = False

    @property
    def begins(self) -> bool:
        """Whether a statement can begin there, and with it what is IPython's own."""
        return not (self.closer or self.depth or self.continued)

    def after(self, text: str) -> _Place:
        """Where the line after this one begins."""
        if self.closer:
            _, found, text = text.partition(self.closer)
            if not found:
                return self
        line = shape(text)
        last = line.tokens[-1] if line.tokens else None
        closer = last.text.lstrip("rRbBfFuU")[:3] if last and last.kind == "open" else ""
        depth = self.depth + sum(1 if line.tokens[i].text in "([{" else -1 for i in line.loose)
        return _Place(closer, max(depth, 0), text.endswith("\\"))


class Notebooks:
    """Keeps the cells of open notebooks as documents."""

    def __init__(self, server: EditloopServer) -> None:
        self._server = server

    def opened(self, params: types.DidOpenNotebookDocumentParams) -> None:
        for item in params.cell_text_documents:
            self._open(item)

    def closed(self, params: types.DidCloseNotebookDocumentParams) -> None:
        for item in params.cell_text_documents:
            self._server.close_document(item.uri)

    def changed(self, params: types.DidChangeNotebookDocumentParams) -> None:
        cells = params.change.cells
        if cells is None:
            return
        if cells.structure is not None:
            for item in cells.structure.did_open or ():
                self._open(item)
            for gone in cells.structure.did_close or ():
                self._server.close_document(gone.uri)
        for one in cells.text_content or ():
            document = self._server.documents.get(one.document.uri)
            if document is not None:
                text = changed(
                    document.text, one.document.version, one.changes, self._server.encoding
                )
                self._server.change_document(text)

    def _open(self, item: types.TextDocumentItem) -> None:
        if item.language_id == "python":
            self._server.open_document(Text(item.uri, item.version, item.text, cell=True))
