"""Whether code may be run, and at which level of isolation: the only place that decides it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server.settings import Settings
from lsp_server.workers import WorkerError

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

log = logging.getLogger(__name__)

AGREE, REFUSE = "Run in the sandbox", "Do not run"
_QUESTION = (
    "editloop can run doctests and tests of {place} in its sandbox to verify fixes. May it? "
    "(setting editloop.runCode)"
)
_SECONDS = 60.0
"""How long a person may take to answer before the fix goes on without tests."""
NOT_TRUSTED = "no code was run: the workspace is not trusted"
NEVER = "no code was run: editloop.runCode is never"
REFUSED = "no code was run: you did not agree; set editloop.runCode to always to change that"
CANNOT_ASK = "no code was run: set editloop.runCode to always to have doctests and tests run"


class Trust:
    """Remembers the person's answer for each workspace folder, until the server ends."""

    def __init__(self, server: EditloopServer) -> None:
        self._server = server
        self.trusted: bool | None = None
        self._answers: dict[str, asyncio.Task[bool | None]] = {}
        self._level: asyncio.Task[dict[str, str]] | None = None
        self.sandbox: dict[str, str] = {}
        """The worker's report on its self-test; empty before it ran."""

    async def level(self, uri: str, settings: Settings) -> tuple[str | None, str]:
        """(level, "") where code may be run, else (None, why not)."""
        if self.trusted is False:
            return None, NOT_TRUSTED
        if settings.run_code == "never":
            return None, NEVER
        if settings.run_code == "ask":
            if not self._server.client.answers_questions:
                return None, CANNOT_ASK
            if not await self._agreed(self._server.folder_of(uri)):
                return None, REFUSED
            return await self.level(uri, replace(settings, run_code="always"))  # trust may be gone
        return await self._detected()

    async def _detected(self) -> tuple[str | None, str]:
        if self._level is None:
            self._level = asyncio.create_task(self._server.checker.request("sandbox"))
        try:
            report = await asyncio.shield(self._level)
        except WorkerError as error:
            self._level = None
            return None, f"no code was run: {error}"
        if report != self.sandbox:
            self.sandbox = report
            self._server.status.changed()
        if report["level"] in ("D", "F"):
            return None, f"no code was run: {report['reason']}"
        return report["level"], ""

    async def _agreed(self, folder: str) -> bool:
        task = self._answers.get(folder)
        if task is None:
            task = self._answers[folder] = asyncio.create_task(self._ask(folder))
        answer = await asyncio.shield(task)
        if answer is None:  # no answer is no refusal: ask again another time
            self._answers.pop(folder, None)
        return answer is True

    async def _ask(self, folder: str) -> bool | None:
        place = folder.rstrip("/").rpartition("/")[2] or "this workspace"
        answer = await self._server.ask(
            types.WINDOW_SHOW_MESSAGE_REQUEST,
            types.ShowMessageRequestParams(
                type=types.MessageType.Info,
                message=_QUESTION.format(place=place),
                actions=[types.MessageActionItem(AGREE), types.MessageActionItem(REFUSE)],
            ),
            seconds=_SECONDS,
        )
        if not answer.ok or answer.result is None:
            return None
        return bool(answer.result.title == AGREE)
