"""The handlers: each takes a message apart and delegates."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from editloop_lsp import actions
from editloop_lsp.cells import SCHEME
from editloop_lsp.client import describe
from editloop_lsp.configuration import Configuration
from editloop_lsp.diagnostics import Diagnostics
from editloop_lsp.documents import Documents
from editloop_lsp.edits import Stale
from editloop_lsp.fixing import Fixing
from editloop_lsp.jobs import Jobs
from editloop_lsp.protocol import Protocol
from editloop_lsp.settings import Settings
from editloop_lsp.status import ServerStatus
from editloop_lsp.targets import parse
from editloop_lsp.text import Text, changed
from editloop_lsp.trust import Trust
from editloop_lsp.workers import WorkerError, WorkerProcess

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """How a session begins, and what the client tells of itself later: settings and trust."""

    protocol: Protocol
    configuration: Configuration
    trust: Trust
    diagnostics: Diagnostics
    status: ServerStatus
    fixer: WorkerProcess
    checker: WorkerProcess

    def initialize(self, params: types.InitializeParams) -> None:
        self.protocol.client = client = describe(params)
        self.trust.trusted = client.trusted
        options = params.initialization_options
        if isinstance(options, Mapping):
            self.configuration.push(options.get("settings"))

    async def begin(self) -> None:
        """Beside the client's first requests the workers start: the first fix need not wait."""
        if self.protocol.client.registers_configuration:
            item = types.Registration("configuration", types.WORKSPACE_DID_CHANGE_CONFIGURATION)
            params = types.RegistrationParams([item])
            await self.protocol.ask(types.CLIENT_REGISTER_CAPABILITY, params, seconds=5.0)
        settings = await self.configuration.of("")
        _set_log_level(settings.log_level)
        self.status.changed()
        if settings.enable:
            await self._warm_up(settings)

    async def did_change_configuration(self, params: types.DidChangeConfigurationParams) -> None:
        self.configuration.push(params.settings)
        self.diagnostics.settings_changed()
        _set_log_level((await self.configuration.of("")).log_level)

    def did_change_trust(self, params: Any) -> None:
        trusted = getattr(params, "trusted", None)
        if isinstance(trusted, bool):
            self.trust.trusted = trusted

    async def _warm_up(self, settings: Settings) -> None:
        try:
            await self.checker.request("ping")
            if settings.load_model == "startup" and not settings.server:
                await self.fixer.request("load", {"model": settings.model})
            else:
                await self.fixer.request("ping")
        except WorkerError as error:
            log.info("%s", error)


@dataclass(frozen=True, slots=True)
class Syncing:
    """Documents as the client has them: Python files, and the cells of notebooks."""

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


@dataclass(frozen=True, slots=True)
class Menu:
    """The actions that are offered, and the edit of one that was chosen."""

    protocol: Protocol
    documents: Documents
    configuration: Configuration
    diagnostics: Diagnostics
    fixing: Fixing

    async def code_action(
        self, params: types.CodeActionParams
    ) -> list[types.CodeAction | types.Command]:
        document = self.documents.get(params.text_document.uri)
        if document is None:
            return []
        settings = await self.configuration.of(document.text.uri)
        if not settings.enable:
            return []
        self.diagnostics.saw(document, list(params.context.diagnostics))
        client = self.protocol.client
        menu: list[types.CodeAction | types.Command] = []
        for offer in actions.offers(document, params.range, params.context):
            if not actions.wanted(offer.kind, params.context):
                continue
            known = document.results.get(offer.target.key)
            edit = None
            if known is not None and known.fixes:
                try:
                    edit = known.edit(self.documents.text(document.text.uri), client)
                except Stale:
                    continue
            menu.append(actions.action(offer, client, known, edit, settings.prefer_from))
        return menu

    async def resolve(self, params: types.CodeAction) -> types.CodeAction:
        if params.edit is not None or params.data is None:
            return params
        result = await self.fixing.find(parse(params.data))
        if not result.fixes:
            self.protocol.show(result.report.line)
            return params
        try:
            params.edit = result.edit(self.documents.text(result.text.uri), self.protocol.client)
        except Stale as stale:
            self.protocol.show(str(stale))
        return params


def _set_log_level(name: str) -> None:
    logging.getLogger("editloop_lsp").setLevel(name.upper())
