"""Runs a whole pytest suite once, in a fresh sandbox, with the candidate in place of one file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.inner import wire
from editloop.sandbox.interpreters import Interpreter, interpreter
from editloop.sandbox.level import Level
from editloop.sandbox.suitestart import Job, first_frame, placed, shown_to, start

OUTPUT_CAP = 4 * wire.ANSWER_CAP


@dataclass(frozen=True, slots=True)
class Suite:
    """Test files or folders, relative to the root; the module under repair, below the root; and the
    interpreter that runs pytest."""

    paths: tuple[str, ...]
    module: Path
    root: Path
    level: Level
    python: str = sys.executable


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """Lines that the suite told (untrusted), how it ended ("exit", "wall", "cancelled", "flood"),
    its error output, and the CPU seconds of a fork.
    """

    lines: tuple[Any, ...]
    end: str
    status: int
    errors: str
    cpu_seconds: float = 0.0


def run_suite(
    suite: Suite,
    source: str | None,
    *,
    wall_seconds: float = 60.0,
    traced: bool = False,
    cancel: threading.Event | None = None,
) -> SuiteRun:
    """Run the suite with ``source`` in the place of the module; with None its tests are named only.

    Each failed test tells its frames in the module; `traced`: each test the lines of the module
    that it ran as well. Raises SandboxUnavailable at levels other than A and B, SandboxError for a
    `python` that is no interpreter, ValueError for a module outside of the root.
    """
    level = suite.level
    if level not in (Level.A, Level.B):
        raise SandboxUnavailable("a pytest suite is run at levels A and B only")
    found = found_python(suite)
    changed = {} if source is None else {suite.module: source}
    arguments = (*(["--collect-only"] if source is None else []), *suite.paths)
    with placed(suite.root, changed, level) as place:
        inside = str(place.root / suite.module.relative_to(suite.root))
        shown = shown_to(found, level)
        job = Job(arguments, inside, traced)
        config = first_frame(found, shown, place, level, job, wall_seconds)
        return _watch(start(shown, suite.root, place, level), config, wall_seconds, cancel)


def found_python(suite: Suite) -> Interpreter:
    """The suite's interpreter. Raises SandboxError where it is none."""
    found = interpreter(suite.python)
    if found is None:
        raise SandboxError(f"{suite.python} is no Python interpreter")
    return found


def _watch(
    process: subprocess.Popen[bytes], config: bytes, wall: float, cancel: threading.Event | None
) -> SuiteRun:
    """Feed, read with a cap, and end it in time."""
    output, errors = bytearray(), bytearray()
    assert process.stdin is not None

    def drain(stream: Any, into: bytearray) -> None:
        while part := stream.read1(1 << 16):
            into += part if len(into) < OUTPUT_CAP else b""

    threads = [
        threading.Thread(target=drain, args=pair, daemon=True)
        for pair in ((process.stdout, output), (process.stderr, errors))
    ]
    for thread in threads:
        thread.start()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(config)
        process.stdin.close()
    end, deadline = "exit", time.monotonic() + wall
    while process.poll() is None:
        if cancel is not None and cancel.is_set():
            end = "cancelled"
        elif time.monotonic() > deadline:
            end = "wall"
        elif len(output) >= OUTPUT_CAP:
            end = "flood"
        else:
            time.sleep(0.01)
            continue
        break
    # Also after a regular end: what the tests started shares the session and may not outlive them.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    for thread in threads:
        thread.join(1.0)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    return SuiteRun(
        tuple(read_lines(bytes(output))), end, status, errors.decode("utf-8", "replace")[-2000:]
    )


def read_lines(output: bytes) -> Iterator[Any]:
    """What a suite told, line by line; what is not JSON is passed over."""
    for line in output.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(line)
