"""Fetching a model as a client sees it: progress, cancel, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server.jobs import Job, JobCancelled
from lsp_server.progress import WorkDone
from lsp_server.workers import WorkerError, WorkerProcess

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer

_KEY = "editloop:model/"
"""Before a model's name, stands for a document's uri: one download of a model at a time."""
_KEPT = "what is there is kept: the same command goes on"


async def fetch_model(
    server: EditloopServer, name: str, token: types.ProgressToken | None
) -> dict[str, Any]:
    """The command's result: ``{"name", "got", "default", "reason"}``; "": what suits the machine.

    ``default``: whether fixes use it now, unless a setting names another one.
    """

    async def work(job: Job) -> dict[str, Any]:
        return await _fetch(server, job, name, token)

    try:
        name = name or await _suited(server)
        ended = await server.jobs.run(f"{_KEY}{name}", (_KEY, name), work)
    except JobCancelled as cancelled:
        ended = _failed(f"{cancelled}; {_KEPT}")
    except WorkerError as error:
        ended = _failed(str(error))
    kind = types.MessageType.Info if ended["got"] else types.MessageType.Warning
    server.show(_line(name, ended), kind)
    return {"name": name, **ended}


async def _suited(server: EditloopServer) -> str:
    """The model for this machine. Raises WorkerError."""
    rows = await server.checker.request("catalogue")
    return next(str(row["name"]) for row in rows if row["suits"])


async def _fetch(
    server: EditloopServer, job: Job, name: str, token: types.ProgressToken | None
) -> dict[str, Any]:
    """In a process of its own, so that a cancel ends it whatever it waits for. Raises WorkerError;
    what was fetched is kept then."""
    progress = WorkDone(server, token)
    job.token = progress.token
    progress.begin(f"Getting {name} (editloop)")

    def show(now: dict[str, Any]) -> None:
        done, total = now["done"], now["total"]
        words = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB, {now['words']}"
        job.progress = {"message": words}
        progress.report(words, 100 * done / max(total, 1))
        server.status.changed()

    fetcher = WorkerProcess("get")
    words = "stopped"
    try:
        ended = {"got": True, "reason": "", **await fetcher.request("get", {"name": name}, show)}
        words = _line(name, ended)
    finally:
        progress.end(words)
        await fetcher.close()
    return ended


def _failed(reason: str) -> dict[str, Any]:
    return {"got": False, "default": False, "reason": reason}


def _line(name: str, ended: dict[str, Any]) -> str:
    if not ended["got"]:
        return f"editloop: {name}: {ended['reason']}"
    return f"editloop: {name} is here{', the default now' if ended['default'] else ''}"
