"""The training command as a client sees it: consent, progress, log lines, cancel, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types

from editloop_lsp.configuration import Configuration
from editloop_lsp.jobs import Job, JobCancelled, Jobs
from editloop_lsp.progress import WorkDone
from editloop_lsp.protocol import Protocol
from editloop_lsp.training import Ended, TrainingError, run, train_argv
from editloop_lsp.trust import Trust

KEY = "editloop:training"
"""Stands for a document's uri: one training at a time, cancelled like any job."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """Training runs what it learns from, so it needs the same consent as a fix that runs tests."""

    protocol: Protocol
    jobs: Jobs
    trust: Trust
    configuration: Configuration

    async def train(
        self, argument: dict[str, Any], token: types.ProgressToken | None
    ) -> dict[str, Any]:
        """The command: ``{"exit", "summary", "reason"}``; exit is -1 where it was stopped."""
        try:
            argv = train_argv(argument)
        except TrainingError as error:
            self.protocol.show(f"editloop: {error}", types.MessageType.Error)
            raise
        uri = Path(argument["folder"]).resolve().as_uri()
        level, why = await self.trust.level(uri, await self.configuration.of(uri))
        if level is None:
            return self._told(Ended(-1, {}, why))

        async def work(job: Job) -> Ended:
            return await self._run(argv, WorkDone(self.protocol, job, token))

        try:
            ended = await self.jobs.run(KEY, (KEY, *argv), work)
        except JobCancelled as cancelled:
            ended = Ended(-1, {}, f"{cancelled}; the same command resumes it")
        return self._told(ended)

    async def _run(self, argv: list[str], progress: WorkDone) -> Ended:
        progress.begin("Training a model (editloop)")
        ended = Ended(-1, {}, "cancelled; the same command resumes it")
        try:
            ended = await run(argv, lambda now: _show(progress, now), self._log)
        except OSError as error:
            ended = Ended(-1, {}, f"it cannot be started: {error}")
        finally:
            progress.end(_line(ended))
        return ended

    def _told(self, ended: Ended) -> dict[str, Any]:
        kind = types.MessageType.Info if ended.summary else types.MessageType.Warning
        self.protocol.show(_line(ended), kind)
        return {"exit": ended.exit, "summary": ended.summary, "reason": ended.error}

    def _log(self, line: str) -> None:
        if line:
            params = types.LogMessageParams(types.MessageType.Log, f"train: {line}")
            self.protocol.notify(types.WINDOW_LOG_MESSAGE, params)


def _show(progress: WorkDone, now: dict[str, Any]) -> None:
    """A step's share is an equal part of the whole: their lengths are not known before."""
    try:
        index, of, fraction = int(now["index"]), int(now["of"]), float(now["fraction"])
        percentage = 100 * (index - 1 + fraction) / of
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return
    progress.report(f"{now['step']} ({index} of {of}): {now.get('message', '')}", percentage)


def _line(ended: Ended) -> str:
    if ended.summary:
        return f"editloop: the model {ended.summary.get('name', '')} is trained and in the store"
    return f"editloop: no model was trained: {ended.error}"
