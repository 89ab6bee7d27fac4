"""All hostile programs, at levels A and B, as root and as an ordinary user, compared by host and by judge."""  # noqa: E501

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
HOSTILE = REPO.parent / "shared" / "hostile"
NOBODY = 65534


def ordinary_python() -> str | None:
    """An interpreter that an ordinary user may run; root's own often lies in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            command = [path, "-c", "import encodings"]
            if subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[]).returncode == 0:
                return path
        except OSError:
            continue
    return None


def run(level: str, kind: str, ordinary: bool) -> dict[str, dict[str, object]]:
    env = {"PYTHONPATH": str(REPO), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    python: str | None = sys.executable
    user = {}
    if ordinary and os.geteuid() == 0:
        python, user = ordinary_python(), {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if python is None:
            pytest.skip("no interpreter that an ordinary user may run")
        env["HOME"] = "/nonexistent"
    elif not ordinary and os.geteuid() != 0:
        pytest.skip("not root")
    program = [python, str(Path(__file__).with_name("hostile_run.py")), str(HOSTILE), level, kind]
    done = subprocess.run(
        program, env=env, cwd="/", capture_output=True, text=True, timeout=280, **user
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert (told["uid"] != 0) == ordinary
    report: dict[str, dict[str, object]] = told["report"]
    return report


def wrong(report: dict[str, dict[str, object]]) -> list[str]:
    """What went otherwise than the program's first line says."""
    out = []
    for name, told in report.items():
        expect, verdict = told["expect"], told["verdict"]
        if verdict != expect and not (expect == "notpass" and verdict != "pass"):
            out.append(f"{name}: {verdict} instead of {expect}")
        if told["harmed"]:
            out.append(f"{name}: files were touched")
        if told["left"]:
            out.append(f"{name}: processes are left")
        if told["honest"] != "pass":
            out.append(f"{name}: an honest program fails after it")
    return out


@pytest.mark.skipif(
    not HOSTILE.is_dir(), reason="the hostile programs are not beside the repository"
)
@pytest.mark.skipif(sys.platform != "linux", reason="levels A and B are Linux's")
@pytest.mark.parametrize("ordinary", [False, True], ids=["root", "user"])
@pytest.mark.parametrize("kind", ["calls", "asserts"])
@pytest.mark.parametrize("level", ["A", "B"])
def test_hostile_programs(level: str, kind: str, ordinary: bool) -> None:
    report = run(level, kind, ordinary)
    assert len(report) == 51  # one of them is run twice
    assert not wrong(report)
