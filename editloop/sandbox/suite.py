"""Starts a whole pytest suite in a fresh sandbox with the candidate in place of one file. Linux,
levels A and B.

Level A shows the project read-only with the candidate mounted over its file; level B works on a
private copy. What starts is this process's own interpreter; it confines itself and only then
becomes the project's, so that nothing of a workspace runs outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from editloop.sandbox import bwrap, paths
from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.inner import wire
from editloop.sandbox.interpreters import Interpreter, interpreter
from editloop.sandbox.level import Level
from editloop.sandbox.process import LAUNCHER, LOAD, environment

_OUTER = ("landlock", "seccomp", "confine", "suite")
_INNER = ("recorder", "pytests")
_BOOTSTRAP = (
    """
import json, os, sys, types
def read(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part: os._exit(1)
        data += part
    return data
config = json.loads(read(int.from_bytes(read(4), "big")))
"""
    + LOAD
    + """module.main(config)
"""
)
_SECOND = (
    """
import sys
sys.path[:] = [path for path in sys.path if path]
import json, os, types
config = json.loads(sys.argv.pop())
try:  # before the project's folder is on the path: it may have a pytest.py
    import pytest
except BaseException as error:
    text = "pytest cannot be imported by %s: %s" % (sys.executable, error)
    os.write(1, json.dumps({"missing": text}).encode() + b"\\n")
    os._exit(0)
"""
    + LOAD
    + """module.main(config)
"""
)
"""For the project's interpreter, of any version from 3.8 on: no option of it keeps the current
folder off the path in all of them."""
_UNCOPIED = shutil.ignore_patterns(
    ".git", ".hg", "__pycache__", "node_modules", ".venv", "venv", ".mypy_cache", ".tox"
)
_OUTPUT_CAP = 4 * wire.ANSWER_CAP


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """Lines that the suite told (untrusted), how it ended ("exit", "wall", "cancelled", "flood"),
    its error output.
    """

    lines: tuple[Any, ...]
    end: str
    status: int
    errors: str


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
    with _place(root, changed, level) as place:
        job = {
            "root": str(place.root),
            "path": list(site),
            "arguments": list(arguments),
            "module": str(place.root / module.relative_to(root)) if module else "",
            "traced": traced,
        }
        shown = _shown(found, site, level)
        config = _config(found, shown, place, level, memory_mb, wall_seconds, job)
        process = _start(shown, root, place, level)
        return _watch(process, config, wall_seconds, cancel)


def _sources(names: Sequence[str]) -> list[tuple[str, str]]:
    folder = resources.files("editloop.sandbox.inner")
    return [(name, folder.joinpath(f"{name}.py").read_text("utf-8")) for name in names]


def _shown(found: Interpreter, site: Sequence[str], level: Level) -> list[str]:
    """What a suite may read beside its project."""
    programs = ("/usr/bin", "/bin") if level is Level.A else ()
    return list(dict.fromkeys([*paths.readable([*site, *found.readable]), *programs]))


def _config(
    found: Interpreter,
    shown: Sequence[str],
    place: _Place,
    level: Level,
    memory_mb: int,
    cpu_seconds: float,
    job: dict[str, Any],
) -> bytes:
    """The first frame for the process."""
    job = job | {"sources": _sources(_INNER)}
    config = {
        "sources": _sources(_OUTER),
        "readable": [
            *shown,
            *paths.DEVICES,
            str(place.root),
            *(["/proc", "/dev"] if level is Level.A else []),
        ],
        "writable": [place.scratch, "/dev/null"],
        "memory_mb": memory_mb,
        "cpu_seconds": cpu_seconds,
        "uid": None,
        "root": str(place.root),
        "command": [found.program, "-B", "-s", "-c", _SECOND, json.dumps(job)],
    }
    data = json.dumps(config).encode()
    return len(data).to_bytes(4, "big") + data


def _start(shown: list[str], root: Path, place: _Place, level: Level) -> subprocess.Popen[bytes]:
    """The process, which waits for its first frame."""
    inner = [paths.interpreter(), "-I", "-S", "-B", "-c", _BOOTSTRAP]
    command = inner if level is Level.B else _bubblewrap(inner, shown, root, place)
    env = environment() | {"HOME": place.scratch, "TMPDIR": place.scratch, "PYTHONSAFEPATH": "1"}
    process: subprocess.Popen[bytes] = LAUNCHER.run(
        lambda: subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    )
    return process


@dataclass(frozen=True, slots=True)
class _Place:
    root: Path
    scratch: str
    files: tuple[tuple[str, Path], ...]


@contextlib.contextmanager
def _place(root: Path, changed: dict[Path, str], level: Level) -> Iterator[_Place]:
    """Where the suite runs, and the candidate's text on disk."""
    with tempfile.TemporaryDirectory(prefix="editloop-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if level is Level.A:
            files = []
            for number, (path, text) in enumerate(changed.items()):
                held = folder / f"{number}.py"
                held.write_bytes(text.encode())
                files.append((str(held), path))
            yield _Place(root, "/tmp", tuple(files))
            return
        copy = folder / "project"
        shutil.copytree(root, copy, symlinks=True, ignore=_UNCOPIED)
        for path, text in changed.items():
            target = copy / path.relative_to(root)
            target.unlink(missing_ok=True)  # never write through a link
            target.write_bytes(text.encode())
        scratch = folder / "scratch"
        scratch.mkdir()
        yield _Place(copy, str(scratch), ())


def _bubblewrap(inner: list[str], shown: list[str], root: Path, place: _Place) -> list[str]:
    """The user's files read-only, a small temporary folder of its own, no network."""
    found = bwrap.program()
    if found is None:
        raise SandboxUnavailable("bubblewrap (bwrap) is not installed")
    # First, as the project or its environment may lie below /tmp.
    scratch = ["--size", str(256 << 20), "--tmpfs", place.scratch]
    extra = ["--proc", "/proc"]
    for held, path in place.files:
        extra += ["--ro-bind", held, str(path)]
    base = bwrap.mounts([*shown, str(root)], head=scratch, tail=extra)
    return [
        found,
        "--unshare-user",
        *bwrap.isolation(False)[1:],
        "--cap-drop",
        "ALL",
        *base,
        "--",
        *inner,
    ]


def _watch(
    process: subprocess.Popen[bytes], config: bytes, wall: float, cancel: threading.Event | None
) -> SuiteRun:
    """Feed, read with a cap, and end it in time."""
    output, errors = bytearray(), bytearray()
    assert process.stdin is not None

    def drain(stream: Any, into: bytearray) -> None:
        while part := stream.read1(1 << 16):
            into += part if len(into) < _OUTPUT_CAP else b""

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
        elif len(output) >= _OUTPUT_CAP:
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
        tuple(_lines(bytes(output))), end, status, errors.decode("utf-8", "replace")[-2000:]
    )


def _lines(output: bytes) -> Iterator[Any]:
    for line in output.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(line)
