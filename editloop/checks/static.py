"""Static checks through one long-lived ``ruff server``: under a millisecond a candidate, where a
``ruff check`` process costs several. Errors have to be gone from a fix; hints help the model.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from editloop.budget import Cancelled, Stop, raise_if_set
from editloop.checks.diagnostic import ERROR_RULES, HINT_RULES, RUFF_ERRORS, Diagnostic
from editloop.checks.uses import check_uses
from editloop.stdlib import exports

ANSWER_SECONDS = 30.0
"""Of a file of 4 MiB it takes a few."""
_POLL_SECONDS = 0.05
_DOCUMENT = "file:///module.py"
_UNSURE = "F405"
"""A name that nothing binds, unless ``from module import *`` does."""
_STEADY = {
    *("bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum"),
    *("fractions", "functools", "heapq", "itertools", "math", "operator", "random", "re"),
    *("statistics", "string", "typing"),
}
"""Modules that have the same names on every system, as ``os`` and ``ctypes`` have not."""
_STARS = re.compile(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]*\*", re.MULTILINE)


class StaticCheckError(RuntimeError):
    """ruff is missing or does not answer."""


def find_ruff() -> str:
    """The ruff beside this interpreter, else the one on the path. Raises StaticCheckError."""
    beside = shutil.which("ruff", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("ruff")
    if found is None:
        raise StaticCheckError("ruff is not installed: pip install ruff")
    return found


class StaticChecker:
    """Thread-safe; starts ruff on first use and again when it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._id = 0
        self._asking = threading.Event()
        self._limit = Stop(None)

    def check(self, source: str, stop: threading.Event | None = None) -> tuple[Diagnostic, ...]:
        """Diagnostics in order of line; a text that does not parse has none (see ``syntax``).

        Raises Cancelled soon after ``stop`` is set, StaticCheckError where ruff fails twice or has
        no answer within ANSWER_SECONDS.
        """
        limit = Stop(stop, time.monotonic() + ANSWER_SECONDS)
        while not self._lock.acquire(timeout=_POLL_SECONDS):
            raise_if_set(stop)
        try:
            found = self._asked(source, limit)
        except Cancelled:
            raise_if_set(stop)
            text = f"ruff server has no answer within {ANSWER_SECONDS:.0f} s"
            raise StaticCheckError(text) from None
        finally:
            self._lock.release()
        found += check_uses(source)
        return tuple(sorted(found, key=lambda d: (d.line, d.code, d.message)))

    def _asked(self, source: str, limit: Stop) -> list[Diagnostic]:
        """What ruff finds; one that fails is started again once. Raises Cancelled."""
        self._limit = limit
        self._asking.set()
        try:
            for last in (False, True):
                try:
                    return list(_settled(map(_diagnostic, self._diagnose(source)), source))
                except (OSError, ValueError, EOFError, LookupError, TypeError) as error:
                    self._stop()
                    raise_if_set(limit)  # it was ended for that
                    if last:
                        text = f"ruff server does not answer: {error or type(error).__name__}"
                        raise StaticCheckError(text) from error
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

    def close(self) -> None:
        with self._lock:
            self._stop()

    def __enter__(self) -> StaticChecker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _diagnose(self, source: str) -> list[dict[str, Any]]:
        if self._process is None:
            self._start(source)
        else:
            self._id += 1
            self._notify(
                "textDocument/didChange",
                {
                    "textDocument": {"uri": _DOCUMENT, "version": self._id},
                    "contentChanges": [{"text": source}],
                },
            )
        result = self._request("textDocument/diagnostic", {"textDocument": {"uri": _DOCUMENT}})
        items = result["items"]
        if not isinstance(items, list):
            raise ValueError(f"{items!r} is no list of diagnostics")
        return items

    def _start(self, source: str) -> None:
        self._process = subprocess.Popen(
            [find_ruff(), "server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
        settings = {
            "configurationPreference": "editorOnly",
            # With a rule that it does not know ruff drops them all, and takes those of the folder.
            "configuration": {"lint": {"select": [*RUFF_ERRORS, *HINT_RULES, _UNSURE]}},
        }
        capabilities = {
            "general": {"positionEncodings": ["utf-32"]},
            "textDocument": {"diagnostic": {"dynamicRegistration": False}},
        }
        self._request(
            "initialize",
            {
                "processId": None,
                "rootUri": None,
                "capabilities": capabilities,
                "initializationOptions": {"settings": settings},
            },
        )
        self._notify("initialized", {})
        document = {"uri": _DOCUMENT, "languageId": "python", "version": self._id, "text": source}
        self._notify("textDocument/didOpen", {"textDocument": document})

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._id += 1
        wanted = self._id
        self._send({"jsonrpc": "2.0", "id": wanted, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message and "id" in message:
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})
            elif message.get("id") == wanted:
                result = message.get("result")
                if not isinstance(result, dict):
                    raise ValueError(str(message.get("error", f"{result!r} is no result")))
                return result

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
            raise EOFError("ruff server ended")
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
        for stream in (process.stdin, process.stdout):
            # Closing flushes what the dead process never read.
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()


def _settled(found: Iterable[Diagnostic], source: str) -> Iterator[Diagnostic]:
    """Those of our rules; of names that a star import may bind, those that none does."""
    known = _star_names(tuple(_STARS.findall(source)))
    for diagnostic in found:
        if diagnostic.code.startswith((*ERROR_RULES, *HINT_RULES)):
            yield diagnostic
        elif diagnostic.code == _UNSURE:
            name = diagnostic.message.split("`")[1]
            if known is not None and name not in known:
                yield replace(diagnostic, code="F821", message=f"Undefined name `{name}`")


@lru_cache(maxsize=64)
def _star_names(modules: Sequence[str]) -> frozenset[str] | None:
    """What star imports of these modules bind; None where that is not known for one of them.

    What this Python's modules have is known, too, as far as they are loaded: releases add names.
    """
    if not _STEADY.issuperset(modules):
        return None
    loaded = (dir(sys.modules[module]) for module in modules if module in sys.modules)
    return frozenset().union(*(exports()[module] for module in modules), *loaded)


def _diagnostic(item: dict[str, Any]) -> Diagnostic:
    start, end = item["range"]["start"], item["range"]["end"]
    return Diagnostic(
        str(item["code"]),
        str(item["message"]).partition("\n")[0],
        int(start["line"]),
        int(start["character"]),
        int(end["line"]),
        int(end["character"]),
    )
