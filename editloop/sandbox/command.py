"""Runs a person's command in a sandbox, with a candidate in the place of one file of its project.
Linux, levels A and B.

The project is a private copy in which the program may write; its interpreter and packages are
readable, the network is not there. One confined process stays and forks a child for each run.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from editloop.sandbox import bwrap, paths
from editloop.sandbox.commandjob import Job, Run
from editloop.sandbox.errors import SandboxError, SandboxUnavailable
from editloop.sandbox.inner import wire
from editloop.sandbox.interpreters import Interpreter
from editloop.sandbox.level import Level
from editloop.sandbox.process import LAUNCHER, LOAD_FRAMED, environment
from editloop.sandbox.projectcopy import ProjectCopy

_MODULES = (
    "wire",
    "landlock",
    "seccomp",
    "confine",
    "metadata",
    "supervise",
    "program",
    "command",
)
_BOOTSTRAP = LOAD_FRAMED + "module.main(config)\n"
_ORIGIN = "/original"
"""Where level A shows the project's folder itself, behind links to what was not copied."""
_SCRATCH = "/scratch"
_START_SECONDS = 30.0
_GRACE = 5.0
_TICK = 0.02


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
        memory_mb: int = 4096,
    ) -> None:
        """``module``: the file that candidates replace, below ``root``; ``extra``: further files to
        be read. Raises SandboxUnavailable at levels other than A and B, OSError.
        """
        if level not in (Level.A, Level.B):
            raise SandboxUnavailable("a command is run at levels A and B only")
        self._root, self._module, self._python, self._level = root, module, python, level
        self._preload, self._extra, self._memory_mb = tuple(preload), tuple(extra), memory_mb
        self._copy = ProjectCopy(root, _ORIGIN if level is Level.A else None)
        self._process: subprocess.Popen[bytes] | None = None
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
            process = self._started()
            message = self._message(job) | {"cpu": cpu_seconds, "wall": wall_seconds}
            try:
                answer = self._ask(process, wire.pack(message), wall_seconds + _GRACE, cancel)
            except OSError:
                answer = "lost"
            if isinstance(answer, str):
                self._end()
                self._copy.restore()
                return Run(answer, -1, "", "")
            self._copy.restore()
            return self._told(answer)

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

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        shown = paths.readable([*self._python.readable, "/usr/bin", "/bin", *self._extra])
        inner = [self._python.program, "-B", "-s", "-c", _BOOTSTRAP]
        if self._level is Level.A:
            inner = self._bubblewrap(inner, shown)
        process: subprocess.Popen[bytes] = LAUNCHER.run(
            lambda: subprocess.Popen(
                inner,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        )
        self._process = process
        self._greet(process, self._config(shown))
        return process

    def _config(self, shown: list[str]) -> dict[str, Any]:
        folder = resources.files("editloop.sandbox.inner")
        inside = self._level is Level.A
        scratch = _SCRATCH if inside else str(self._copy.scratch)
        places = f"{os.path.dirname(self._python.program)}:/usr/bin:/bin"
        env = environment() | {"HOME": scratch, "TMPDIR": scratch, "PATH": places}
        originals = ["/proc", "/dev"] if inside else []
        if self._copy.is_project:
            originals.append(_ORIGIN if inside else str(self._root))
        return {
            "sources": [
                (name, folder.joinpath(f"{name}.py").read_text("utf-8")) for name in _MODULES
            ],
            "readable": [*shown, *paths.DEVICES, *originals],
            "writable": [self.inside, scratch, "/dev/null"],
            "memory_mb": self._memory_mb,
            "env": env,
            "preload": list(self._preload),
        }

    def _bubblewrap(self, inner: list[str], shown: list[str]) -> list[str]:
        """The copy in the project's place, the files shown read-only, no network."""
        found = bwrap.program()
        if found is None:
            raise SandboxUnavailable("bubblewrap (bwrap) is not installed")
        root = str(self._root)
        # First, as the project or its environment may lie below /tmp.
        head = ["--size", str(1 << 20), "--tmpfs", "/tmp"]
        # Nothing is mounted inside of the two that are emptied between runs.
        tail = ["--proc", "/proc"]
        tail += ["--ro-bind", root, _ORIGIN] if self._copy.is_project else []
        tail += [
            "--bind",
            str(self._copy.folder),
            root,
            "--bind",
            str(self._copy.scratch),
            _SCRATCH,
        ]
        outside = [path for path in shown if not path.startswith(root + os.sep)]
        spaces = ["--unshare-user", *bwrap.isolation(False)[1:], "--cap-drop", "ALL"]
        return [found, *spaces, *bwrap.mounts(outside, head, tail), "--", *inner]

    def _greet(self, process: subprocess.Popen[bytes], config: dict[str, Any]) -> None:
        try:
            answer = self._ask(process, wire.pack(config), _START_SECONDS, None)
        except OSError:
            answer = "lost"
        if isinstance(answer, str):
            process.kill()
            assert process.stderr is not None
            text = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            self._end()
            raise SandboxError(
                f"{self._python.program} does not run in the sandbox: "
                f"{text[-1] if text else 'it ended at its start'}"
            )

    def _ask(
        self,
        process: subprocess.Popen[bytes],
        frame: bytes,
        seconds: float,
        cancel: threading.Event | None,
    ) -> dict[str, Any] | str:
        """The answer to a frame; "cancelled" or "lost" where there is none."""
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(frame)
        process.stdin.flush()
        deadline, data, source = time.monotonic() + seconds, bytearray(), process.stdout.fileno()
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            if cancel is not None and cancel.is_set():
                return "cancelled"
            if time.monotonic() > deadline:
                return "lost"
            if select.select([source], [], [], _TICK)[0]:
                part = os.read(source, 1 << 16)
                if not part:
                    return "lost"
                data += part
        answer: dict[str, Any] = json.loads(data[4:])
        return answer

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
