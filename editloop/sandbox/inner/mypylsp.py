"""Speaks the Language Server Protocol for mypy, which has no server: keeps mypy loaded, and checks
each text in place of its document's file. Knows what ``checks.langserver`` asks, nothing else.

For a Python of any version from 3.8 on, as the project's own may run it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import re
import sys
import tempfile
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

_FAILED = -32803
"""RequestFailed of the protocol."""
_FOUND = re.compile(
    r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?(?::(?P<end_line>\d+):(?P<end>\d+))?: "
    r"(?P<severity>error|warning|note): (?P<message>.*?)(?:  \[(?P<code>[\w-]+)\])?"
)
_SEVERITIES = {"error": 1, "warning": 2, "note": 3}
_ENDS = re.compile(r"\r\n|\r|\n")
_COLLECTED = 4
"""Every how many texts garbage is collected. mypy puts that off and leaves all that it made of each
text (12 MB for a module of 200 lines); to find it takes nearly as long as to check a text.
"""


class MypyFailed(Exception):
    """mypy found nothing out: a crash, settings that it does not take, a file it cannot read."""


class Mypy:
    """mypy for files of the project in the current folder; ``python`` is the interpreter whose
    packages count.
    """

    def __init__(self, files: list[str], python: str) -> None:
        folder = tempfile.mkdtemp()
        self._shadows = {
            file: os.path.join(folder, str(number)) for number, file in enumerate(files)
        }
        self._written: dict[str, str] = {}
        self._count = 0
        self._run = importlib.import_module("mypy.api").run
        self._arguments = [
            *(word for pair in self._shadows.items() for word in ("--shadow-file", *pair)),
            *("--cache-dir", os.path.join(folder, "cache"), "--incremental"),
            *("--python-executable", python),
            *("--show-error-end", "--show-error-codes", "--hide-error-context"),
            *("--no-pretty", "--no-color-output", "--no-error-summary"),
            *files,
        ]

    def check(self, texts: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
        """The diagnostics of each file's text, as the protocol has them. Raises MypyFailed."""
        self._count += 1
        for file, text in texts.items():
            if self._written.get(file) != text:
                self._write(self._shadows[file], text)
        self._written = dict(texts)
        with contextlib.redirect_stderr(io.StringIO()) as crash:
            out, errors, status = self._run(self._arguments)
        errors += crash.getvalue()
        if self._count % _COLLECTED == 0:
            gc.collect()
        found = [match for match in map(_FOUND.fullmatch, out.split("\n")) if match]
        mine: dict[str, list[re.Match[str]]] = {file: [] for file in texts}
        for match in found:
            mine.get(os.path.abspath(match["file"]), []).append(match)
        # Where it crashes it may print what it found so far, and why it ends to stderr.
        stopped = status not in (0, 1) and (not any(mine.values()) or errors.strip())
        if stopped or (status == 1 and not found):
            raise MypyFailed(_why(errors + out))
        lines = {file: _ENDS.split(text) for file, text in texts.items()}
        return {file: [_diagnostic(m, lines[file]) for m in mine[file]] for file in texts}

    def _write(self, shadow: str, text: str) -> None:
        # mypy's cache takes a file for unchanged that has the size and the second of the last one,
        # or the size, where what is cached is the same as the real file: so it never is the same.
        with open(shadow, "wb") as file:
            file.write(f"{text}\n# text {self._count}".encode("utf-8", "surrogatepass"))
        os.utime(shadow, (self._count, self._count))


def _why(output: str) -> str:
    """The line of mypy's output that says why it gave up."""
    lines = [line for line in output.splitlines() if line.strip()] or ["it says nothing"]
    return next((line for line in lines if "error:" in line), lines[-1])


def _diagnostic(match: re.Match[str], lines: list[str]) -> dict[str, Any]:
    """As the protocol has it: lines and columns from 0, where mypy's begin at 1."""
    line, end_line = int(match["line"]) - 1, int(match["end_line"] or match["line"]) - 1
    column, end = int(match["column"] or 1) - 1, int(match["end"] or 0)
    if not (line < len(lines) and lines[line].isascii()):
        # Versions count bytes there, or what is neither bytes nor characters (2.4): the line alone.
        end_line, column, end = line, 0, 0
    return {
        "range": {
            "start": {"line": max(0, line), "character": column},
            "end": {"line": max(0, end_line), "character": end},
        },
        "message": match["message"],
        "code": match["code"] or "",
        "severity": _SEVERITIES[match["severity"]],
    }


class Server:
    """Answers the messages of one client, which opens all its documents before it asks."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._texts: dict[str, str] = {}
        self._found: dict[str, list[dict[str, Any]]] = {}
        """Of the present texts; empty where they were not checked."""
        self._mypy: Mypy | None = None

    def answer(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a request; None for a notification. Raises MypyFailed, and what mypy or a
        plug-in raises.
        """
        if method == "initialize":
            os.chdir(_path(params["rootUri"]))
            pull = {"interFileDependencies": True, "workspaceDiagnostics": False}
            return {"capabilities": {"positionEncoding": "utf-32", "diagnosticProvider": pull}}
        if method == "textDocument/didOpen":
            document = params["textDocument"]
            self._texts[_path(document["uri"])] = document["text"]
        elif method == "textDocument/didChange":
            self._texts[_path(params["textDocument"]["uri"])] = params["contentChanges"][-1]["text"]
            self._found = {}
        elif method == "textDocument/diagnostic":
            self._mypy = self._mypy or Mypy(list(self._texts), self._python)
            self._found = self._found or self._mypy.check(self._texts)
            return {"kind": "full", "items": self._found[_path(params["textDocument"]["uri"])]}
        return None


def _path(uri: str) -> str:
    return unquote(urlsplit(uri).path)


def _receive(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message, None at the end."""
    length = 0
    while True:
        line = stream.readline().strip()
        if not line:
            break
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    message: dict[str, Any] | None = json.loads(stream.read(length)) if length else None
    return message


def main(python: str) -> None:
    """Answer until the other side is gone."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):  # a plug-in may print
        os.dup2(null, fd)
    sys.path[:] = [place for place in sys.path if place]
    server = Server(python)
    while True:
        message = _receive(questions)
        if message is None:
            return
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message.get("id")}
        try:
            reply["result"] = server.answer(message["method"], message.get("params") or {})
        except Exception as error:  # noqa: BLE001 - mypy's, or a plug-in's
            text = " ".join(str(error).split()) or type(error).__name__
            reply["error"] = {"code": _FAILED, "message": text}
        if "id" in message:
            body = json.dumps(reply).encode()
            answers.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
