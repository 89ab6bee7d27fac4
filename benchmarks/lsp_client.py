"""A language client of few lines for the benchmarks: JSON-RPC over the pipes of a child process.

It knows the protocol's framing and the life of a connection, nothing of any server. Requests are
futures; `answers` holds what the server's own requests are told, `listeners` see its notifications.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import psutil

Json = Any
"""What `json` reads and writes."""
Memory = Literal["pss", "uss"]

LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
METHOD_NOT_FOUND: Final = -32601
GONE: Final = "the server is gone, or what it said could not be read"


class ResponseError(Exception):
    """The server answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Call(asyncio.Future[Json]):
    """A request under way; `id` names it in `$/cancelRequest`."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.id = number


class Client:
    """One server process. Use as an asynchronous context manager: leaving it ends the server."""

    def __init__(self, process: Process) -> None:
        self.answers: dict[str, Callable[[Json], Json]] = {
            "window/workDoneProgress/create": lambda _: None,
            "client/registerCapability": lambda _: None,
            "client/unregisterCapability": lambda _: None,
        }
        self.listeners: dict[str, Callable[[Json], None]] = {}
        self._process = process
        self._waiting: dict[int, Call] = {}
        self._next = 0
        self._closed = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None
    ) -> Self:
        """Start the server and say nothing to it yet. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=cwd, env=env
        )
        return cls(process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await asyncio.wait_for(self._goodbye(), 10)
        except (TimeoutError, ConnectionError, ResponseError):
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await self._reader

    async def initialize(
        self, root: Path, *, options: Json = None, capabilities: Json = None
    ) -> Json:
        """The handshake; returns the server's answer."""
        uri = root.as_uri()
        answer = await self.request(
            "initialize",
            {
                "processId": None,
                "clientInfo": {"name": "benchmark"},
                "rootUri": uri,
                "workspaceFolders": [{"uri": uri, "name": root.name}],
                "capabilities": capabilities or {},
                "initializationOptions": options,
            },
        )
        self.notify("initialized", {})
        return answer

    def open(self, uri: str, text: str, version: int = 1) -> None:
        document = {"uri": uri, "languageId": "python", "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, uri: str, text: str, version: int) -> None:
        """The whole text anew, as every server takes it."""
        changed = {"textDocument": {"uri": uri, "version": version}}
        self.notify("textDocument/didChange", {**changed, "contentChanges": [{"text": text}]})

    def close(self, uri: str) -> None:
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def notify(self, method: str, params: Json) -> None:
        self._send({"method": method, "params": params})

    def request(self, method: str, params: Json) -> Call:
        """The answer to come; ResponseError, or ConnectionError where the server is gone."""
        if self._closed:
            raise ConnectionError(GONE)
        self._next += 1
        call = self._waiting[self._next] = Call(self._next)
        self._send({"id": call.id, "method": method, "params": params})
        return call

    def execute(self, command: str, *arguments: Json, token: str | None = None) -> Call:
        params = {"command": command, "arguments": list(arguments)}
        if token is not None:
            params["workDoneToken"] = token
        return self.request("workspace/executeCommand", params)

    def cancel(self, call: Call) -> None:
        self.notify("$/cancelRequest", {"id": call.id})

    def memory(self, kind: Memory) -> int:
        """Bytes of the server and all processes below it: those of their own ("uss"), or with their
        part of what is shared, also with strangers ("pss")."""
        server = psutil.Process(self._process.pid)
        return sum(_bytes(one, kind) for one in [server, *server.children(recursive=True)])

    async def _goodbye(self) -> None:
        await self.request("shutdown", None)
        self.notify("exit", None)
        await self._process.wait()

    def _send(self, message: dict[str, Json]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    async def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        try:
            while True:
                header = await stream.readuntil(b"\r\n\r\n")
                length = LENGTH.search(header)
                if length is None:
                    raise ValueError(f"not a header of the protocol: {header!r}")
                self._receive(json.loads(await stream.readexactly(int(length[1]))))
        except asyncio.IncompleteReadError:
            pass  # the end of the stream: the server is gone
        finally:
            self._closed = True
            for call in self._waiting.values():
                if not call.done():
                    call.set_exception(ConnectionError(GONE))

    def _receive(self, message: dict[str, Json]) -> None:
        method = message.get("method")
        if method is None:
            self._settle(message)
        elif "id" in message:
            self._answer(message["id"], method, message.get("params"))
        elif method in self.listeners:
            self.listeners[method](message.get("params"))

    def _settle(self, message: dict[str, Json]) -> None:
        call = self._waiting.pop(message["id"])
        if call.done():
            return
        if error := message.get("error"):
            call.set_exception(ResponseError(error["code"], error["message"]))
        else:
            call.set_result(message.get("result"))

    def _answer(self, number: int | str, method: str, params: Json) -> None:
        answer = self.answers.get(method)
        if answer is None:
            error = {"code": METHOD_NOT_FOUND, "message": method}
            self._send({"id": number, "error": error})
        else:
            self._send({"id": number, "result": answer(params)})


def settings_answer(settings: Mapping[str, Json]) -> Callable[[Json], Json]:
    """What to tell `workspace/configuration`: the named sections, null for others."""

    def answer(params: Json) -> Json:
        return [settings.get(item.get("section", "")) for item in params["items"]]

    return answer


async def milliseconds(call: asyncio.Future[Json], since: float) -> float:
    """How long after `since` (of `time.perf_counter`) the answer was here."""
    await call
    return 1e3 * (time.perf_counter() - since)


def _bytes(process: psutil.Process, kind: Memory) -> int:
    """The resident set where the system does not tell the kind that is asked for."""
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, kind, memory.rss))
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
