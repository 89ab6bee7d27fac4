"""Runs the steps of a plan, one child process a command, and can be stopped at any moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from editloop.cli import USAGE_ERROR, CliError
from editloop_trainer.workflow.ledger import Ledger
from editloop_trainer.workflow.plan import Plan
from editloop_trainer.workflow.show import Show
from editloop_trainer.workflow.step import Command, Step

INTERRUPTED = 130
_POLL = 0.2
_SAVE = 5.0
"""Seconds between two records of the time that a step has taken."""
_GRACE = 10.0
"""Seconds for a child to end, when the whole is stopped."""
_LOCK_WAIT = 20.0
"""Seconds that the children of a killed run may take to notice."""
_LEAST = 0.25
"""Minutes that a step gets at least, however late it is: to start takes some of them."""
_LEAST_TRAINING = 0.1
"""Minutes that a training step gets at least: its own clock begins when it has started."""


class Stopped(CliError):
    """Somebody asked for the end; what is done stays done."""


def run_plan(plan: Plan, minutes: float, show: Show, stop: threading.Event) -> None:
    """Do what is not done yet; ``minutes`` are for all steps together, interrupted parts included.

    Raises Stopped, and CliError when a command fails.
    """
    with locked(plan.work) as lock, (plan.work / "log.txt").open("ab") as log:
        ledger = Ledger(plan.work)
        count = len(plan.steps())
        for index in range(count):
            steps = plan.steps()  # anew: what is exported depends on the steps before
            step = steps[index]
            if not step.needs():
                continue
            key = step.key()
            show.step(step.name, index + 1, count, step.title)
            if ledger.is_done(step.name, key, step.snapshot):
                show.update(1.0, "done before")
                continue
            weights = sum(later.weight for later in steps[index:])
            share = step.weight / weights if weights else 0.0
            least = _LEAST_TRAINING if step.own_clock else _LEAST
            left = max(least, (minutes - ledger.spent / 60) * share)
            left = ledger.begin(step.name, key, left, step.outputs, step.snapshot)
            _run_step(step, left, ledger, Child(log, lock, stop), show)
            ledger.finish(step.name)
            show.update(1.0, "done")
        ledger.complete()


def _run_step(step: Step, minutes: float, ledger: Ledger, child: Child, show: Show) -> None:
    before = ledger.seconds(step.name)
    left = minutes if step.own_clock else max(_LEAST, minutes - before / 60)
    started = saved = time.monotonic()

    def tick() -> None:
        nonlocal saved
        now = time.monotonic()
        if now - saved > _SAVE:
            ledger.spend(step.name, now - saved)
            saved = now
        passed = (before + now - started) / 60
        show.update(min(0.99, passed / minutes), f"{passed:.1f} of {minutes:.1f} min")

    try:
        for command in step.commands(left):
            child.run(step.name, command, tick)
    finally:
        ledger.spend(step.name, time.monotonic() - saved)


class Child:
    """Runs commands; ``lock`` stays held as long as one of them lives."""

    def __init__(self, log: IO[bytes], lock: int, stop: threading.Event) -> None:
        self._log, self._lock, self._stop = log, lock, stop

    def run(self, step: str, command: Command, tick: Callable[[], None]) -> None:
        words = [str(word) for word in command]
        self._log.write(f"\n$ editloop {' '.join(words)}\n".encode())
        self._log.flush()
        start = self._log.tell()
        process = subprocess.Popen(
            # -P: nothing is imported from the working folder, which may have a `trainer` of its own
            [sys.executable, "-P", "-m", "editloop_trainer.workflow.child", *words],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, "COLUMNS": "160"},
            pass_fds=() if os.name == "nt" else (self._lock,),
            start_new_session=True,
        )
        with process:
            try:
                while process.poll() is None:
                    if self._stop.is_set():
                        raise Stopped(f"stopped in the step {step}; the same command goes on", 130)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL)
                    tick()
            finally:
                _end(process)
        if process.returncode:
            raise CliError(
                f"the step {step} failed: {self._last_line(start)} (log: {self._log.name})",
                process.returncode if process.returncode in (1, USAGE_ERROR) else 1,
            )

    def _last_line(self, start: int) -> str:
        with open(self._log.name, "rb") as log:
            log.seek(start)
            lines = log.read().decode("utf-8", "replace").split("\n")
        told = [line.strip() for line in lines if line.strip()]
        return told[-1].removeprefix("editloop: ") if told else "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a child to end, and its whole group where it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


@contextmanager
def locked(work: Path) -> Iterator[int]:
    """The descriptor of a lock on the work folder. Raises CliError while another run has it.

    Children inherit it, so that a child that outlives its parent for a moment keeps others out.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("ab") as file:
        if os.name != "nt":
            import fcntl

            deadline = time.monotonic() + _LOCK_WAIT
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise CliError(f"another run works in {work}: wait, or end it") from None
                    time.sleep(_POLL)
        yield file.fileno()


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    numbers: Sequence[int] = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
