"""Runs a person's command in a sandbox, with a candidate in the place of one file of its project.
Linux, levels A and B.

The project is a private copy in which the program may write; its interpreter and packages are
readable, the network is not there. One confined process stays and forks a child for each run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from editloop.sandbox import bwrap, paths
from editloop.sandbox.commandjob import Job, Run
from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.inner import wire
from editloop.sandbox.interpreters import Interpreter
from editloop.sandbox.launch import FRAMED, Talk, end, environment, framed, launch, sources
from editloop.sandbox.level import Level
from editloop.sandbox.projectcopy import ProjectCopy

_MODULES = (
    "wire",
    "landlock",
    "seccomp",
    "confine",
    "metadata",
    "supervise",
    "tracing",
    "program",
    "command",
)
_ORIGIN = "/original"
"""Where level A shows the project's folder itself, behind links to what was not copied."""
_SCRATCH = "/scratch"
_START_SECONDS = 30.0
_GRACE = 5.0
_MEMORY_MB = 4096


class CommandRunner:
    """The sandbox of one project and one file of it. Used by one thread at a time."""

    def __init__(
        self,
        root: Path,
        module: Path,
        python: Interpreter,
        level: Level,
        *,
        preload: Sequence[str] = (),
        extra: Sequence[str] = (),
    ) -> None:
        """``module``: the file that candidates replace, below ``root``; ``extra``: further files to
        be read. Raises SandboxUnavailable at levels other than A and B, OSError.
        """
        if level not in (Level.A, Level.B):
            raise SandboxUnavailable("a command is run at levels A and B only")
        self._root, self._module, self._python, self._level = root, module, python, level
        self._preload, self._extra = tuple(preload), tuple(extra)
        self._copy = ProjectCopy(root, _ORIGIN if level is Level.A else None)
        self._process: subprocess.Popen[bytes] | None = None
        self._talk: Talk | None = None
        self._lock = threading.Lock()

    def run(
        self,
        job: Job,
        source: str,
        *,
        cpu_seconds: float,
        wall_seconds: float,
        cancel: threading.Event | None = None,
    ) -> Run:
        """Run with ``source`` in the place of the module. Raises SandboxError where the sandbox
        does not start.
        """
        with self._lock:
            self._copy.put(self._module, source)
            talk = self._started()
            message = self._message(job) | {"cpu": cpu_seconds, "wall": wall_seconds}
            try:
                run = self._told(talk.ask(framed(message), wall_seconds + _GRACE, cancel))
            except (OSError, EOFError, ValueError):
                self._end()
                cancelled = cancel is not None and cancel.is_set()
                run = Run("cancelled" if cancelled else "lost", -1, "", "")
            self._copy.restore()
            return run

    def close(self) -> None:
        """End the process and remove the copy."""
        with self._lock:
            self._end()
            self._copy.close()

    @property
    def inside(self) -> str:
        """Where the program sees the project's folder."""
        return str(self._root if self._level is Level.A else self._copy.folder)

    def _there(self, text: str) -> str:
        """A path or argument as the program is given it."""
        root = str(self._root)
        if text == root or text.startswith(root + os.sep):
            return self.inside + text[len(root) :]
        return text

    def _message(self, job: Job) -> dict[str, Any]:
        file = self._there(str(self._module))
        return {
            "how": job.how,
            "argv": [self._there(word) for word in job.argv],
            "name": self._there(job.name),
            "path": self._there(job.path),
            "cwd": self._there(job.cwd or str(self._root)),
            "stdin": None if job.stdin is None else self._there(job.stdin),
            "env": {name: self._there(value) for name, value in job.environment},
            "file": file,
            "trace": file if job.traced else "",
        }

    def _told(self, answer: dict[str, Any]) -> Run:
        told: Any = {}
        with contextlib.suppress(ValueError, RecursionError):
            told = json.loads(self._here(answer["told"]))
        out, errors = self._here(answer["out"]), self._here(answer["err"])
        told = told if isinstance(told, dict) else {}
        seconds, cpu = answer["seconds"], answer["cpu"]
        return Run(answer["end"], answer["status"], out, errors, told, seconds, cpu)

    def _here(self, text: str) -> str:
        """What a program wrote, with the project's own path where it saw the copy's."""
        return text.replace(self.inside, str(self._root))

    def _started(self) -> Talk:
        if self._talk is not None and self._process is not None and self._process.poll() is None:
            return self._talk
        self._end()
        shown = paths.readable([*self._python.readable, "/usr/bin", "/bin", *self._extra])
        inner = [self._python.program, "-B", "-s", "-c", FRAMED]
        if self._level is Level.A:
            inner = self._bubblewrap(inner, shown)
        process = self._process = launch(inner)
        talk = self._talk = Talk(process, wire.ANSWER_CAP)
        try:
            talk.ask(framed(self._config(shown)), _START_SECONDS)
        except (OSError, EOFError, ValueError):
            process.kill()
            assert process.stderr is not None
            text = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            self._end()
            raise SandboxError(
                f"{self._python.program} does not run in the sandbox: "
                f"{text[-1] if text else 'it ended at its start'}"
            ) from None
        return talk

    def _config(self, shown: list[str]) -> dict[str, Any]:
        inside = self._level is Level.A
        scratch = _SCRATCH if inside else str(self._copy.scratch)
        places = f"{os.path.dirname(self._python.program)}:/usr/bin:/bin"
        env = environment() | {"HOME": scratch, "TMPDIR": scratch, "PATH": places}
        originals = ["/proc", "/dev"] if inside else []
        if self._copy.is_project:
            originals.append(_ORIGIN if inside else str(self._root))
        return {
            "sources": sources(_MODULES),
            "readable": [*shown, *paths.DEVICES, *originals],
            "writable": [self.inside, scratch, "/dev/null"],
            "memory_mb": _MEMORY_MB,
            "env": env,
            "preload": list(self._preload),
        }

    def _bubblewrap(self, inner: list[str], shown: list[str]) -> list[str]:
        """The copy in the project's place, the files shown read-only, no network."""
        root = str(self._root)
        # First, as the project or its environment may lie below /tmp.
        head = ["--size", str(1 << 20), "--tmpfs", "/tmp"]
        # Nothing is mounted inside of the two that are emptied between runs.
        tail = ["--proc", "/proc"]
        tail += ["--ro-bind", root, _ORIGIN] if self._copy.is_project else []
        tail += ["--bind", str(self._copy.folder), root]
        tail += ["--bind", str(self._copy.scratch), _SCRATCH]
        outside = [path for path in shown if not path.startswith(root + os.sep)]
        return bwrap.command(inner, outside, head=head, tail=tail)

    def _end(self) -> None:
        if self._process is not None:
            end(self._process)
        self._process = None
