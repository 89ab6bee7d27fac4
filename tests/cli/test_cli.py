"""The front door: help without weight, one line for every expected error, the exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from editloop.cli import COMMANDS, CliError, explain

from .conftest import Cli, environment

HEAVY = ("torch", "llama_cpp", "pygls", "numpy", "rich", "transformers", "trl", "tree_sitter")


def python(code: str, data_home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment(data_home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


HELP = "from editloop.cli import run; run(['--help'])"
PACKAGES = ("editloop_lsp", "editloop_trainer", "editloop_export")


def test_a_command_of_the_core_imports_no_other_package(data_home: Path) -> None:
    check = f"import sys; print([m for m in {PACKAGES!r} if m in sys.modules], file=sys.stderr)"
    done = python(f"from editloop.cli import run; run(['fix', 'gone.py']); {check}", data_home)
    assert done.stderr == "editloop: gone.py: No such file or directory\n[]\n"


@pytest.mark.parametrize("code", ["import editloop.cli", HELP])
def test_help_imports_nothing_heavy(code: str, data_home: Path) -> None:
    check = f"import sys; print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    done = python(f"{code}; {check}", data_home)
    assert done.stderr.strip() == "[]"


def test_help_names_every_command(cli: Cli) -> None:
    done = cli("--help")
    assert done.returncode == 0
    for name, (_, text) in COMMANDS.items():
        assert name in done.stdout
        assert text in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(cli: Cli, name: str) -> None:
    done = cli(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("editloop 0.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nope"], "No such command"),
        (["bench"], "Missing argument"),
        (["bench", "missing.jsonl"], "missing.jsonl: No such file or directory"),
        (["bench", "missing.jsonl", "--policy", "best"], "--policy"),
        (["bench", "missing.jsonl", "--jobs", "0"], "--jobs"),
        (["models", "list", "--yaml"], "--yaml"),
        (["fix"], "Missing argument"),
        (["fix", "missing.py"], "missing.py: No such file or directory"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(cli: Cli, arguments: list[str], told: str) -> None:
    done = cli(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("editloop: ")
    assert done.stderr.count("\n") == 1
    assert told in done.stderr


def test_no_command_shows_the_help(cli: Cli) -> None:
    done = cli()
    assert done.returncode == 2
    assert "Commands:" in done.stderr


def test_a_missing_extra_is_one_line(data_home: Path) -> None:
    code = (
        "import sys; sys.modules['gguf'] = None\n"
        "from editloop.cli import run; sys.exit(run(['export', 'folder', '-o', 'x.gguf']))"
    )
    done = python(code, data_home)
    assert done.returncode == 2
    assert done.stderr == "editloop: this needs gguf: pip install 'editloop[export]'\n"


def test_a_command_that_no_package_registers_is_one_line(data_home: Path) -> None:
    code = (
        "import sys, importlib.metadata as m; m.entry_points = lambda **_: ()\n"
        "from editloop.cli import run; sys.exit(run(['serve']))"
    )
    done = python(code, data_home)
    assert done.returncode == 2
    assert done.stderr == (
        "editloop: serve is not part of this installation of editloop: install it again\n"
    )


def test_every_class_of_ours_is_explained_and_no_other() -> None:
    from editloop.checks.static import StaticCheckError
    from editloop.document.text import TextError
    from editloop.engine.errors import ContextTooSmall, EngineError
    from editloop.repair.region import RegionError
    from editloop.sandbox import SandboxError
    from editloop.tasks import TaskError

    for kind in (
        *(EngineError, ContextTooSmall, TaskError, TextError),
        *(RegionError, SandboxError, StaticCheckError),
    ):
        assert explain(kind("two\nlines")) == ("two lines", 2)
    assert explain(CliError("why", 130)) == ("why", 130)
    assert explain(PermissionError(13, "Permission denied", "x.py")) == (
        "x.py: Permission denied",
        2,
    )
    for fault in (ValueError("x"), KeyError("x"), AssertionError(), ModuleNotFoundError("x")):
        assert explain(fault) is None


def test_a_reader_that_leaves_is_no_error(cli: Cli, data_home: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m editloop --help | true"
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment(data_home),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
