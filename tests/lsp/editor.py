"""An editor for tests: speaks plain JSON with a real server process, keeps texts, applies edits and
answers questions. Nothing between it and the wire, so what a test sees is what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from editloop_lsp.positions import from_client
from lsprotocol import types
from lsprotocol.converters import get_converter
from pytest_lsp import client_capabilities

from editloop.document.edits import TextEdit, apply_edits
from editloop.document.text import Snapshot

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
_CONVERTER = get_converter()
Json = dict[str, Any]


class ServerError(Exception):
    """An error reply."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]


def capabilities(spec: str) -> Json:
    """The recorded capabilities of an editor, such as ``neovim`` or ``neovim@0.7.0``."""
    data: Json = _CONVERTER.unstructure(client_capabilities(spec))
    return data


def server_env(more: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a server under test: this checkout, and no model of the person's own."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}


def span(line: int, start: int = 0, end: int | None = None, last: int | None = None) -> Json:
    """A range: a cursor, a part of a line, or whole lines."""
    return {
        "start": {"line": line, "character": start},
        "end": {"line": line if last is None else last, "character": start if end is None else end},
    }


class Editor:
    """``texts`` are the open documents, ``notes`` the notifications, ``asked`` the requests that
    the server sent, ``undo`` the labels of applied edits.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.notes: list[tuple[str, Json]] = []
        self.asked: list[tuple[str, Any]] = []
        self.undo: list[str] = []
        self.settings: Json = {}
        self.answer: str | None = None
        """The button to press when asked; None closes the question."""
        self.silent: set[str] = set()
        """Methods that are never answered."""
        self.refused: set[str] = set()
        """Methods that are answered with an error."""
        self.encoding = "utf-16"
        self._number = 0
        self._replies: dict[Any, asyncio.Future[Json]] = {}
        self._watches: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, env: dict[str, str] | None = None, *arguments: str) -> Editor:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "editloop", "serve", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=server_env(env),
            cwd=ROOT,
            limit=1 << 26,
        )
        return cls(process)

    async def initialize(
        self, client: str | Json, folders: Sequence[Path] = (), **options: Any
    ) -> Json:
        """``client`` names recorded capabilities or is some; the result's capabilities."""
        params = {
            "processId": os.getpid(),
            "rootUri": folders[0].as_uri() if folders else None,
            "workspaceFolders": [{"uri": f.as_uri(), "name": f.name} for f in folders] or None,
            "capabilities": capabilities(client) if isinstance(client, str) else client,
            "initializationOptions": options,
        }
        result: Json = await self.request("initialize", params)
        self.encoding = result["capabilities"].get("positionEncoding", "utf-16")
        self.notify("initialized", {})
        found: Json = result["capabilities"]
        return found

    # documents

    def open(self, uri: str, text: str, language: str = "python") -> str:
        self.texts[uri], self.versions[uri] = text, 1
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def change(self, uri: str, text: str) -> None:
        self.texts[uri] = text
        self.versions[uri] += 1
        document = {"uri": uri, "version": self.versions[uri]}
        changes = [{"text": text}]
        params = {"textDocument": document, "contentChanges": changes}
        self.notify("textDocument/didChange", params)

    def save(self, uri: str) -> None:
        self.notify("textDocument/didSave", {"textDocument": {"uri": uri}})

    def close(self, uri: str) -> None:
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def configure(self, **settings: Any) -> None:
        self.settings = settings
        self.notify("workspace/didChangeConfiguration", {"settings": None})

    async def diagnosed(self, uri: str) -> list[Json]:
        """What was published for the document as it is now."""
        told: list[Json] = []

        def current() -> bool:
            told[:] = [p for m, p in self.notes if m == "textDocument/publishDiagnostics"]
            told[:] = [p for p in told if p["uri"] == uri]
            return bool(told) and told[-1].get("version") == self.versions[uri]

        await self.until(current)
        found: list[Json] = told[-1]["diagnostics"]
        return found

    # fixes

    async def menu(
        self,
        uri: str,
        place: Json,
        diagnostics: Sequence[Json] = (),
        only: Sequence[str] | None = None,
        trigger: int = 1,
    ) -> list[Json]:
        context: Json = {"diagnostics": list(diagnostics), "triggerKind": trigger}
        if only is not None:
            context["only"] = list(only)
        params = {"textDocument": {"uri": uri}, "range": place, "context": context}
        result: list[Json] = await self.request("textDocument/codeAction", params)
        return result

    async def command(self, name: str, argument: Json | None = None) -> Any:
        return await self.request(*command(name, argument))

    async def fix(self, uri: str, kind: str = "file", **more: Any) -> Json:
        """The result of the command ``editloop.fix``."""
        argument = {"uri": uri, "version": self.versions[uri], "kind": kind, **more}
        result: Json = await self.command("editloop.fix", argument)
        return result

    def apply(self, edit: Json, label: str = "") -> None:
        """Apply a workspace edit as an editor does: to the version that it names, in one step."""
        for change in edit.get("documentChanges") or ():
            uri = change["textDocument"]["uri"]
            assert change["textDocument"]["version"] == self.versions[uri], "of another version"
            self._edit(uri, change["edits"])
        for uri, edits in (edit.get("changes") or {}).items():
            self._edit(uri, edits)
        self.undo.append(label)

    def _edit(self, uri: str, edits: Sequence[Json]) -> None:
        before = Snapshot.from_text(self.texts[uri])
        hunks = []
        for one in edits:
            start, end = (types.Position(**one["range"][side]) for side in ("start", "end"))
            first = from_client(before.lines, start, self.encoding)
            last = from_client(before.lines, end, self.encoding)
            hunks.append(TextEdit(*first, *last, one["newText"]))
        self.change(uri, apply_edits(before, hunks).text)

    # messages

    def messages(self) -> list[str]:
        """What a person was shown."""
        return [
            params["message"] for method, params in self.notes if method == "window/showMessage"
        ]

    async def request(self, method: str, params: Any) -> Any:
        """The result. Raises ServerError."""
        return await self.result(self.begin(method, params))

    def begin(self, method: str, params: Any) -> int:
        """Send a request; its id."""
        self._number += 1
        self._replies[self._number] = asyncio.get_running_loop().create_future()
        self.send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        return self._number

    async def result(self, number: Any) -> Any:
        reply = await asyncio.wait_for(self.reply(number), SECONDS)
        if "error" in reply:
            raise ServerError(reply["error"])
        return reply["result"]

    def reply(self, number: Any) -> asyncio.Future[Json]:
        """The whole reply to an id, whether it was asked for with ``begin`` or not."""
        if number not in self._replies:
            self._replies[number] = asyncio.get_running_loop().create_future()
        return self._replies[number]

    def cancel(self, number: int) -> None:
        self.notify("$/cancelRequest", {"id": number})

    def notify(self, method: str, params: Any) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: Any) -> None:
        self.send_bytes(json.dumps(message).encode())

    def send_bytes(self, body: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the server tells; looked at with each of its messages."""
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watches.append((condition, future))
        await asyncio.wait_for(future, SECONDS)

    async def told(self, method: str, where: Callable[[Json], bool] = lambda params: True) -> Json:
        """The first notification of a kind."""
        found: list[Json] = []

        def there() -> bool:
            found[:] = [p for m, p in self.notes if m == method and where(p)]
            return bool(found)

        await self.until(there)
        return found[0]

    async def stop(self) -> int:
        """Shut the server down as an editor does; its exit code."""
        await self.request("shutdown", None)
        self.notify("exit", None)
        return await self.ended()

    async def ended(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), SECONDS)
        await self._reader
        return code

    async def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await stream.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                self._hear(json.loads(await stream.readexactly(length)))

    def _hear(self, message: Json) -> None:
        if "method" not in message:
            self.reply(message.get("id")).set_result(message)
        elif "id" in message:
            self.asked.append((message["method"], message.get("params")))
            if message["method"] in self.refused:
                error = {"code": -32601, "message": "unknown"}
                self.send({"jsonrpc": "2.0", "id": message["id"], "error": error})
            elif message["method"] not in self.silent:
                result = self._answer(message["method"], message.get("params") or {})
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
        else:
            self.notes.append((message["method"], message["params"]))
        for watch in list(self._watches):
            condition, future = watch
            if condition():
                self._watches.remove(watch)
                future.set_result(None)

    def _answer(self, method: str, params: Json) -> Any:
        match method:
            case "workspace/configuration":
                return [self.settings for _ in params["items"]]
            case "window/showMessageRequest":
                return next((a for a in params["actions"] if a["title"] == self.answer), None)
            case "workspace/applyEdit":
                self.apply(params["edit"], params.get("label", ""))
                return {"applied": True}
        return None


def command(name: str, argument: Json | None = None) -> tuple[str, Json]:
    """Method and parameters of a command."""
    arguments = [] if argument is None else [argument]
    return "workspace/executeCommand", {"command": name, "arguments": arguments}
