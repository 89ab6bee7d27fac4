"""A GGUF in a process of its own, so that what aborts in native code there is one line here."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from editloop.model.backend import ModelError, ModelLost, Prompt, Reply, Sampling
from editloop.model.ended import why_ended
from editloop.model.store import with_base
from editloop.model.turns import RENDERING
from editloop.model.wire import prompt_row
from editloop.policy import Cancelled

IDLE_SECONDS = 300.0
"""A model that nobody asked anything for this long gives its memory back."""
_HEEDING = 1_000_000_000
"""Parameters of a model that heeds comments before a gap: measured with 0.5B and 1.5B alone."""
LOAD_SECONDS = 300.0
"""A process that is still loading then is ended."""
DEAF_SECONDS = 30.0
"""A process that still has not left a question that was cancelled is ended: it hangs."""
_POLL = 0.05
_QUIET = {"GGML_NO_BACKTRACE": "1", "OMP_WAIT_POLICY": "passive"}
"""llama.cpp would print what a debugger says of it, and its threads would spin at barriers."""


@dataclass(eq=False, slots=True)
class _Run:
    """One process and what is expected of it."""

    process: subprocess.Popen[bytes]
    info: Future[dict[str, Any]] = field(default_factory=Future)
    pending: dict[int, Future[Any]] = field(default_factory=dict)
    outbox: SimpleQueue[dict[str, Any] | None] = field(default_factory=SimpleQueue)
    """Messages to it: a pipe that nobody reads must not stop whoever sends. None ends them."""
    said: deque[str] = field(default_factory=lambda: deque(maxlen=50))
    ended_for: str | None = None
    """Why it was ended from here, if it was."""


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
        """``n_ctx`` in tokens; ``threads`` None: as many as the machine has cores to give."""
        self.path, self.name = path, (adapter or path).stem
        self._settings = {
            "path": str(path),
            "adapter": None if adapter is None else str(adapter),
            "n_ctx": n_ctx,
            "threads": threads,
        }
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._numbers = itertools.count(1)
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
        run = self._run
        return run.process.pid if run else None

    @property
    def fills(self) -> bool:
        """Whether the file has fill-in tokens; waits until it is loaded."""
        return bool(self._about()["fills"])

    @property
    def heeds(self) -> bool:
        """Whether the model has a billion parameters; waits until it is loaded."""
        return bool(self._about()["parameters"] >= _HEEDING)

    @property
    def points(self) -> bool:
        """What the file of the model, or of its adapter, says; waits until it is loaded."""
        return bool(self._about()["rendering"] == RENDERING)

    @property
    def judges(self) -> bool:
        """Always: llama.cpp gives the logits."""
        return True

    def complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, cancel: threading.Event | None = None
    ) -> list[list[Reply]]:
        asked = {"prompts": [prompt_row(p) for p in prompts], "sampling": asdict(sampling)}
        rows = self._ask("complete", asked, cancel)
        return [[Reply(**row) for row in replies] for replies in rows]

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event | None = None
    ) -> list[tuple[float, ...]]:
        rows = self._ask("score", {"context": context, "texts": list(texts)}, cancel)
        return [tuple(row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._leave()
        atexit.unregister(self.close)

    def _about(self) -> dict[str, Any]:
        with self._lock:
            info = self._started().info
        return info.result()

    def _ask(self, method: str, params: Any, cancel: threading.Event | None) -> Any:
        answer: Future[Any] = Future()
        with self._lock:
            run = self._started()
            number = next(self._numbers)
            run.pending[number] = answer
            run.outbox.put({"id": number, "method": method, "params": params})
        while True:
            if cancel is not None and cancel.is_set():
                run.outbox.put({"cancel": number})
                self._check_later(run, number, answer)
                raise Cancelled("cancelled while the model was asked")
            try:
                return answer.result(_POLL if cancel is not None else None)
            except NotYet:
                continue

    def _started(self) -> _Run:
        """Under the lock: a process is there, and its idle time begins anew."""
        if self._closed or self._lost is not None:
            raise ModelLost(self._lost or f"the model {self.name} was closed")
        self._count_idle_time()
        if self._run is not None:
            return self._run
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "editloop.model.process", json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | _QUIET,
            start_new_session=True,  # Ctrl-C in a terminal is for the one who asks
        )
        atexit.unregister(self.close)  # of an earlier process
        atexit.register(self.close)
        run = self._run = _Run(process)
        notes, letters = (
            threading.Thread(target=work, args=(run,), daemon=True)
            for work in (self._note, self._write)
        )
        threading.Thread(target=self._listen, args=(run, notes), daemon=True).start()
        notes.start()
        letters.start()
        loading = self._after(LOAD_SECONDS, lambda: self._check_loaded(run))
        run.info.add_done_callback(lambda _: loading.cancel())
        return run

    def _count_idle_time(self) -> None:
        """Under the lock: the process leaves when nothing more is asked for a while."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._after(self._idle_seconds, self._rest)

    def _rest(self) -> None:
        with self._lock:
            if self._run is not None and (self._run.pending or not self._run.info.done()):
                self._count_idle_time()
            else:
                self._leave()

    def _leave(self) -> None:
        """Under the lock: end the process, which nobody is to call lost."""
        run, self._run = self._run, None
        if self._idle is not None:
            self._idle.cancel()
        if run is not None:
            run.process.kill()
            run.process.wait()

    def _check_loaded(self, run: _Run) -> None:
        if not run.info.done():
            self._end(run, f"it did not load within {LOAD_SECONDS:g} s")

    def _check_later(self, run: _Run, number: int, answer: Future[Any]) -> None:
        timer = self._after(DEAF_SECONDS, lambda: self._check_heard(run, number, answer))
        answer.add_done_callback(lambda _: timer.cancel())

    def _check_heard(self, run: _Run, number: int, answer: Future[Any]) -> None:
        """End a process that was to leave a question and has not: it hangs."""
        if not run.info.done() or number != min(run.pending, default=number):
            self._check_later(run, number, answer)  # its turn has not come
        elif not answer.done():
            self._end(run, "it did not answer any more")

    def _end(self, run: _Run, why: str) -> None:
        run.ended_for = why
        run.process.kill()  # `_listen` tells of it

    @staticmethod
    def _after(seconds: float, work: Callable[[], None]) -> threading.Timer:
        timer = threading.Timer(seconds, work)
        timer.daemon = True
        timer.start()
        return timer

    @staticmethod
    def _write(run: _Run) -> None:
        assert run.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # `_listen` tells of its end
            while (message := run.outbox.get()) is not None:
                run.process.stdin.write(json.dumps(message).encode() + b"\n")
                run.process.stdin.flush()
        with contextlib.suppress(OSError):  # what is left in its buffer
            run.process.stdin.close()

    def _listen(self, run: _Run, notes: threading.Thread) -> None:
        """Hand answers on; when the process has ended, tell everybody who waits for one."""
        assert run.process.stdout is not None
        with run.process.stdout as stream, contextlib.suppress(ValueError, OSError):
            for line in stream:
                self._hear(run, json.loads(line))
        run.process.kill()  # one that closed its output is of no use
        code = run.process.wait()
        run.outbox.put(None)
        notes.join(1.0)
        with self._lock:
            why = f"the model {self.name} was closed"
            if self._run is run:
                self._run, self._lost = (
                    None,
                    (why := why_ended(self.name, run.said, run.ended_for, code)),
                )
            pending = [*run.pending.values(), run.info]
            run.pending.clear()
        for answer in pending:
            if not answer.done():
                answer.set_exception(ModelLost(why))

    def _hear(self, run: _Run, message: dict[str, Any]) -> None:
        with self._lock:
            answer: Future[Any] | None = run.info
            if "about" not in message:
                answer = run.pending.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(ModelError(message["error"]))
        else:  # where it was cancelled nobody waits for it
            answer.set_result(message["about"] if "about" in message else message.get("result"))

    def _note(self, run: _Run) -> None:
        assert run.process.stderr is not None
        with run.process.stderr as stream, contextlib.suppress(ValueError, OSError):
            for line in stream:
                run.said.append(line.decode("utf-8", "replace").strip())


def open_model(path: Path, *, n_ctx: int = 4096, threads: int | None = None) -> ChildModel:
    """The model of a GGUF; of a LoRA's, its base with it.

    ``n_ctx`` in tokens; ``threads`` None: as many as the machine has cores to give. Raises
    EngineError; ModelNotFound where the base is not here.
    """
    whole, adapter = with_base(path)
    return ChildModel(whole, adapter=adapter, n_ctx=n_ctx, threads=threads)
