"""Whether code may be run, and at which level of isolation: the only place that decides it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from editloop_lsp.questions import Questions, Said
from editloop_lsp.settings import Settings
from editloop_lsp.workers import WorkerError, WorkerProcess

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


@dataclass(slots=True)
class Trust:
    """Remembers the person's answer for each workspace folder, until the server ends."""

    questions: Questions
    checker: WorkerProcess
    folders: Callable[[], Iterable[str]]
    """The workspace's folders as they are now, as uris."""
    on_tested: Callable[[dict[str, str]], None]
    """Hears the report of the sandbox's self-test."""
    trusted: bool | None = None
    _level: asyncio.Task[dict[str, str]] | None = None

    async def level(self, uri: str, settings: Settings) -> tuple[str | None, str]:
        """(level, "") where code may be run, else (None, why not)."""
        if self.trusted is False:
            return None, NOT_TRUSTED
        if settings.run_code == "never":
            return None, NEVER
        if settings.run_code == "ask":
            answer = await self._agreed(folder_of(uri, self.folders()))
            if answer != "yes":
                return None, REFUSED if answer == "no" else NO_ANSWER
            return await self.level(uri, replace(settings, run_code="always"))  # trust may be gone
        return await self._detected()

    async def _detected(self) -> tuple[str | None, str]:
        if self._level is None:
            self._level = asyncio.create_task(self.checker.request("sandbox"))
        try:
            report = await asyncio.shield(self._level)
        except WorkerError as error:
            self._level = None
            return None, f"no code was run: {error}"
        self.on_tested(report)
        if report["level"] == "F":
            return None, f"no code was run: {report['reason']}"
        return report["level"], ""

    async def _agreed(self, folder: str) -> Said:
        """The answer for a folder."""
        place = folder.rstrip("/").rpartition("/")[2] or "this workspace"
        return await self.questions.ask(folder, _QUESTION.format(place=place), AGREE, REFUSE)


def folder_of(uri: str, folders: Iterable[str]) -> str:
    """The innermost of ``folders`` that a document or a folder is in, "" outside of all."""
    inside = f"{uri.rstrip('/')}/"
    around = [f for f in folders if inside.startswith(f"{f.rstrip('/')}/")]
    return max(around, key=len, default="")
