"""A worker process: ``python -m editloop_lsp.worker``. Reads jobs from stdin, answers on stdout.

It ends when stdin does, whatever it is doing: the server that started it is gone then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from editloop.sandbox import scratch
from editloop_lsp import shelf
from editloop_lsp.testing import has_tests
from editloop_lsp.wire import ChangeJob, CheckJob, FixJob, KeepJob, SuspectsJob, TestsJob, WeighJob
from editloop_lsp.workbench import Workbench


class Worker:
    """Runs each job in a thread; the server decides how many there are at a time."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._cancels: dict[int, threading.Event] = {}
        self._bench = Workbench(lambda event: self._send({"event": "model", **event}))

    def serve(self, lines: IO[bytes]) -> None:
        for line in lines:
            message = json.loads(line)
            if "cancel" in message:
                event = self._cancels.get(message["cancel"])
                if event is not None:
                    event.set()
                continue
            cancel = self._cancels[message["id"]] = threading.Event()
            threading.Thread(target=self._run, args=(message, cancel), daemon=True).start()

    def _run(self, message: dict[str, Any], cancel: threading.Event) -> None:
        number = message["id"]
        try:
            handler = self._handler(message["method"], number, cancel)
            self._send({"id": number, "result": handler(message.get("params") or {})})
        except Exception as error:  # noqa: BLE001  (a job must not end the worker)
            if not _expected(error):
                traceback.print_exc()
            kind = type(error).__name__
            self._send({"id": number, "error": _one_line(error), "kind": kind})
        finally:
            self._cancels.pop(number, None)

    def _handler(
        self, method: str, number: int, cancel: threading.Event
    ) -> Callable[[dict[str, Any]], Any]:
        bench = self._bench

        def tell(progress: dict[str, Any]) -> None:
            self._send({"id": number, "progress": progress})

        handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "fix": lambda params: bench.fix(FixJob(**params), cancel, tell).encode(),
            "weigh": lambda params: bench.weigh(WeighJob(**params), cancel),
            "keep": lambda params: bench.keep(KeepJob(**params)),
            "check": lambda params: bench.check(CheckJob(**params)),
            "suspects": lambda params: bench.suspects(SuspectsJob(**params)),
            "change": lambda params: bench.change(ChangeJob(**params)),
            "has_tests": lambda params: has_tests(params["text"], params["path"]),
            "tests": lambda params: bench.tests(TestsJob(**params), cancel),
            "ping": lambda params: None,
            "load": lambda params: bench.load(params["model"]),
            "use": lambda params: shelf.use(params["name"]),
            "models": lambda params: shelf.models(),
            "catalogue": lambda params: shelf.catalogue(),
            "get": lambda params: shelf.get(params["name"], cancel, tell),
            "sandbox": lambda params: bench.sandbox(),
        }
        return handlers[method]

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        with self._lock:
            self._out.write(data)
            self._out.flush()


def _expected(error: Exception) -> bool:
    """Errors that are worded for a person: OSError, and the classes of this distribution."""
    ours = ("editloop", "editloop_lsp")
    homes = {home.__module__.partition(".")[0] for home in type(error).__mro__}
    return isinstance(error, OSError) or not homes.isdisjoint(ours)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if _expected(error) and text else f"{type(error).__name__}: {text}"


def main() -> None:
    """Serve on stdin and stdout; what else is printed goes to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        Worker(out).serve(sys.stdin.buffer)
    finally:
        scratch.clear()
        os._exit(0)  # jobs still run in threads, and nobody wants their answers


if __name__ == "__main__":
    main()
