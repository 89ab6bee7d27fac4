"""A kernel with an older Landlock: files are attacked under the very ruleset that it would get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_hostile import NOBODY, REPO, ordinary_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="level B is Linux's")


@pytest.mark.parametrize("ordinary", [False, True], ids=["as-started", "user"])
@pytest.mark.parametrize("abi", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("kind", ["candidate", "suite"])
def test_no_file_outside_is_changed(kind: str, abi: int, ordinary: bool) -> None:
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
        program, env=env, cwd="/", capture_output=True, text=True, timeout=100, **user
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["worked"] == []
    assert not told["changed"]
