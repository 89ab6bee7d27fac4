"""Notebook cells: each is a document of its own.

Names come from other cells, so no static check is made and no test is run there; lines that are
IPython's own (``%magic``, ``!command``, ``help?``) are taken for statements that do nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.documents import Text, changed

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

SCHEME = "vscode-notebook-cell"
NOTE = "a notebook cell: names of other cells are not known, so only its syntax was checked"
_MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.]+\?{1,2}[ \t]*)$", re.MULTILINE)


def as_python(text: str) -> str | None:
    """The cell with the same lines and no IPython; None where all of it is something else."""
    if text.lstrip().startswith("%%"):
        return None
    return _MAGIC.sub(r"\1pass", text)


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
