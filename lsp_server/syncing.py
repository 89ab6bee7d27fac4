"""Keeps documents as the client has them: files and the cells of notebooks, opened to closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types

from lsp_server.cells import SCHEME
from lsp_server.configuration import Configuration
from lsp_server.diagnostics import Diagnostics
from lsp_server.documents import Documents
from lsp_server.jobs import Jobs
from lsp_server.protocol import Protocol
from lsp_server.text import Text, changed


@dataclass(frozen=True, slots=True)
class Syncing:
    """Handlers of the notifications; documents of other languages are left out."""

    protocol: Protocol
    documents: Documents
    configuration: Configuration
    diagnostics: Diagnostics
    jobs: Jobs

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        self._open(item, cell=item.uri.startswith(f"{SCHEME}:"))

    def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self._change(params.text_document, params.content_changes)

    def did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        if self.documents.get(params.text_document.uri) is not None:
            self.diagnostics.saved(params.text_document.uri)

    def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        if self.documents.get(params.text_document.uri) is not None:
            self._close(params.text_document.uri)

    def notebook_did_open(self, params: types.DidOpenNotebookDocumentParams) -> None:
        for item in params.cell_text_documents:
            self._open(item, cell=True)

    def notebook_did_change(self, params: types.DidChangeNotebookDocumentParams) -> None:
        cells = params.change.cells
        if cells is None:
            return
        if cells.structure is not None:
            for item in cells.structure.did_open or ():
                self._open(item, cell=True)
            for gone in cells.structure.did_close or ():
                self._close(gone.uri)
        for one in cells.text_content or ():
            self._change(one.document, one.changes)

    def notebook_did_close(self, params: types.DidCloseNotebookDocumentParams) -> None:
        for item in params.cell_text_documents:
            self._close(item.uri)

    def _open(self, item: types.TextDocumentItem, *, cell: bool) -> None:
        if item.language_id == "python":
            self.documents.open(Text(item.uri, item.version, item.text, cell=cell))
            self.diagnostics.schedule(item.uri, 0.0)

    def _change(
        self,
        item: types.VersionedTextDocumentIdentifier,
        changes: Sequence[types.TextDocumentContentChangeEvent],
    ) -> None:
        document = self.documents.get(item.uri)
        if document is not None:
            encoding = self.protocol.client.encoding
            self.documents.change(changed(document.text, item.version, changes, encoding))
            self.diagnostics.schedule(item.uri)

    def _close(self, uri: str) -> None:
        self.jobs.cancel(uri, "the document was closed")
        self.documents.close(uri)
        self.configuration.forget(uri)
        self.diagnostics.closed(uri)
