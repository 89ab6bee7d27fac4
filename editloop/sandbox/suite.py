"""Starts a whole pytest suite in a fresh sandbox with the candidate in place of one file. Linux,
levels A and B.

Level A shows the project read-only with the candidate mounted over its file; level B works on a
private copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
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
from editloop.sandbox.level import Level
from editloop.sandbox.process import LAUNCHER, LOAD, environment
from editloop.sandbox.scratch import scratch_folder

_MODULES = ("landlock", "seccomp", "confine", "metadata", "supervise", "suite")
_BOOTSTRAP = (
    """
import json, sys, types
config = json.load(sys.stdin)
"""
    + LOAD
    + """module.main(config)
"""
)
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
    cancel: threading.Event | None = None,
) -> SuiteRun:
    """Run pytest with `arguments` in `root`, where the files in `changed` have other contents.

    Raises SandboxUnavailable at levels other than A and B.
    """
    if level not in (Level.A, Level.B):
        raise SandboxUnavailable("a pytest suite is run at levels A and B only")
    if paths.holds_home(root):
        raise SandboxUnavailable(f"{root} holds the whole home folder, which no suite may see")
    python = python or sys.executable
    folder = resources.files("editloop.sandbox.inner")
    shown = paths.readable([*site, *_prefixes(python)])
    shown = list(
        dict.fromkeys(
            [
                *shown,
                *_bin_links(python),
                *(path for path in ("/usr/bin", "/bin") if level is Level.A),
            ]
        )
    )
    with _place(root, changed, level) as place:
        config = {
            "sources": [
                (name, folder.joinpath(f"{name}.py").read_text("utf-8")) for name in _MODULES
            ],
            "readable": [
                *shown,
                *paths.DEVICES,
                str(place.root),
                *(["/proc", "/dev"] if level is Level.A else []),
            ],
            "writable": [place.scratch, "/dev/null"],
            "memory_mb": memory_mb,
            "cpu_seconds": wall_seconds,
            "uid": None,
            "root": str(place.root),
            "path": list(site),
            "arguments": list(arguments),
        }
        inner = [python, "-B", "-s", "-P", "-c", _BOOTSTRAP]
        command = inner if level is Level.B else _bubblewrap(inner, shown, root, place)
        env = environment() | {"HOME": place.scratch, "TMPDIR": place.scratch}
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
        return _watch(process, json.dumps(config).encode(), wall_seconds, cancel)


def _prefixes(python: str) -> list[str]:
    """The environment and the installation behind an interpreter."""
    if python == sys.executable:
        found = [sys.prefix, sys.base_prefix]
    else:
        code = "import sys; print(sys.prefix); print(sys.base_prefix)"
        try:
            told = subprocess.run(
                [python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=20
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxError(f"{python} does not run: {error}") from None
        found = told.stdout.splitlines()
    return [path for path in dict.fromkeys(found) if path != "/usr"]


def _bin_links(python: str) -> list[str]:
    return [python] if python.startswith("/usr") else []


@dataclass(frozen=True, slots=True)
class _Place:
    root: Path
    scratch: str
    files: tuple[tuple[str, Path], ...]


@contextlib.contextmanager
def _place(root: Path, changed: dict[Path, str], level: Level) -> Iterator[_Place]:
    """Where the suite runs, and the candidate's text on disk."""
    with scratch_folder() as folder:
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
