"""Editors as processes of their own, with a home of their own, driven from here.

Each session runs the functions of its file in ``drivers/``; all of them have the same functions.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from .blocks import documented_blocks

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
DRIVERS = Path(__file__).parent / "drivers"
PATIENCE = 60.0
"""Seconds; nothing here is measured."""


def wait(what: Callable[[], T], reason: str) -> T:
    """The first true value of `what`; an assertion fails when there is none in time."""
    end = time.monotonic() + PATIENCE
    while not (value := what()):
        assert time.monotonic() < end, reason
        time.sleep(0.02)
    return value


class Session(ABC):
    """One editor. Lines and columns count from 1."""

    name: ClassVar[str]
    programs: ClassVar[tuple[str, ...]]

    def __init__(self, home: Path) -> None:
        """`home` is empty, and its path is short: it holds sockets."""
        self.home = home
        (home / "bin").mkdir()
        program = home / "bin" / "editloop"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m editloop "$@"\n')
        program.chmod(0o755)
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local"),
            "XDG_STATE_HOME": str(home / ".local"),
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
        }
        self.log = (home / "log").open("wb")
        self.process = self.start()

    @abstractmethod
    def start(self) -> subprocess.Popen[bytes]:
        """Configure and start the editor."""

    @abstractmethod
    def connect(self) -> None:
        """Wait until the editor runs calls."""

    @abstractmethod
    def call(self, function: str, *arguments: object) -> Any:
        """The result of a function of the driver."""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def open(self, path: Path) -> None:
        self.call("open", str(path))

    def text(self) -> str:
        return str(self.call("text")).rstrip("\n") + "\n"

    def choose(self, title: str, line: int, column: int = 1, last: int | None = None) -> None:
        """Ask for code actions at a place, or for lines up to `last`; take the one whose title
        begins so. Does not wait for what it does."""
        self.call("choose", title, line, column, last)

    def titles(self, line: int, column: int = 1) -> list[str]:
        """The titles of the code actions at a place."""
        self.choose("(none)", line, column)
        return list(wait(lambda: self.call("titles"), "no code actions"))

    def run(self, command: str, index: int | None = None) -> None:
        """A command of the configuration: cancel, report, alternative."""
        self.call("run", command, index)

    def run_failed(self, printed: str) -> None:
        """The command for the error of the last run, with what the run printed."""
        self.call("run_failed", printed)

    def reported(self, part: str, line: int | None = None) -> None:
        """Wait for a diagnostic, of this line where one is given, with `part` in its message."""

        def found() -> bool:
            return any(part in text and line in (None, at) for at, text in self.call("diagnostics"))

        wait(found, f"{self.name} never showed {part!r}")

    def busy(self) -> bool:
        return bool(self.call("status")["busy"])

    def spawn(self, *command: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environment,
            stdin=stdin,
            stdout=self.log,
            stderr=self.log,
        )


class Neovim(Session):
    name = "neovim"
    programs = (os.environ.get("EDITLOOP_NVIM", "nvim"),)

    def start(self) -> subprocess.Popen[bytes]:
        folder = self.home / ".config" / "nvim"
        folder.mkdir(parents=True)
        (folder / "init.lua").write_text(documented_blocks()["neovim"])
        # Looking for a Python with pynvim takes seconds.
        options = ("--headless", "-n", "--cmd", "let g:loaded_python3_provider = 0")
        driver = f"luafile {DRIVERS / 'neovim.lua'}"
        return self.spawn(self.programs[0], *options, "--listen", self._socket, "-c", driver)

    def connect(self) -> None:
        wait(lambda: os.path.exists(self._socket), "neovim did not start")

    def call(self, function: str, *arguments: object) -> Any:
        text = json.dumps([function, arguments]).replace("'", "''")
        lua = "luaeval('T[_A[1]](unpack(_A[2]))', json_decode('" + text + "'))"
        done = subprocess.run(
            [self.programs[0], "--server", self._socket, "--remote-expr", f"json_encode({lua})"],
            env=self.environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        # 0.7 answers on stderr
        answer = (done.stdout or done.stderr).decode()
        assert done.returncode == 0, answer
        return json.loads(answer)

    @property
    def _socket(self) -> str:
        return str(self.home / "s")


class Emacs(Session):
    name = "emacs"
    programs = ("emacs", "emacsclient")

    def start(self) -> subprocess.Popen[bytes]:
        folder = self.home / ".emacs.d"
        folder.mkdir()
        (folder / "init.el").write_text(documented_blocks()["emacs"])
        driver = str(DRIVERS / "emacs.el")
        return self.spawn("emacs", f"--fg-daemon={self._socket}", "--load", driver)

    def connect(self) -> None:
        wait(lambda: self._evaluate("(featurep 'editors)") == "t", "emacs did not start")

    def call(self, function: str, *arguments: object) -> Any:
        text = base64.b64encode(json.dumps(arguments).encode()).decode()
        name = function.replace("_", "-")
        answer = self._evaluate(f'(editors-call #\'editors-{name} "{text}")')
        return json.loads(base64.b64decode(answer.strip('"')))

    def _evaluate(self, expression: str) -> str:
        done = subprocess.run(
            ["emacsclient", "-s", self._socket, "--eval", expression],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if os.path.exists(self._socket):
            assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def _socket(self) -> str:
        return str(self.home / "s")


class Vim(Session):
    name = "vim"
    programs = ("vim",)

    def start(self) -> subprocess.Popen[bytes]:
        folder = self.home / ".vim" / "ale_linters" / "python"
        folder.mkdir(parents=True)
        (folder / "editloop.vim").write_text(documented_blocks()["vim"])
        (self.home / ".vimrc").write_text(
            "filetype plugin on\npackadd ale\n" + documented_blocks()["vimrc"]
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.environment["EDITORS_PORT"] = str(self._listener.getsockname()[1])
        options = ("-n", "-T", "dumb", "--not-a-term", "-S", str(DRIVERS / "vim.vim"))
        return self.spawn("vim", *options, stdin=subprocess.PIPE)

    def connect(self) -> None:
        with self._listener:
            self._connection, _ = self._listener.accept()
        self._connection.settimeout(PATIENCE)
        self._channel = self._connection.makefile("rw", encoding="utf-8")

    def call(self, function: str, *arguments: object) -> Any:
        name = "".join(part.capitalize() for part in function.split("_"))
        self._channel.write(json.dumps(["call", name, arguments, -1]) + "\n")
        self._channel.flush()
        number, result = json.loads(self._channel.readline())
        assert number == -1
        assert result not in ("ERROR", -1), f"{name} failed"  # -1: a function was aborted
        return result

    def close(self) -> None:
        super().close()
        self._listener.close()
        self._channel.close()
        self._connection.close()
        if self.process.stdin:
            self.process.stdin.close()


SESSIONS: dict[str, type[Session]] = {one.name: one for one in (Neovim, Emacs, Vim)}


def missing(name: str) -> list[str]:
    """What is not installed of an editor's programs and packages."""
    programs = [one for one in SESSIONS[name].programs if shutil.which(one) is None]
    if programs:
        return programs
    match name:
        case "emacs":
            probe = ["emacs", "--batch", "--eval", "(progn (package-initialize) (require 'eglot))"]
        case "vim":
            found = 'if empty(globpath(&packpath, "pack/*/*/ale")) | cquit | else | qall | endif'
            probe = ["vim", "-es", "-u", "NONE", "-c", found]
        case _:
            return []
    done = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return [] if done.returncode == 0 else [{"emacs": "elpa-eglot", "vim": "vim-ale"}[name]]
