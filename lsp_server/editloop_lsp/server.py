"""Puts the server together: its parts, and which of them answers which message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from editloop import __version__
from editloop_lsp.actions import KINDS
from editloop_lsp.commands import Commands
from editloop_lsp.configuration import Configuration
from editloop_lsp.consent import Consent
from editloop_lsp.debug import DebugInformation
from editloop_lsp.diagnostics import Diagnostics
from editloop_lsp.documents import Documents
from editloop_lsp.features import Menu, Session, Syncing
from editloop_lsp.fetching import Models
from editloop_lsp.fixing import Fixing
from editloop_lsp.jobs import Jobs, Tasks
from editloop_lsp.orders import Orders
from editloop_lsp.protocol import Protocol
from editloop_lsp.questions import Questions
from editloop_lsp.status import ServerStatus
from editloop_lsp.trainrun import Trainings
from editloop_lsp.trust import Trust
from editloop_lsp.workers import WorkerProcess

_PATIENCE = 2.0
"""Seconds that a cancelled check has to stop: others may be waiting in the same process."""
Handler = Callable[..., Any]


class EditloopServer(LanguageServer):
    """The server of one client; everything here runs on the event loop."""

    protocol: Protocol

    def __init__(self) -> None:
        python = types.NotebookCellLanguage("python")
        notebooks = types.NotebookDocumentFilterWithCells(cells=[python])
        super().__init__(
            "editloop",
            __version__,
            protocol_cls=Protocol,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            notebook_document_sync=types.NotebookDocumentSyncOptions([notebooks]),
        )
        self._finishing: asyncio.Task[None] | None = None
        protocol = self.protocol
        protocol.finish = self.finish
        tasks, documents = Tasks(), Documents()
        jobs = Jobs()
        status = ServerStatus(protocol, jobs)
        jobs.on_change = status.changed
        fixer = WorkerProcess("fix", status.heard)
        checker = WorkerProcess("check", grace=_PATIENCE)
        questions = Questions(protocol)
        configuration = Configuration(protocol)
        trust = Trust(questions, checker, lambda: self.workspace.folders, status.tested)
        orders = Orders(documents, configuration, trust, Consent(questions))
        fixing = Fixing(protocol, documents, jobs, orders, fixer, checker, status, tasks.spawn)
        self._tasks, self._jobs, self._status = tasks, jobs, status
        self._fixer, self._checker = fixer, checker
        self._diagnostics = Diagnostics(
            protocol, documents, configuration, trust, checker, tasks.spawn
        )
        self._session = Session(
            protocol, configuration, trust, self._diagnostics, status, fixer, checker
        )
        self._syncing = Syncing(protocol, documents, configuration, self._diagnostics, jobs)
        self._menu = Menu(protocol, documents, configuration, self._diagnostics, fixing)
        self._fixes = Commands(protocol, documents, jobs, fixing, checker)
        self._models = Models(protocol, jobs, checker)
        self._trainings = Trainings(protocol, jobs, trust, configuration)
        self._debug = DebugInformation(
            protocol, documents, configuration, jobs, status, trust, fixer, checker
        )
        self._register()

    def _register(self) -> None:
        syncing, menu = self._syncing, self._menu
        self._on(types.INITIALIZE, self._initialize)
        self._on(types.INITIALIZED, lambda params: self._tasks.spawn(self._session.begin()))
        self._on(types.TEXT_DOCUMENT_DID_OPEN, syncing.did_open)
        self._on(types.TEXT_DOCUMENT_DID_CHANGE, syncing.did_change)
        self._on(types.TEXT_DOCUMENT_DID_CLOSE, syncing.did_close)
        self._on(types.TEXT_DOCUMENT_DID_SAVE, syncing.did_save)
        options = types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)
        self._on(types.TEXT_DOCUMENT_CODE_ACTION, menu.code_action, options)
        self._on(types.CODE_ACTION_RESOLVE, menu.resolve)
        self._on(types.WORKSPACE_DID_CHANGE_CONFIGURATION, self._session.did_change_configuration)
        self._on("editloop/didChangeTrust", self._session.did_change_trust)
        instead = self.protocol.fm.add_builtin_feature  # of what pygls does itself
        instead(types.NOTEBOOK_DOCUMENT_DID_OPEN, syncing.notebook_did_open)
        instead(types.NOTEBOOK_DOCUMENT_DID_CHANGE, syncing.notebook_did_change)
        instead(types.NOTEBOOK_DOCUMENT_DID_CLOSE, syncing.notebook_did_close)
        instead(
            types.WINDOW_WORK_DONE_PROGRESS_CANCEL,
            lambda params: self._jobs.cancel_progress(params.token),
        )
        for name, handler in self._commands().items():
            self.command(name)(partial(handler))

    def _commands(self) -> Mapping[str, Handler]:
        """Each takes one JSON object and the token of a progress, and returns JSON data."""

        async def status(*_: object) -> dict[str, Any]:
            return self._status.now()

        return {
            "editloop.fix": self._fixes.fix,
            "editloop.cancel": self._fixes.cancel,
            "editloop.showLastReport": self._fixes.show_last_report,
            "editloop.trust": self._fixes.trust,
            "editloop.keepExample": self._fixes.keep_example,
            "editloop.applyAlternative": self._fixes.apply_alternative,
            "editloop.findTraceback": self._fixes.find_traceback,
            "editloop.listModels": self._models.list_models,
            "editloop.useModel": self._models.use_model,
            "editloop.models.catalogue": self._models.catalogue,
            "editloop.models.get": self._models.get_model,
            "editloop.train": self._trainings.train,
            "editloop.debugInformation": self._debug.command,
            "editloop.status": status,
        }

    def _on(self, method: str, handler: Handler, options: Any = None) -> None:
        self.feature(method, options)(partial(handler))  # pygls marks it, and a method has no room

    def _initialize(self, params: types.InitializeParams) -> None:
        self._session.initialize(params)
        if self.protocol.client.pulls_diagnostics:
            self._on(types.TEXT_DOCUMENT_DIAGNOSTIC, self._diagnostics.pull)

    async def finish(self) -> None:
        """End all jobs and workers; the first call does it, others wait for it."""
        if self._finishing is None:
            self._finishing = asyncio.create_task(self._finish())
        await self._finishing

    async def _finish(self) -> None:
        await self._jobs.finish()
        self._tasks.cancel()
        await asyncio.gather(self._fixer.close(), self._checker.close())
