"""The server's parts, and what they share: asking the client, showing a line, start and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from editloop import __version__
from lsp_server.cells import Notebooks
from lsp_server.client import Client
from lsp_server.configuration import Configuration
from lsp_server.consent import Consent
from lsp_server.diagnostics import Diagnostics
from lsp_server.documents import Documents, Text
from lsp_server.fixing import FixResult
from lsp_server.jobs import Jobs
from lsp_server.protocol import Protocol
from lsp_server.questions import Questions
from lsp_server.status import Status
from lsp_server.trust import Trust
from lsp_server.workers import WorkerProcess

log = logging.getLogger(__name__)

_PATIENCE = 2.0
"""Seconds that a cancelled check has to stop: others may be waiting in the same process."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client said to a request; not ``ok`` for an error and for silence."""

    ok: bool
    result: Any = None


class EditloopServer(LanguageServer):
    """Everything here runs on the event loop; ``features`` registers the handlers."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__(
            "editloop",
            __version__,
            protocol_cls=Protocol,
            text_document_sync_kind=types.TextDocumentSyncKind.Full,
            notebook_document_sync=types.NotebookDocumentSyncOptions(
                [
                    types.NotebookDocumentFilterWithCells(
                        cells=[types.NotebookCellLanguage("python")]
                    )
                ]
            ),
        )
        self.client = Client()
        self.documents = Documents()
        self.configuration = Configuration(self)
        self.trust = Trust(self)
        self.consent = Consent(Questions(self))
        self.status = Status(self)
        self.fixer = WorkerProcess("fix", self.status.heard)
        self.checker = WorkerProcess("check", grace=_PATIENCE)
        self.diagnostics = Diagnostics(self)
        self.notebooks = Notebooks(self)
        self.last: FixResult | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called on the loop before the first message."""
        self.jobs = Jobs(self.status.changed)
        self._stopped: asyncio.Future[int] = loop.create_future()
        self._finishing: asyncio.Task[None] | None = None

    @property
    def encoding(self) -> str:
        """The negotiated position encoding: "utf-8", "utf-16" or "utf-32"."""
        chosen = self.server_capabilities.position_encoding or "utf-16"
        return chosen.value if isinstance(chosen, types.PositionEncodingKind) else chosen

    @property
    def model_name(self) -> str:
        return self.status.model or "not loaded"

    def folder_of(self, uri: str) -> str:
        """The workspace folder of a document or a folder, "" outside of all."""
        inside = f"{uri.rstrip('/')}/"
        folders = [f for f in self.workspace.folders if inside.startswith(f"{f.rstrip('/')}/")]
        return max(folders, key=len, default="")

    def open_document(self, text: Text) -> None:
        self.documents.open(text)
        self.diagnostics.schedule(text.uri, 0.0)

    def change_document(self, text: Text) -> None:
        self.documents.change(text)
        self.diagnostics.schedule(text.uri)

    def close_document(self, uri: str) -> None:
        self.jobs.cancel(uri, "the document was closed")
        self.documents.close(uri)
        self.configuration.forget(uri)
        self.diagnostics.closed(uri)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine beside; its failure is logged, and it ends with the server."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)
        return task

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task failed", exc_info=task.exception())

    async def ask(self, method: str, params: Any, *, seconds: float) -> Answer:
        """Send a request. Clients that never answer exist, so nobody waits for ever."""
        number = f"editloop-{uuid.uuid4()}"
        try:
            future = self.protocol.send_request_async(method, params, number)
            return Answer(True, await asyncio.wait_for(future, seconds))
        except TimeoutError:
            log.info("the client did not answer %s", method)
        except JsonRpcException as error:
            log.info("the client refused %s: %s", method, error)
        finally:
            self.protocol.forget_request(number)
        return Answer(False)

    def show(self, text: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """One line for the person."""
        self.window_show_message(types.ShowMessageParams(kind, text))

    def cancel_progress(self, token: types.ProgressToken) -> None:
        for job in self.jobs.running:
            if job.token == token:
                job.cancel("cancelled")

    async def finish(self) -> None:
        """End all jobs and workers; the first call does it, others wait for it."""
        if self._finishing is None:
            self._finishing = asyncio.create_task(self._finish())
        await self._finishing

    async def _finish(self) -> None:
        await self.jobs.finish()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(self.fixer.close(), self.checker.close())

    def stop(self, code: int) -> None:
        """End the serving with an exit code."""
        with contextlib.suppress(asyncio.InvalidStateError):
            self._stopped.set_result(code)

    async def stopped(self) -> int:
        return await self._stopped
