"""A person's command in the sandbox runs as in its project, leaves nothing, and ends in time."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from editloop.sandbox import Level, SandboxError, SandboxPool, SandboxUnavailable
from editloop.sandbox.command import CommandRunner
from editloop.sandbox.commandjob import Job, Run
from editloop.sandbox.interpreters import interpreter
from editloop.sandbox.projectcopy import ProjectCopy

FINE = "x = 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "mod.py").write_text(FINE)
    (root / "data.txt").write_text("data")
    (root / ".venv").mkdir()
    (root / ".venv" / "kept.txt").write_text("kept")
    return root


@pytest.fixture
def runner(pool: SandboxPool, project: Path) -> Iterator[CommandRunner]:
    python = interpreter(sys.executable)
    assert python is not None
    runner = CommandRunner(project, project / "mod.py", python, pool.level, preload=["json"])
    yield runner
    runner.close()


def job(project: Path) -> Job:
    script = str(project / "mod.py")
    return Job("file", ("mod.py", "a"), script, str(project), str(project))


def run(runner: CommandRunner, job: Job, source: str, wall: float = 20.0) -> Run:
    return runner.run(job, source, cpu_seconds=wall / 2, wall_seconds=wall)


def test_it_runs_as_in_its_project(runner: CommandRunner, project: Path) -> None:
    source = "import sys, os\nprint(sys.argv, os.getcwd(), __name__, open('data.txt').read())\n"
    source += "print(open('.venv/kept.txt').read(), repr(sys.stdin.read()), sys.path[0])\n"
    source += "sys.exit(3)\n"
    done = run(runner, job(project), source)
    told = f"['mod.py', 'a'] {project} __main__ data\nkept '' {project}\n"
    assert (done.out, done.end, done.status) == (told, "exit", 3), done


def test_a_program_of_its_own_does_the_same(runner: CommandRunner, project: Path) -> None:
    source = "import sys\nprint(sys.argv, sys.stdin.read())\n1 / 0\n"
    own = Job("exec", (sys.executable, "mod.py", "a"), cwd=str(project))
    own = replace(own, stdin=str(project / "data.txt"))
    done = run(runner, own, source)
    assert (done.out, done.status) == ("['mod.py', 'a'] data\n", 1)
    assert f'File "{project}/mod.py", line 3, in <module>' in done.errors


def test_what_it_raised_is_told_with_frames_and_lines(runner: CommandRunner, project: Path) -> None:
    source = "def f(n):\n    half = n / 2\n    return [][n]\n\n\nif False:\n    f(0)\nf(3)\n"
    done = run(runner, replace(job(project), traced=True), source)
    error = done.told["error"]
    assert error["frames"] == [7, 2]
    assert done.told["lines"] == [0, 1, 2, 5, 7]
    assert done.errors.startswith("Traceback (most recent call last):\n  File")
    assert "IndexError: list index out of range" in done.errors


def test_writes_go_to_a_layer_that_is_thrown_away(runner: CommandRunner, project: Path) -> None:
    source = "import os, tempfile\nprint(sorted(os.listdir('.')))\nopen('new', 'w').write('x')\n"
    source += "open('data.txt', 'a').write('!')\nos.remove('mod.py')\nos.mkdir('deep')\n"
    source += "print(os.listdir(tempfile.gettempdir()), tempfile.mkstemp() is None)\n"
    first = run(runner, job(project), source)
    assert first.status == 0, first
    assert run(runner, job(project), source).out == first.out
    names = sorted(path.name for path in project.iterdir())
    assert names == [".venv", "data.txt", "mod.py"]
    assert (project / "mod.py").read_text() == FINE
    assert (project / "data.txt").read_text() == "data"


@pytest.mark.parametrize(
    "harm",
    [
        "open('/etc/passwd').read()",
        "open('.venv/kept.txt', 'w')",
        "import socket; socket.socket()",
        "import os; os.setsid()",
        "import os; os.setpgid(0, 0)",
        "import os; os.kill(os.getppid(), 9)",
        "open('/tmp/left', 'w')",
    ],
)
def test_harm_is_refused(runner: CommandRunner, project: Path, harm: str) -> None:
    done = run(runner, job(project), f"{harm}\nprint('done')\n")
    assert done.status == 1, done
    assert done.out == ""
    assert run(runner, job(project), "print(1)").out == "1\n"


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("while True: pass", "cpu"),
        ("import time; time.sleep(60)", "wall"),
        ("import subprocess; subprocess.run(['sleep', '60'])", "wall"),
        ("import subprocess; subprocess.Popen(['sleep', '60'])", "exit"),
        ("while True: print('x' * 100000)", "flood"),
    ],
)
def test_it_ends_in_time(runner: CommandRunner, project: Path, source: str, end: str) -> None:
    started = time.monotonic()
    done = runner.run(job(project), source, cpu_seconds=0.5, wall_seconds=3.0)
    assert done.end in (end, "cpu" if end == "flood" else end), done
    assert time.monotonic() - started < 30


def test_processes_that_multiply_are_stopped(runner: CommandRunner, project: Path) -> None:
    source = (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    )
    done = runner.run(job(project), source, cpu_seconds=1.0, wall_seconds=3.0)
    assert done.end in ("cpu", "wall", "lost")
    assert run(runner, job(project), "print(1)").out == "1\n"


def test_it_can_be_cancelled(runner: CommandRunner, project: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    done = runner.run(
        job(project), "import time; time.sleep(60)", cpu_seconds=9, wall_seconds=60, cancel=cancel
    )
    assert done.end == "cancelled"
    assert run(runner, job(project), "print(1)").out == "1\n"


def test_what_is_cancelled_leaves_no_process(project: Path) -> None:
    """At level B no namespace holds together what a command starts."""
    python = interpreter(sys.executable)
    assert python is not None
    runner = CommandRunner(project, project / "mod.py", python, Level.B)
    mark, cancel = f"import time; time.sleep(60 + {os.getpid()})", threading.Event()
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {mark!r}])\n"

    def runs() -> bool:
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has just ended
                if mark.encode() in file.read_bytes():
                    return True
        return False

    def watch() -> None:
        while not runs():
            time.sleep(0.05)
        cancel.set()

    threading.Thread(target=watch, daemon=True).start()
    done = runner.run(job(project), source, cpu_seconds=9, wall_seconds=30, cancel=cancel)
    runner.close()
    assert done.end == "cancelled"
    assert not runs()


def test_other_levels_and_programs_are_refused(project: Path) -> None:
    python = interpreter(sys.executable)
    assert python is not None
    with pytest.raises(SandboxUnavailable):
        CommandRunner(project, project / "mod.py", python, Level.F)
    broken = replace(python, program=str(project / "data.txt"))
    runner = CommandRunner(project, project / "mod.py", broken, Level.B)
    with pytest.raises((SandboxError, OSError)):
        run(runner, job(project), FINE)
    runner.close()


def test_what_is_large_is_linked_and_what_is_no_project_is_not_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "large.bin").write_bytes(bytes(2 << 20))
    copy = ProjectCopy(project)
    assert (copy.folder / "large.bin").is_symlink()
    assert (copy.folder / ".venv").is_symlink()
    assert not (copy.folder / "data.txt").is_symlink()
    copy.close()
    monkeypatch.setenv("HOME", str(project))
    home = ProjectCopy(project)
    assert sorted(path.name for path in home.folder.iterdir()) == [
        "data.txt",
        "large.bin",
        "mod.py",
    ]
    assert not home.is_project
    home.close()
