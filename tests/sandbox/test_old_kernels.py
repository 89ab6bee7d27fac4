"""A kernel with an older Landlock: files are attacked under the very ruleset that it would get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .test_hostile import NOBODY, REPO, ordinary_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="level B is Linux's")


def attacked(kind: str, abi: int, ordinary: bool) -> dict[str, Any]:
    """What the program says."""
    python: str | None = sys.executable
    user = {}
    if ordinary:
        if os.geteuid() != 0:
            pytest.skip("started as an ordinary user already")
        python, user = ordinary_python(), {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if python is None:
            pytest.skip("no interpreter that an ordinary user may run")
    program = [python, str(Path(__file__).with_name("confined_run.py")), kind, str(abi)]
    env = {"PYTHONPATH": str(REPO), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        program, env=env, cwd="/", capture_output=True, text=True, timeout=300, **user
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("ordinary", [False, True], ids=["as-started", "user"])
@pytest.mark.parametrize("abi", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("kind", ["candidate", "suite"])
def test_no_file_outside_is_changed(kind: str, abi: int, ordinary: bool) -> None:
    told = attacked(kind, abi, ordinary)
    assert told["worked"] == []
    assert not told["changed"]


@pytest.mark.parametrize("ordinary", [False, True], ids=["as-started", "user"])
def test_a_system_that_listens_itself(ordinary: bool) -> None:
    told = attacked("alone", 3, ordinary)
    assert told["worked"] == []
    assert not told["changed"]
    (problem,) = attacked("bomb", 3, ordinary)["worked"]
    assert problem.startswith("the tests had more than 128 processes")
