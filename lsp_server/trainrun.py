"""The training command as a client sees it: progress, log lines, cancel, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server.jobs import Job, JobCancelled
from lsp_server.progress import WorkDone
from lsp_server.training import Ended, run

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

KEY = "editloop:training"
"""Stands for a document's uri: one training at a time, cancelled like any job."""


async def run_training(
    server: EditloopServer, argv: Sequence[str], token: types.ProgressToken | None, folder: Path
) -> dict[str, Any]:
    """The command's result: ``{"exit", "summary", "reason"}``; exit is -1 where it was stopped.

    It runs what it learns from, so it needs the same consent as a fix that runs tests.
    """
    uri = folder.resolve().as_uri()
    level, why = await server.trust.level(uri, await server.configuration.of(uri))
    if level is None:
        return _told(server, Ended(-1, {}, why))

    async def work(job: Job) -> Ended:
        progress = WorkDone(server, token)
        job.token = progress.token
        progress.begin("Training a model (editloop)")
        ended = Ended(-1, {}, "cancelled; the same command resumes it")
        try:
            ended = await run(
                argv, lambda now: _show(server, job, progress, now), lambda line: _log(server, line)
            )
        except OSError as error:
            ended = Ended(-1, {}, f"it cannot be started: {error}")
        finally:
            progress.end(_line(ended))
        return ended

    try:
        ended = await server.jobs.run(KEY, (KEY, *argv), work)
    except JobCancelled as cancelled:
        ended = Ended(-1, {}, f"{cancelled}; the same command resumes it")
    return _told(server, ended)


def _told(server: EditloopServer, ended: Ended) -> dict[str, Any]:
    kind = types.MessageType.Info if ended.summary else types.MessageType.Warning
    server.show(_line(ended), kind)
    return {"exit": ended.exit, "summary": ended.summary, "reason": ended.error}


def _show(server: EditloopServer, job: Job, progress: WorkDone, now: dict[str, Any]) -> None:
    """A step's share is an equal part of the whole: their lengths are not known before."""
    try:
        index, of, fraction = int(now["index"]), int(now["of"]), float(now["fraction"])
        percentage = 100 * (index - 1 + fraction) / of
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return
    words = f"{now['step']} ({index} of {of}): {now.get('message', '')}"
    job.progress = {"message": words}
    progress.report(words, percentage)
    server.status.changed()


def _log(server: EditloopServer, line: str) -> None:
    if line:
        server.window_log_message(types.LogMessageParams(types.MessageType.Log, f"train: {line}"))


def _line(ended: Ended) -> str:
    if ended.summary:
        return f"editloop: the model {ended.summary.get('name', '')} is trained and in the store"
    return f"editloop: no model was trained: {ended.error}"
