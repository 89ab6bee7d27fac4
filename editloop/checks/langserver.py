"""A language server as a checker: one process that stays, one document, its whole text each time,
and others that do not change beside it.

Knows the protocol and nothing of what is checked; ``static`` and ``typecheck`` say which server.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from editloop.budget import Cancelled, Stop, raise_if_set
from editloop.checks.diagnostic import Diagnostic
from editloop.document.text import Line, split_lines

_POLL_SECONDS = 0.05
_PULL = "textDocument/diagnostic"
_FAILED = -32803
"""RequestFailed: the server works, and says why it has no answer to this."""
_ASK_AGAIN = (-32801, -32802)
"""ContentModified and ServerCancelled of the protocol: the same request, once more."""


class LanguageServerError(RuntimeError):
    """A server does not start, does not answer, or answers what nobody can read."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server is told when it starts. ``root``: the folder of the project as a uri, None for
    none; ``settings``: the answers to ``workspace/configuration``, by section; ``beside``: the
    texts of other open documents by uri, for servers that are asked (and do not publish).
    """

    document: str
    root: str | None = None
    options: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    registers: bool = False
    """Whether it says only after its start that it can be asked for diagnostics."""


class LanguageServer:
    """Thread-safe; the process starts with the first question and again where it died."""

    def __init__(
        self, name: str, start: Callable[[], subprocess.Popen[bytes]], greeting: Greeting
    ) -> None:
        """``name``: of the server in messages; ``start``: the process, with pipes."""
        self._name, self._launch, self._greeting = name, start, greeting
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._id = 0
        self._asking = threading.Event()
        self._limit = Stop(None)
        self._pulls = self._utf16 = False

    def check(
        self, source: str, stop: threading.Event | None = None, seconds: float = 120.0
    ) -> list[Diagnostic]:
        """The diagnostics of a text, as the server orders them, and behind them those of the
        documents beside it; columns count code points.

        Raises Cancelled soon after ``stop`` is set, LanguageServerError where the server fails
        twice, says that it cannot, or has no answer within ``seconds``.
        """
        while not self._lock.acquire(timeout=_POLL_SECONDS):
            raise_if_set(stop)
        try:
            return self._asked(source, Stop(stop, time.monotonic() + seconds))
        except Cancelled:
            raise_if_set(stop)
            text = f"{self._name} has no answer within {seconds:.0f} s"
            raise LanguageServerError(text) from None
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._stop()

    def _asked(self, source: str, limit: Stop) -> list[Diagnostic]:
        """What the server finds; one that fails is started again once. Raises Cancelled."""
        self._limit = limit
        self._asking.set()
        try:
            for last in (False, True):
                try:
                    return self._diagnose(source)
                except (OSError, ValueError, EOFError, LookupError, TypeError) as error:
                    self._stop()
                    raise_if_set(limit)  # it was ended for that
                    if last:
                        text = f"{self._name} does not answer: {error or type(error).__name__}"
                        raise LanguageServerError(text) from error
            raise AssertionError
        finally:
            self._asking.clear()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """End a process whose answer comes too late: who reads its output then sees the end."""
        while process.poll() is None:
            self._asking.wait()
            if self._limit.is_set():
                process.kill()
            time.sleep(_POLL_SECONDS)

    def _diagnose(self, source: str) -> list[Diagnostic]:
        if self._process is None:
            self._start(source)
        else:
            self._id += 1
            versioned = {"uri": self._greeting.document, "version": self._id}
            changes = {"textDocument": versioned, "contentChanges": [{"text": source}]}
            self._notify("textDocument/didChange", changes)
        document = self._greeting.document
        found = self._pulled(document) if self._pulls else self._pushed(self._id)
        read = self._read(found, source)
        for uri, text in self._greeting.beside.items() if self._pulls else ():
            name = unquote(uri.rpartition("/")[2])
            read += [replace(one, file=name) for one in self._read(self._pulled(uri), text)]
        return read

    def _read(self, items: Any, source: str) -> list[Diagnostic]:
        """What a server says of a text. Raises the errors of what nobody can read."""
        if not isinstance(items, list):
            raise ValueError(f"{items!r} is no list of diagnostics")
        lines = split_lines(source) if self._utf16 else ()
        return [_diagnostic(item, lines) for item in items]

    def _start(self, source: str) -> None:
        process = self._process = self._launch()
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        told, uri = self._greeting, self._greeting.document
        root = told.root
        pull = {"dynamicRegistration": told.registers}
        capabilities = {
            "general": {"positionEncodings": ["utf-32", "utf-16"]},
            "textDocument": {"diagnostic": pull, "publishDiagnostics": {"versionSupport": True}},
            "workspace": {"configuration": True, "workspaceFolders": True},
        }
        answer = self._request(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "workspaceFolders": None if root is None else [{"uri": root, "name": "project"}],
                "capabilities": capabilities,
                "initializationOptions": told.options,
            },
        )
        able = answer["capabilities"]
        self._utf16 = able.get("positionEncoding", "utf-16") != "utf-32"
        self._pulls = "diagnosticProvider" in able
        self._notify("initialized", {})
        for place, text in ((uri, source), *told.beside.items()):
            document = {"uri": place, "languageId": "python", "version": self._id, "text": text}
            self._notify("textDocument/didOpen", {"textDocument": document})
        while told.registers and not self._pulls:
            self._answer(self._receive())

    def _pulled(self, uri: str) -> Any:
        return self._request(_PULL, {"textDocument": {"uri": uri}})["items"]

    def _pushed(self, version: int) -> Any:
        """What the server publishes of a version of the document."""
        while True:
            message = self._receive()
            self._answer(message)
            if message.get("method") != "textDocument/publishDiagnostics":
                continue
            params = message["params"]
            if params["uri"] == self._greeting.document and params.get("version") == version:
                return params["diagnostics"]

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._id += 1
        wanted = self._id
        self._send({"jsonrpc": "2.0", "id": wanted, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message:
                self._answer(message)
            elif message.get("id") == wanted:
                result, error = message.get("result"), message.get("error")
                if isinstance(error, dict) and error.get("code") in _ASK_AGAIN:
                    return self._request(method, params)
                if isinstance(error, dict) and (error.get("code"), method) == (_FAILED, _PULL):
                    raise LanguageServerError(f"{self._name}: {error.get('message')}")
                if not isinstance(result, dict):
                    raise ValueError(str(error or f"{result!r} is no result"))
                return result

    def _answer(self, message: dict[str, Any]) -> None:
        """Answer a question of the server's; anything else is passed over."""
        if "method" not in message or "id" not in message:
            return
        result: Any = None
        params = message.get("params") or {}
        if message["method"] == "workspace/configuration":
            result = [self._greeting.settings.get(item.get("section")) for item in params["items"]]
        elif message["method"] == "client/registerCapability":
            self._pulls |= any(item["method"] == _PULL for item in params["registrations"])
        self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        body = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise EOFError(f"{self._name} ended")
        message = json.loads(self._process.stdout.read(length))
        if not isinstance(message, dict):
            raise ValueError(f"{message!r} is no message")
        return message

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        self._asking.set()  # for the thread that watches it to see that
        for stream in (process.stdin, process.stdout, process.stderr):
            # Closing flushes what the dead process never read.
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()


def _diagnostic(item: dict[str, Any], lines: Sequence[Line]) -> Diagnostic:
    """``lines``: of a text whose columns come in units of UTF-16, () where they are code points."""
    (line, column), (end_line, end_column) = (
        _place(item["range"][end], lines) for end in ("start", "end")
    )
    message = str(item["message"]).partition("\n")[0]
    code, severity = str(item.get("code") or ""), int(item.get("severity") or 1)
    return Diagnostic(code, message, line, column, end_line, end_column, severity)


def _place(position: dict[str, Any], lines: Sequence[Line]) -> tuple[int, int]:
    line, column = int(position["line"]), int(position["character"])
    return line, _code_points(lines[line].text, column) if line < len(lines) else column


def _code_points(text: str, units: int) -> int:
    """How many characters the first ``units`` of UTF-16 of a line are."""
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))
