"""The command line as a real process, a store of its own for each test, and small task files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from editloop_export import write_gguf
from tiny_checkpoints import ModelSize, make_instruct

from editloop.document.transcript import TRANSCRIPT_VERSION

ROOT = Path(__file__).parents[2]
Cli = Callable[..., subprocess.CompletedProcess[str]]

HALF = """\
def half(number):
    return number * 2
"""
HALF_TESTS = "def test_half():\n    assert half(4) == 2\n    assert half(10) == 5\n"
HALF_HIDDEN = "def test_more():\n    assert half(100) == 50\n"


def task(name: str, **changes: Any) -> dict[str, Any]:
    """A task that one operator fixes."""
    row = {
        "id": name,
        "buggy": HALF,
        "tests": HALF_TESTS,
        "test_names": ["test_half"],
        "hidden_tests": HALF_HIDDEN,
        "hidden_test_names": ["test_more"],
    }
    return {**row, **changes}


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def environment(data_home: Path) -> dict[str, str]:
    """This process's, with a store of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "XDG_DATA_HOME": str(data_home), "PYTHONPATH": path, "COLUMNS": "200"}


@pytest.fixture
def data_home(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data_home: Path) -> Path:
    folder = data_home / "editloop" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def cli(data_home: Path, tmp_path: Path) -> Cli:
    """Runs `editloop` and returns the finished process."""

    def run(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "editloop", *map(str, arguments)],
            env=environment(data_home),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real GGUF as training on a pretrained base makes it, with weights that were drawn."""
    folder = tmp_path_factory.mktemp("tiny")
    checkpoint = make_instruct(folder / "checkpoint", ModelSize(context=1024))
    metadata = {
        "editloop.transcript_version": TRANSCRIPT_VERSION,
        "editloop.rendering": "chat",
        "editloop.base_model": "none",
        "editloop.eval.pass@1": 0.125,
    }
    return write_gguf(checkpoint, folder / "tiny.gguf", metadata=metadata)
