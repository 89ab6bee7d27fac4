"""The doctor: a line for each thing, an exit code that says whether fix can work, no crash."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from editloop.cli.doctor import BROKEN, MISSING, OK, Finding, _safely, sandbox_finding
from editloop.model.store import CHOICE
from editloop.sandbox.level import Level, LevelReport

from .conftest import Cli, environment

LINE = re.compile(r"(OK|--|!!) \S+ +\S.*")


def test_every_line_has_its_mark(cli: Cli, store: Path, tiny_model: Path) -> None:
    shutil.copy(tiny_model, store / "good.gguf")
    (store / "bad.gguf").write_text("x")
    (store / CHOICE).write_text("good")
    done = cli("doctor")
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    names = {line.split()[1] for line in lines}
    expected = {"python", "packages", "cpu", "llama.cpp", "gpu", "ruff", "sandbox", "model"}
    assert expected <= names
    assert any(line.startswith("-- models") and "bad" in line for line in lines)
    assert re.search(r"^(OK|--) sandbox +level [A-F], ", done.stdout, re.MULTILINE)


def test_a_wrong_default_model_is_exit_1(cli: Cli, store: Path) -> None:
    (store / CHOICE).write_text("nowhere")
    done = cli("doctor")
    assert done.returncode == 1
    assert "!! model" in done.stdout


def test_survives_missing_packages(data_home: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('llama_cpp', 'tree_sitter', 'torch', 'gguf'): sys.modules[name] = None\n"
        "from editloop.cli import run; sys.exit(run(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(data_home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert "!! llama.cpp" in done.stdout
    assert "pip install llama-cpp-python" in done.stdout
    assert "-- model" in done.stdout


def test_a_probe_that_fails_is_a_line() -> None:
    def probe_nothing() -> list[Finding]:
        raise RuntimeError("it\nbroke")

    assert list(_safely(probe_nothing)) == [Finding(BROKEN, "nothing", "it broke")]  # type: ignore[arg-type]


def test_what_a_level_leaves_open_is_said() -> None:
    told = {level: sandbox_finding(LevelReport(level, "it was tried")) for level in Level}
    assert [finding.mark for finding in told.values()] == [OK, OK, MISSING]
    assert "which files exist" not in told[Level.A].text
    assert "which files exist" in told[Level.B].text
    assert "no code is run" in told[Level.F].text
