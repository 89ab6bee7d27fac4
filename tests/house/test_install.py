"""``scripts/install`` checks first what it needs, and has only that compiled which is used."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "install"
PIP = """#!/bin/sh
[ "$1" = install ] || exit {known}
echo "$* $CMAKE_GENERATOR $SKBUILD_CMAKE_DEFINE" >> "${{0%/*}}/../asked"
"""


def install(venv: Path, *, compiler: str, known: bool) -> subprocess.CompletedProcess[str]:
    """Run it in an environment whose pip writes down what it is asked."""
    (venv / "bin").mkdir(parents=True)
    pip = venv / "bin" / "pip"
    pip.write_text(PIP.format(known=0 if known else 1))
    pip.chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "CXX": compiler, "EDITLOOP_VENV": str(venv)}
    command = ["bash", str(SCRIPT)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def _able() -> None:
    python = SCRIPT.with_name("find-python")
    found = subprocess.run(
        [str(python)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False
    )
    if shutil.which("bash") is None or found.returncode:
        pytest.skip("no bash, or no interpreter that the script would take")


def test_a_missing_compiler_is_one_line_before_anything_is_fetched(tmp_path: Path) -> None:
    done = install(tmp_path / "venv", compiler="/nowhere/c++", known=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("missing: g++;")
    assert not (tmp_path / "venv" / "asked").exists()


def test_what_is_built_already_needs_no_compiler(tmp_path: Path) -> None:
    done = install(tmp_path / "venv", compiler="/nowhere/c++", known=True)
    assert done.returncode == 0, done.stderr


def test_parts_that_nobody_uses_are_not_compiled(tmp_path: Path) -> None:
    done = install(tmp_path / "venv", compiler="true", known=False)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "venv" / "asked").read_text()
    assert " Ninja LLAVA_BUILD=OFF;CMAKE_PROJECT_llama.cpp_INCLUDE=" in asked
    assert (SCRIPT.parent / "llama-cpp.cmake").is_file()
    assert re.search(r"== \d+:\d\d llama\.cpp", done.stderr)
