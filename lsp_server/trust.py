"""Whether code may be run, and at which level of isolation: the only place that decides it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from lsp_server.questions import Questions, Said
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
NOT_TRUSTED = "no code was run: the workspace is not trusted"
NEVER = "no code was run: editloop.runCode is never"
REFUSED = "no code was run: you did not agree; set editloop.runCode to always to change that"
NO_ANSWER = (
    "no code was run: whether it may was not answered; set editloop.runCode to always or never"
)


class Trust:
    """Remembers the person's answer for each workspace folder, until the server ends."""

    def __init__(self, server: EditloopServer) -> None:
        self._server = server
        self.trusted: bool | None = None
        self._questions = Questions(server)
        self._level: asyncio.Task[dict[str, str]] | None = None
        self.sandbox: dict[str, str] = {}
        """The worker's report on its self-test; empty before it ran."""

    def describe(self, level: str) -> str:
        """A level for a report."""
        known = self.sandbox.get("level") == level
        return f"level {level}, {self.sandbox['text']}" if known else "no code was run"

    async def level(self, uri: str, settings: Settings) -> tuple[str | None, str]:
        """(level, "") where code may be run, else (None, why not)."""
        if self.trusted is False:
            return None, NOT_TRUSTED
        if settings.run_code == "never":
            return None, NEVER
        if settings.run_code == "ask":
            answer = await self._agreed(self._server.folder_of(uri))
            if answer != "yes":
                return None, REFUSED if answer == "no" else NO_ANSWER
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
        if report["level"] == "F":
            return None, f"no code was run: {report['reason']}"
        return report["level"], ""

    async def _agreed(self, folder: str) -> Said:
        """The answer for a folder."""
        place = folder.rstrip("/").rpartition("/")[2] or "this workspace"
        return await self._questions.ask(folder, _QUESTION.format(place=place), AGREE, REFUSE)
