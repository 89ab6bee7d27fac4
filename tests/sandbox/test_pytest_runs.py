"""The user's own suite: the user's tests, the candidate's module, and a report that does not believe an exit code."""  # noqa: E501

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from editloop.checks.pytestruns import PytestReport, collect_pytest, run_pytest
from editloop.sandbox import SandboxPool, SandboxUnavailable
from editloop.sandbox.level import Level
from editloop.sandbox.suite import Suite

IDS = ("tests/test_mod.py::test_one", "tests/test_mod.py::test_files")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mod.py").write_text("def f(x):\n    return x\n")
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef one(): return 1\n")
    (tests / "test_mod.py").write_text(
        "from mod import f\ndef test_one(one): assert f(one) == 2\n"
        "def test_files(tmp_path):\n    (tmp_path / 'a').write_text('x')\n    assert f(2) == 3\n"
    )
    return tmp_path


def suite(project: Path, level: Level) -> Suite:
    return Suite(("tests",), project / "mod.py", project, level)


def run(project: Path, level: Level, source: str, wall_seconds: float = 60.0) -> PytestReport:
    return run_pytest(suite(project, level), source, expected=IDS, wall_seconds=wall_seconds)


def test_suite(pool: SandboxPool, project: Path) -> None:
    before = sorted(project.rglob("*"))
    assert collect_pytest(suite(project, pool.level)) == IDS
    good = run(project, pool.level, "def f(x): return x + 1\n")
    assert good.status == "pass"
    bad = run(project, pool.level, "def f(x): return 2\n")
    assert bad.status == "fail"
    assert bad.problem == f"1 of 2 tests failed, first {IDS[1]}"
    assert run(project, pool.level, "import os; os._exit(0)\n").status == "error"
    assert sorted(project.rglob("*")) == before


def test_suite_is_confined_and_timed(pool: SandboxPool, project: Path) -> None:
    harm = (
        f"open({str(project / 'mod.py')!r}, 'a')"
        if pool.level is Level.A
        else "open('/var/tmp/x', 'w')"
    )
    tried = [harm, "import socket; socket.socket()", "import os; os.setsid()"]
    source = "WORKED = 0\n"
    for attack in tried:
        source += f"try:\n    {attack}\n    WORKED += 1\nexcept OSError: pass\n"
    source += "assert not WORKED\ndef f(x): return x + 1\n"
    report = run(project, pool.level, source)
    assert report.status == "pass", report
    assert run(project, pool.level, "while True: pass", wall_seconds=1.5).status == "timeout"
    cancel = threading.Event()
    cancel.set()
    start = time.monotonic()
    report = run_pytest(suite(project, pool.level), "", expected=IDS, cancel=cancel)
    assert report.status == "cancelled"
    assert time.monotonic() - start < 2


def test_other_levels_refuse(project: Path) -> None:
    with pytest.raises(SandboxUnavailable):
        run(project, Level.F, "")
    with pytest.raises(ValueError, match="subpath"):
        run_pytest(Suite(("tests",), Path("/etc/passwd"), project, Level.B), "")
