"""The commands on models as a client sees them; fetching one has progress, cancel and an end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from editloop_lsp.jobs import Job, JobCancelled, Jobs
from editloop_lsp.progress import WorkDone
from editloop_lsp.protocol import Argument, Protocol, Token
from editloop_lsp.workers import WorkerError, WorkerProcess

_KEY = "editloop:model/"
"""Before a model's name, stands for a document's uri: one download of a model at a time."""
_KEPT = "what is there is kept: the same command goes on"


@dataclass(frozen=True, slots=True)
class Models:
    """The models of this machine; ``checker`` knows them."""

    protocol: Protocol
    jobs: Jobs
    checker: WorkerProcess

    async def list_models(self, argument: Argument, token: Token) -> Any:
        return await self.checker.request("models")

    async def use_model(self, argument: Argument, token: Token) -> dict[str, Any]:
        name = argument.get("name")
        if not isinstance(name, str) or not name:
            raise JsonRpcInvalidParams("editloop.useModel needs a name")
        try:
            return {"model": await self.checker.request("use", {"name": name})}
        except WorkerError as error:
            raise JsonRpcInvalidParams(str(error)) from error

    async def catalogue(self, argument: Argument, token: Token) -> Any:
        return await self.checker.request("catalogue")

    async def get_model(self, argument: Argument, token: Token) -> dict[str, Any]:
        """Fetch a model, without a name what suits the machine; how that ended:
        ``{"name", "got", "default", "reason"}``.

        ``default``: whether fixes use it now, unless a setting names another one.
        """
        name = argument.get("name") or ""
        if not isinstance(name, str):
            raise JsonRpcInvalidParams("name has to be a text")

        async def work(job: Job) -> dict[str, Any]:
            return await _fetch(name, WorkDone(self.protocol, job, token))

        try:
            name = name or await self._suited()
            ended = await self.jobs.run(f"{_KEY}{name}", (_KEY, name), work)
        except JobCancelled as cancelled:
            ended = _failed(f"{cancelled}; {_KEPT}")
        except WorkerError as error:
            ended = _failed(str(error))
        kind = types.MessageType.Info if ended["got"] else types.MessageType.Warning
        self.protocol.show(_line(name, ended), kind)
        return {"name": name, **ended}

    async def _suited(self) -> str:
        """The model for this machine. Raises WorkerError."""
        rows = await self.checker.request("catalogue")
        return next(str(row["name"]) for row in rows if row["suits"])


async def _fetch(name: str, progress: WorkDone) -> dict[str, Any]:
    """Fetch in a process of its own, so that a cancel ends it whatever it waits for.

    Raises WorkerError; what was fetched is kept then.
    """
    progress.begin(f"Getting {name} (editloop)")

    def show(now: dict[str, Any]) -> None:
        done, total = now["done"], now["total"]
        words = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB, {now['words']}"
        progress.report(words, 100 * done / max(total, 1))

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
