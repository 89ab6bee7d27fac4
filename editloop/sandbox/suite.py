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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.inner import wire
from editloop.sandbox.interpreters import interpreter
from editloop.sandbox.level import Level
from editloop.sandbox.suitestart import Job, first_frame, placed, shown_to, start

OUTPUT_CAP = 4 * wire.ANSWER_CAP


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
    arguments: Sequence[str],
    root: Path,
    changed: dict[Path, str],
    *,
    level: Level,
    python: str | None = None,
    site: tuple[str, ...] = (),
    memory_mb: int = 2048,
    wall_seconds: float = 60.0,
    module: Path | None = None,
    traced: bool = False,
    cancel: threading.Event | None = None,
) -> SuiteRun:
    """Run pytest with `arguments` in `root`, where the files in `changed` have other contents.

    Each failed test tells its frames in `module`; `traced`: each test the lines of `module` that it
    ran as well. Raises SandboxUnavailable at levels other than A and B, SandboxError for a `python`
    that is no interpreter.
    """
    if level not in (Level.A, Level.B):
        raise SandboxUnavailable("a pytest suite is run at levels A and B only")
    program = python or sys.executable
    found = interpreter(program)
    if found is None:
        raise SandboxError(f"{program} is no Python interpreter")
    with placed(root, changed, level) as place:
        inside = str(place.root / module.relative_to(root)) if module else ""
        job = Job(tuple(arguments), inside, tuple(site), traced)
        shown = shown_to(found, site, level)
        config = first_frame(found, shown, place, level, job, memory_mb, wall_seconds)
        process = start(shown, root, place, level)
        return _watch(process, config, wall_seconds, cancel)


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
