"""Starts the process of a pytest suite. Linux, levels A and B.

Level A shows the project read-only with the candidate mounted over its file; level B works on a
private copy. What starts is this process's own interpreter; it confines itself and only then
becomes the project's, so that nothing of a workspace runs outside.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from editloop.sandbox import bwrap, paths
from editloop.sandbox.errors import SandboxUnavailable
from editloop.sandbox.interpreters import Interpreter
from editloop.sandbox.launch import FRAMED, LOAD, environment, framed, launch, sources
from editloop.sandbox.level import Level
from editloop.sandbox.scratch import scratch_folder

_OUTER = ("landlock", "seccomp", "confine", "metadata", "supervise", "suite")
_INNER = ("wire", "landlock", "tracing", "recorder", "ahead", "warm", "pytests")
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
_MEMORY_MB = 2048
_SLOT_RULES = 200
"""The descriptor of the rules for forks; below the limit of descriptors, above those in use."""


@dataclass(frozen=True, slots=True)
class Job:
    """pytest's arguments, the path of the module under repair inside, and whether lines are told;
    `serve`: fork for each candidate.
    """

    arguments: tuple[str, ...]
    module: str
    traced: bool = False
    serve: bool = False


def shown_to(found: Interpreter, level: Level) -> list[str]:
    """What a suite may read beside its project."""
    programs = ("/usr/bin", "/bin") if level is Level.A else ()
    return list(dict.fromkeys([*paths.readable(found.readable), *programs]))


def first_frame(
    found: Interpreter,
    shown: Sequence[str],
    place: Place,
    level: Level,
    job: Job,
    cpu_seconds: float,
) -> bytes:
    """What the process reads first: how to confine itself, and the job."""
    slot = f"{place.scratch}/.editloop-slot" if job.serve else ""
    inner = {
        "sources": sources(_INNER),
        "root": str(place.root),
        "own_processes": level is Level.A,
        "slot": slot,
        "slot_rules": _SLOT_RULES,
        **dataclasses.asdict(job),
    }
    command = [found.program, "-B", "-s", "-c", _SECOND, json.dumps(inner)]
    return confined(command, shown, place, level, _MEMORY_MB, cpu_seconds, slot)


def confined(
    command: Sequence[str],
    shown: Sequence[str],
    place: Place,
    level: Level,
    memory_mb: int,
    cpu_seconds: float,
    slot: str = "",
) -> bytes:
    """The first frame of a process that confines itself and then becomes ``command``."""
    config = {
        "sources": sources(_OUTER),
        "readable": [
            *shown,
            *paths.DEVICES,
            str(place.root),
            *(["/proc", "/dev"] if level is Level.A else []),
        ],
        "writable": [place.scratch, "/dev/null"],
        "memory_mb": memory_mb,
        "cpu_seconds": cpu_seconds,
        "own_processes": level is Level.A,
        "slot": slot,
        "slot_rules": _SLOT_RULES,
        "command": list(command),
    }
    return framed(config)


def start(
    shown: list[str], root: Path, place: Place, level: Level, also: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """The process, which waits for its first frame; ``also``: more of its environment."""
    command = [paths.interpreter(), "-I", "-S", "-B", "-c", FRAMED]
    if level is Level.A:
        # First, as the project or its environment may lie below /tmp.
        head = ["--size", str(256 << 20), "--tmpfs", place.scratch]
        tail = ["--proc", "/proc"]
        for held, path in place.files:
            tail += ["--ro-bind", held, str(path)]
        command = bwrap.command(command, [*shown, str(root)], head=head, tail=tail)
    env = environment() | {"HOME": place.scratch, "TMPDIR": place.scratch, "PYTHONSAFEPATH": "1"}
    return launch(command, env | dict(also or {}))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a suite runs: its root and a folder to write in, as it sees them; and at level A, the
    files of the host that stand for others.
    """

    root: Path
    scratch: str
    files: tuple[tuple[str, Path], ...]


@contextlib.contextmanager
def placed(root: Path, changed: dict[Path, str], level: Level) -> Iterator[Place]:
    """Where a suite runs, and the candidate's text on disk.

    Raises SandboxUnavailable for a root that holds the home folder.
    """
    if paths.holds_home(root):
        raise SandboxUnavailable(f"{root} holds the whole home folder, which no suite may see")
    with scratch_folder() as folder:
        if level is Level.A:
            files = []
            for number, (path, text) in enumerate(changed.items()):
                held = folder / f"{number}.py"
                held.write_bytes(text.encode())
                files.append((str(held), path))
            yield Place(root, "/tmp", tuple(files))
            return
        copy = folder / "project"
        shutil.copytree(root, copy, symlinks=True, ignore=_UNCOPIED)
        for path, text in changed.items():
            target = copy / path.relative_to(root)
            target.unlink(missing_ok=True)  # never write through a link
            target.write_bytes(text.encode())
        scratch = folder / "scratch"
        scratch.mkdir()
        yield Place(copy, str(scratch), ())
