"""A GGUF in a process of its own: ``python -m editloop.model.child MODEL.gguf``.

What aborts in native code ends that process and is one line here. Questions are JSON lines on its
standard input, answers on its output; it ends when its input does.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from editloop.model.backend import ModelError, ModelLost, Prompt, Reply, Sampling
from editloop.model.wire import prompt_row, read_reply
from editloop.policy import Cancelled

IDLE_SECONDS = 300.0
"""A model that nobody asked anything for this long gives its memory back."""
_POLL = 0.05
_QUIET = {"GGML_NO_BACKTRACE": "1", "OMP_WAIT_POLICY": "passive"}
"""llama.cpp would print what a debugger says of it, and its threads would spin at barriers."""
_SIGNALS = {
    "SIGILL": "llama.cpp was compiled for another processor (see editloop doctor)",
    "SIGKILL": "it was killed, perhaps for want of memory",
    "SIGABRT": "llama.cpp gave up",
}


class ChildModel:
    """A Model (see `backend`) that runs one GGUF by llama.cpp.

    The process starts with `start` or the first question, and again after it left for idleness.
    """

    def __init__(
        self,
        path: Path,
        *,
        adapter: Path | None = None,
        n_ctx: int = 4096,
        threads: int | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.path, self.name = path, path.stem
        self._settings = {
            "path": str(path),
            "adapter": None if adapter is None else str(adapter),
            "n_ctx": n_ctx,
            "threads": threads,
        }
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pending: dict[int, Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._said: deque[str] = deque(maxlen=50)
        self._info: Future[dict[str, Any]] = Future()
        self._lost: str | None = None
        self._idle: threading.Timer | None = None
        self._closed = False

    def start(self) -> None:
        """Have the process begin to load the model; does not wait for it. Raises ModelLost."""
        with self._lock:
            self._started()

    @property
    def pid(self) -> int | None:
        """The process that holds the model, None while there is none."""
        return self._process.pid if self._process else None

    @property
    def loaded(self) -> bool:
        """Whether it would answer at once."""
        return self._process is not None and self._info.done()

    @property
    def fills(self) -> bool:
        """Whether the file has fill-in tokens; waits until it is loaded."""
        return bool(self._about()["fills"])

    @property
    def judges(self) -> bool:
        """Always: llama.cpp gives the logits."""
        return True

    def complete(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        cancel: threading.Event | None = None,
    ) -> list[list[Reply]]:
        asked = {"prompts": [prompt_row(p) for p in prompts], "sampling": asdict(sampling)}
        rows = self._ask("complete", asked, cancel)
        return [[read_reply(row) for row in replies] for replies in rows]

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event | None = None
    ) -> list[tuple[float, ...]]:
        rows = self._ask("score", {"context": context, "texts": list(texts)}, cancel)
        return [tuple(row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._leave()

    def _about(self) -> dict[str, Any]:
        self.start()
        return self._info.result()

    def _ask(self, method: str, params: Any, cancel: threading.Event | None) -> Any:
        answer: Future[Any] = Future()
        with self._lock:
            self._started()
            number = next(self._numbers)
            self._pending[number] = answer
            self._send({"id": number, "method": method, "params": params})
        while True:
            if cancel is not None and cancel.is_set():
                with self._lock:
                    self._pending.pop(number, None)
                    self._send({"cancel": number})
                raise Cancelled("cancelled while the model was asked")
            try:
                return answer.result(_POLL if cancel is not None else None)
            except NotYet:
                continue

    def _started(self) -> None:
        """Under the lock: a process is there, and its idle time begins anew."""
        if self._closed or self._lost is not None:
            raise ModelLost(self._lost or f"the model {self.name} was closed")
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(self._idle_seconds, self._rest)
        self._idle.daemon = True
        self._idle.start()
        if self._process is not None:
            return
        self._info = Future()
        self._said.clear()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "editloop.model.child", json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | _QUIET,
            start_new_session=True,  # Ctrl-C in a terminal is for the one who asks
        )
        atexit.register(self.close)
        for target in (self._listen, self._note):
            threading.Thread(target=target, args=(self._process,), daemon=True).start()

    def _rest(self) -> None:
        with self._lock:
            if not self._pending:
                self._leave()

    def _leave(self) -> None:
        """Under the lock: end the process, which nobody is to call lost."""
        process, self._process = self._process, None
        if self._idle is not None:
            self._idle.cancel()
        if process is not None:
            process.kill()
            process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # `_listen` tells of its end
                self._process.stdin.write(json.dumps(message).encode() + b"\n")
                self._process.stdin.flush()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in process.stdout:
                self._hear(json.loads(line))
        code = process.wait()
        with self._lock:
            ours = self._process is process
            why = self._why(code) if ours else f"the model {self.name} was closed"
            if ours:
                self._process, self._lost = None, why
            pending, self._pending = list(self._pending.values()), {}
        for answer in (self._info, *pending):
            if not answer.done():
                answer.set_exception(ModelLost(why))
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def _hear(self, message: dict[str, Any]) -> None:
        with self._lock:
            answer = self._info if "about" in message else self._pending.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(ModelError(message["error"]))
        else:
            answer.set_result(message.get("about", message.get("result")))

    def _note(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with contextlib.suppress(ValueError, OSError), process.stderr:
            for line in process.stderr:
                self._said.append(line.decode("utf-8", "replace").strip())

    def _why(self, code: int) -> str:
        """What ended the process, in one line; its own last words where it had any."""
        told = next((line for line in self._said if line.startswith("refused: ")), None)
        if told is not None:
            return told.removeprefix("refused: ")
        name = ""
        if code < 0:
            with contextlib.suppress(ValueError):
                name = signal.Signals(-code).name
        words = [line for line in self._said if "GGML_ASSERT" in line or "error" in line.lower()]
        said = re.sub(r"^\S*/", "", words[0]) if words else ""
        why = _SIGNALS.get(name, name or f"exit code {code}")
        return f"the model {self.name} ended: {why}{f' ({said})' if said else ''}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model that the settings name, and answer until nobody asks any more."""
    from editloop.model.answers import Answers, load

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # typing comes first
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    settings = json.loads((arguments or sys.argv[1:])[0])
    lines = _Input(sys.stdin.buffer)
    try:
        answers = Answers(load(**settings))
    except Exception as error:  # noqa: BLE001 - whatever it is, the process that asked tells it
        print("refused: " + " ".join(str(error).split()), file=sys.stderr, flush=True)
        os._exit(1)
    _write(out, {"about": answers.about()})
    for number, method, params, cancel in lines.questions():
        try:
            message = {"id": number, "result": answers.answer(method, params, cancel)}
        except Cancelled:
            continue
        except Exception as error:  # noqa: BLE001 - a bad question must not end the model
            message = {"id": number, "error": " ".join(f"{error}".split()) or repr(error)}
        _write(out, message)


class _Input:
    """Questions in their order; cancels are heard while one is answered."""

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines
        self._arrived = threading.Condition()
        self._waiting: deque[tuple[int, str, Any, threading.Event]] = deque()
        self._cancels: dict[int, threading.Event] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            message = json.loads(line)
            with self._arrived:
                if "cancel" in message:
                    self._cancels.setdefault(message["cancel"], threading.Event()).set()
                    continue
                cancel = self._cancels[message["id"]] = threading.Event()
                self._waiting.append((message["id"], message["method"], message["params"], cancel))
                self._arrived.notify()
        os._exit(0)  # nobody is there any more, whatever is being computed

    def questions(self) -> Any:
        while True:
            with self._arrived:
                while not self._waiting:
                    self._arrived.wait()
                number, method, params, cancel = self._waiting.popleft()
            if not cancel.is_set():
                yield number, method, params, cancel
            with self._arrived:
                self._cancels.pop(number, None)


def _write(out: IO[bytes], message: dict[str, Any]) -> None:
    out.write(json.dumps(message).encode() + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
