"""Training and exporting a model as a child process, with its progress, its log and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

log = logging.getLogger(__name__)

_STOP_SECONDS = 20.0
"""How long a training may take to save its state when it is cancelled."""
_LINE_LIMIT = 16 << 20


class TrainingError(JsonRpcInvalidParams):
    """The command cannot be started like this; one line for a person."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a training ended: exit code, the last line that had ``done``, or why there is none."""

    exit: int
    summary: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def train_argv(argument: dict[str, Any]) -> list[str]:
    """The command line for an argument of ``editloop.train``. Raises TrainingError."""
    folder = argument.get("folder")
    if not isinstance(folder, str) or not os.path.isdir(folder):
        raise TrainingError(f"there is no folder {folder!r} to train on")
    argv = [sys.executable, "-P", "-m", "editloop", "train-and-export", "--corpus", folder]
    minutes = argument.get("minutes")
    if minutes is not None:
        if not isinstance(minutes, int | float) or isinstance(minutes, bool) or minutes <= 0:
            raise TrainingError(f"minutes have to be a number above 0, not {minutes!r}")
        argv += ["--minutes", f"{minutes:g}"]
    given = {"name": os.path.basename(os.path.abspath(folder)), **argument}
    for key in ("name", "base"):
        value = given.get(key)
        if value is not None and value != "":
            if not isinstance(value, str) or value.startswith("-"):
                raise TrainingError(f"{key} has to be a text, not {value!r}")
            argv += [f"--{key}", value]
    argv += [f"--{flag}" for flag in ("use", "replace") if argument.get(flag) is True]
    return [*argv, "--progress", "json"]


async def run(
    argv: Sequence[str],
    on_progress: Callable[[dict[str, Any]], None],
    on_log: Callable[[str], None],
) -> Ended:
    """Run a training to its end. Cancelling the task stops it cleanly, so that it can be resumed.

    Raises OSError where it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        start_new_session=os.name == "posix",
    )
    last: dict[str, Any] = {}
    errors: list[str] = []

    async def read_progress() -> None:
        assert process.stdout is not None
        async for raw in process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            message = _message(line)
            if message is None:
                on_log(line)
            elif "step" in message:
                on_progress(message)
            else:
                last.clear()
                last.update(message)

    async def read_log() -> None:
        assert process.stderr is not None
        async for raw in process.stderr:
            line = raw.decode("utf-8", "replace").rstrip()
            errors[:] = [*errors[-4:], line] if line else errors
            on_log(line)

    readers = asyncio.gather(read_progress(), read_log())
    try:
        await asyncio.shield(readers)
        code = await process.wait()
    except asyncio.CancelledError:
        await _stop(process)
        readers.cancel()
        raise
    if "error" in last:
        return Ended(code, {}, str(last["error"]))
    if last.get("done") and code == 0:
        return Ended(code, dict(last))
    return Ended(code, {}, errors[-1] if errors else f"it ended with exit code {code}")


def _message(line: str) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask a process to stop, then end it with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)  # a shell's background jobs ignore SIGINT
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        log.warning("the training did not stop in time and was ended")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    await process.wait()
