"""A second process that searches beside this one: two searches in one would share Python's lock.

It starts when it is first asked, with checkers and a sandbox of its own, and ends with this one, or
when it has nothing to do for minutes.
Messages are pickled; no candidate's code runs in either of the two.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import IO, Any

from editloop.budget import Budget
from editloop.checks.static import StaticChecker
from editloop.checks.verdict import Verdict
from editloop.checks.verify import Verifier
from editloop.document.state import EditState
from editloop.policy import SpectrumPolicy, UniformPolicy
from editloop.repair.search import search
from editloop.repair.solutions import SearchResult
from editloop.sandbox import Level, SandboxPool

log = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
"""After so long without an errand it ends; the next one starts it again."""
_NO_MORE = b"stop"
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Errand:
    """One search in uniform order: what it begins with, and its limits."""

    state: EditState
    verifier: Verifier
    first_verdict: Verdict
    budget: Budget
    seed: int
    alternatives: int
    spectrum: Mapping[str, float]
    """How likely each line is at fault, by its text (`SpectrumPolicy`)."""


@dataclass(slots=True)
class Companion:
    """The process; it starts with its first errand, and again where it has died."""

    process: subprocess.Popen[bytes] | None = None
    busy: threading.Lock = field(default_factory=threading.Lock)
    sending: threading.Lock = field(default_factory=threading.Lock)

    def search(self, errand: Errand, stop: threading.Event) -> SearchResult | None:
        """Blocks until the search ends; whoever sets ``stop`` has to call ``stop`` as well.

        It waits for the errand before this one. None where the process does not start or dies.
        """
        try:
            message = _pickled(errand)
        except (pickle.PicklingError, AttributeError, TypeError):
            return None  # a check that cannot be sent is this process's alone
        while not self.busy.acquire(timeout=_POLL_SECONDS):
            if stop.is_set():
                return None
        try:
            answers = self._started()
            with self.sending:
                self._send(message)
            if stop.is_set():
                self.stop()
            return _answer(answers)
        except OSError:
            return None
        finally:
            self.busy.release()

    def stop(self) -> None:
        """End the search that is going on, if there is one. Does not wait for a process that has
        yet to read its errand: who sends that looks whether it should stop."""
        if self.sending.acquire(blocking=False):
            try:
                with contextlib.suppress(OSError):
                    self._send(pickle.dumps(_NO_MORE))
            finally:
                self.sending.release()

    def close(self) -> None:
        """End the process, and with it what it has started."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                _pipe(process.stdin).close()
            if not self.busy.locked():  # else who reads it closes it
                _pipe(process.stdout).close()

    def _started(self) -> IO[bytes]:
        if self.process is not None and self.process.poll() is not None:
            _pipe(self.process.stdout).close()
            self.close()
        if self.process is None:
            program = "from editloop.repair.companion import main; main()"
            # A workspace's own modules must not stand in for the library's.
            command = [sys.executable, "-P", "-c", program]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return _pipe(self.process.stdout)

    def _send(self, message: bytes) -> None:
        if self.process is not None:
            _pipe(self.process.stdin).write(message)
            _pipe(self.process.stdin).flush()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _answer(answers: IO[bytes]) -> SearchResult | None:
    """What the process found; None where it ends without a word."""
    try:
        found = pickle.load(answers)
    except (EOFError, pickle.UnpicklingError):
        answers.close()
        return None
    assert found is None or isinstance(found, SearchResult)
    return found


_lock = threading.Lock()
_known: dict[int, Companion] = {}


def companion(number: int) -> Companion:
    """The first of this process, the second, and so on."""
    with _lock:
        if number not in _known:
            _known[number] = Companion()
            atexit.register(_known[number].close)
        return _known[number]


class _Pickler(pickle.Pickler):
    """What has processes of its own is sent as what it takes to have another one like it."""

    def reducer_override(self, obj: object) -> Any:
        if isinstance(obj, StaticChecker):
            return _checker, ()
        if isinstance(obj, SandboxPool):
            return _pool, (obj.level,)
        return NotImplemented


def _pickled(errand: Errand) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer).dump(errand)
    return buffer.getvalue()


@cache
def _checker() -> StaticChecker:
    return StaticChecker()


@cache
def _pool(level: Level) -> SandboxPool:
    return SandboxPool(1, level)


def _run(errand: Errand, stop: threading.Event, answers: IO[bytes]) -> None:
    def verify(candidate: EditState) -> Verdict:
        return errand.verifier.verify(candidate.text, stop)

    try:
        found: SearchResult | None = search(
            errand.state,
            SpectrumPolicy(UniformPolicy(), lambda: errand.spectrum),
            verify,
            budget=errand.budget,
            seed=errand.seed,
            alternatives=errand.alternatives,
            cancel=stop,
            first_verdict=errand.first_verdict,
        )
    except Exception as error:  # noqa: BLE001 - the person's search goes on, with a line in the log
        log.warning("the second search failed: %s: %s", type(error).__name__, error)
        found = None
    pickle.dump(found, answers)
    answers.flush()


def main() -> None:
    """Do errands until nobody is there any more, or has come for a while."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    stop, running = threading.Event(), threading.Thread()

    def leave() -> None:
        if not running.is_alive():
            os._exit(0)

    while True:
        idle = threading.Timer(IDLE_SECONDS, leave)
        idle.daemon = True
        idle.start()
        try:
            message = pickle.load(requests)
        except EOFError:
            stop.set()
            return
        finally:
            idle.cancel()
        if message == _NO_MORE:
            stop.set()
        else:
            stop = threading.Event()
            running = threading.Thread(target=_run, args=(message, stop, answers), daemon=True)
            running.start()
