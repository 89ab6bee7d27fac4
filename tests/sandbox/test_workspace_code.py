"""Nothing that a workspace brings along runs outside the sandbox: its interpreter, modules that
stand in for others, conftest, start-up files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from editloop.checks.static import StaticCheckError, find_ruff
from editloop.sandbox import bwrap, paths

MODULE = "def area(width, height):\n    return width + height\n"
SUITE = "from area import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n"
SHADOWS = ["pytest", "random", "json", "threading", "conftest", "sitecustomize", "usercustomize"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a module and its tests."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text("")
    (root / "area.py").write_text(MODULE)
    (root / "test_area.py").write_text(SUITE)
    return root


def harm(canary: Path) -> str:
    return f"try:\n    open({str(canary)!r}, 'a').write('x')\nexcept OSError:\n    pass\n"


def environment(root: Path, start_up: str) -> Path:
    """A virtual environment that has a pytest of its own; its program is still to be put there."""
    site = root / ".venv" / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    (site / "pytest").mkdir(parents=True)
    for name in ("pytest/__init__.py", "sitecustomize.py"):
        (site / name).write_text(start_up)
    (site / "a.pth").write_text(f"import sys; exec({start_up!r})\n")
    home = Path(paths.interpreter()).parent
    (root / ".venv" / "pyvenv.cfg").write_text(f"home = {home}\nversion = 3.11\n")
    (root / ".venv" / "bin").mkdir()
    return root / ".venv" / "bin" / "python"


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "editloop", *arguments]
    return subprocess.Popen(
        command,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.mark.parametrize("kind", ["none", "script", "link", "copy"])
def test_nothing_of_it_runs_outside(project: Path, kind: str) -> None:
    canary = project.parent / "ran"
    for name in SHADOWS:
        (project / f"{name}.py").write_text(harm(canary))
    if kind != "none":
        program = environment(project, harm(canary))
        if kind == "script":
            program.write_text(f'#!/bin/sh\necho x >> {canary}\nexec {sys.executable} "$@"\n')
            program.chmod(0o755)
        elif kind == "link":
            program.symlink_to(paths.interpreter())
        else:
            shutil.copy(paths.interpreter(), program)
    process = start(project, "fix", "area.py", "--budget", "2")
    _, errors = process.communicate(timeout=300)
    assert process.returncode in (0, 1), errors
    assert "Traceback" not in errors
    assert not canary.exists()


def test_processes_of_its_own_import_nothing_of_the_folder(project: Path) -> None:
    """Those that ``multiprocessing`` starts know no -P."""
    canary = project.parent / "ran"
    for name in (*SHADOWS, "multiprocessing", "pickle", "signal", "tempfile"):
        (project / f"{name}.py").write_text(harm(canary))
    task = {"id": "a", "buggy": MODULE, "tests": SUITE, "test_names": ["test_area"]}
    (project / "tasks.jsonl").write_text(json.dumps(task) + "\n")
    process = start(project, "bench", "tasks.jsonl", "--budget", "1")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert not canary.exists()


@pytest.mark.parametrize("entry", ["", ".", "bin"])
def test_no_program_is_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    folder = tmp_path / entry
    folder.mkdir(exist_ok=True)
    for name in ("ruff", "bwrap", "uv", "tool"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", f"{entry}:/nowhere")
    assert paths.on_path("tool") is None
    assert paths.on_path("tool", str(folder)) == str(folder / "tool")
    assert bwrap.program() in (None, "/usr/bin/bwrap", "/usr/local/bin/bwrap")
    with pytest.raises(StaticCheckError, match="not installed"):
        find_ruff()


@pytest.mark.parametrize("kind", ["script", "binary"])
def test_an_interpreter_that_sleeps_ends_with_the_command(project: Path, kind: str) -> None:
    sleeps = "import time\ntime.sleep(987)\n"
    program = environment(project, sleeps)
    if kind == "script":
        program.write_text("#!/bin/sh\nexec sleep 987\n")
        program.chmod(0o755)
    else:
        shutil.copy(paths.interpreter(), program)
    process = start(project, "fix", "area.py", "--budget", "600")
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    time.sleep(0.5)
    assert not left(str(program), "sleep 987")


def left(*words: str) -> list[str]:
    """Command lines of processes that have one of the words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        found += [line for word in words if word in line]
    return found
