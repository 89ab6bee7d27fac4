"""Forks of one process run a suite's candidates as fresh processes would, and apart."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from editloop.checks.pytestruns import PytestReport, judge, run_pytest
from editloop.checks.suites import find_python
from editloop.checks.warmruns import WarmRuns
from editloop.sandbox import SandboxError, SandboxPool
from editloop.sandbox.launch import end
from editloop.sandbox.level import Level
from editloop.sandbox.suite import Suite, SuiteRun
from editloop.sandbox.warmsuite import Limits, WarmSuite, available

GOOD = "def f(x):\n    return x + 1\n"
BAD = "def f(x):\n    return x\n"
TESTS = """\
import inspect, os, subprocess, sys, tempfile
import helper, mod
from mod import f

def test_one(one):
    assert f(one) == 2

def test_other(tmp_path):
    assert not os.listdir(tempfile.gettempdir()) or list(tmp_path.parent.parent.iterdir())
    (tmp_path / "a").write_text("x")
    assert helper.twice(0) == 2

def test_text():
    text = open(mod.__file__).read()
    assert inspect.getsource(f) in text
    run = subprocess.run([sys.executable, "-c", "import mod; print(mod.f(7))"],
                         env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True)
    assert run.stdout == f"{f(7)}\\n", run.stderr
"""
LIMITS = Limits(20.0, 60.0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "mod.py").write_text(BAD)
    (tmp_path / "helper.py").write_text("import mod\n\ndef twice(x):\n    return mod.f(mod.f(x))\n")
    (tmp_path / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef one(): return 1\n")
    (tmp_path / "test_mod.py").write_text(TESTS)
    return tmp_path


def suite(project: Path, level: Level) -> Suite:
    python = find_python(project)
    assert python is not None
    return Suite(("test_mod.py",), project / "mod.py", project, level, python)


@pytest.fixture
def runs(pool: SandboxPool, project: Path) -> Iterator[WarmRuns]:
    if not available(pool.level):
        pytest.skip("no process can be kept here")
    runs = WarmRuns(suite(project, pool.level))
    yield runs
    runs.close()


@pytest.fixture
def process(pool: SandboxPool, project: Path) -> Iterator[WarmSuite]:
    if not available(pool.level):
        pytest.skip("no process can be kept here")
    process = WarmSuite(suite(project, pool.level))
    yield process
    process.close()


def fresh(project: Path, level: Level, source: str) -> PytestReport:
    return run_pytest(suite(project, level), source)


def outcomes(report: PytestReport) -> dict[str, str]:
    return {name.partition("::")[2]: outcome for name, outcome in report.outcomes}


def test_forks_say_what_a_fresh_process_says(
    runs: WarmRuns, pool: SandboxPool, project: Path
) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*.py")}
    assert runs.own(None).outcomes == fresh(project, pool.level, BAD).outcomes
    for source in (GOOD, BAD + "#\n", "def f(x):\n    raise KeyError(x)\n", GOOD + "# b\n"):
        told = runs.report(source, None)
        known = fresh(project, pool.level, source)
        assert (told.status, told.outcomes) == (known.status, known.outcomes), source
    assert {path: path.read_bytes() for path in project.rglob("*.py")} == before
    assert runs._plan is not None
    assert runs._plan[1], "pytest is configured ahead"


def test_a_conftest_may_import_the_module(runs: WarmRuns, project: Path) -> None:
    text = "import pytest, mod\n@pytest.fixture\ndef one(): return mod.f(0) * 0 + 1\n"
    (project / "conftest.py").write_text(text)
    assert outcomes(runs.own(None))["test_one"] == "failed"
    assert runs.report(GOOD, None).status == "pass"
    assert runs.report(BAD + "#\n", None).status == "fail"
    assert runs._plan is not None
    assert not runs._plan[1]


def test_others_run_only_where_a_first_one_passes(runs: WarmRuns) -> None:
    first = ["test_mod.py::test_one"]
    told = runs.report("def f(x):\n    return x - 1\n", None, first=first)
    assert (told.stopped, list(outcomes(told)), told.status) == (True, ["test_one"], "fail")
    told = runs.report(GOOD, None, first=first)
    assert (told.stopped, told.status, len(told.outcomes)) == (False, "pass", 3)


LEAVES = """\
import os, pathlib, signal, sys, tempfile, threading, time
folder = pathlib.Path(tempfile.gettempdir())
for place in (folder, folder.parent, pathlib.Path("/tmp"), pathlib.Path.cwd()):
    for name in ("conftest.py", "helper.py", "left", "pytest.py"):
        try:
            (place / name).write_text("raise SystemExit")
        except OSError:
            pass
(folder / "deep").mkdir(exist_ok=True)
(folder / "deep" / "link").symlink_to("/")
os.chmod(folder / "deep", 0)
for attack in ("os.kill(os.getppid(), 9)", "os.kill(1, 9)", "os.kill(os.getppid(), 19)"):
    try:
        eval(attack)
    except OSError:
        pass
for fd in range(3, 300):
    try:
        os.write(fd, b'\\x00\\x00\\x00\\x02{}')
    except OSError:
        pass
if os.fork() == 0:
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.modules.clear()
        time.sleep(954)
    os._exit(0)
threading.Thread(target=time.sleep, args=(953,)).start()
def f(x): return x + 1
"""


def test_a_fork_leaves_nothing_for_the_next(process: WarmSuite, project: Path) -> None:
    first = judge(process.run(GOOD, LIMITS), ())
    assert first.status == "pass", first
    for _ in range(2):
        process.run(LEAVES, LIMITS)
        assert process.alive
        after = process.run(GOOD, LIMITS)
        assert judge(after, ()).outcomes == first.outcomes, after
    assert not list(project.rglob("left"))
    assert len(processes(str(project), "test_mod.py")) <= 3


def test_what_a_fork_leaves_is_not_counted_with_the_next(process: WarmSuite) -> None:
    many = (
        "import os, time\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(952)\n"
        "except OSError:\n"
        "    os._exit(7)\n"
    )
    assert os.waitstatus_to_exitcode(process.run(many, LIMITS).status) == 7
    again = process.run(GOOD, LIMITS)
    assert process.alive
    assert judge(again, ()).status == "pass", again


def processes(*words: str) -> list[str]:
    """Command lines of live processes that have all of the words."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        found += [line] if all(word in line for word in words) else []
    return found


STUBBORN = """\
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("while True: pass", "wall"),
        ("import time; time.sleep(100)", "wall"),
        ("import os\nwhile True: os.fork()", None),  # refused a fork or out of time
        (STUBBORN, None),
        ("import os; os._exit(0)", "exit"),
        ("import os; os.kill(os.getpid(), 9)", "exit"),
        ("import os, signal; os.kill(0, signal.SIGKILL)", None),
    ],
)
def test_a_fork_that_does_not_come_back(process: WarmSuite, source: str, end: str | None) -> None:
    run = process.run(source, LIMITS if end == "exit" else Limits(4.0, 6.0))
    assert end is None or run.end == end, run
    assert judge(run, ("test_mod.py::test_one",)).status != "pass"
    assert process.alive
    again = process.run(GOOD, LIMITS)
    assert process.alive
    assert judge(again, ()).status == "pass", again


def test_it_starts_again(runs: WarmRuns) -> None:
    assert runs.own(None).status == "fail"
    assert runs._process is not None
    end(runs._process._process)
    assert runs.report(GOOD, None).status == "pass"


def test_cancel_ends_a_run(runs: WarmRuns) -> None:
    assert runs.own(None).status == "fail"
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    report = runs.report("import time; time.sleep(100)", cancel)
    assert report.status in ("cancelled", "timeout")
    runs.close()
    assert runs.report(GOOD, None).status == "pass"


def test_traces(runs: WarmRuns, project: Path) -> None:
    source = (
        "def f(x):\n"
        "    if x == 1:\n"
        "        word = 'one'\n"
        "        raise ValueError(word)\n"
        "    return x + 1\n"
    )
    traces = {t.test.partition("::")[2]: t for t in runs.report(source, None, traced=True).traces}
    one = traces["test_one"]
    assert (one.passed, one.frames, one.error) == (False, (3,), "ValueError: one")
    assert one.lines == {1, 2, 3}
    assert (traces["test_text"].passed, traces["test_text"].lines) == (True, {1, 4})


def test_what_is_told_is_not_believed() -> None:
    lines = (
        {"id": "a", "outcome": "failed"},
        {"ran": "a", "lines": [2**61 - 1, -1, True, "x", 3]},
        {"raised": "a", "frames": "abc", "error": 5},
        {"raised": ["b"]},
        ["id"],
        7,
        {"ids": {"a": 1}},
    )
    report = judge(SuiteRun(lines, "exit", 0, ""), ("a",))
    assert report.traces[0].lines == {3}
    assert report.traces[0].frames == ()
    assert report.status != "pass"


def test_other_levels_refuse(project: Path) -> None:
    with pytest.raises(SandboxError):
        WarmSuite(suite(project, Level.F))


def test_no_pytest_is_said(pool: SandboxPool, project: Path, tmp_path: Path) -> None:
    if not available(pool.level):
        pytest.skip("no process can be kept here")
    home = tmp_path / "bare"
    (home / "bin").mkdir(parents=True)
    settings = f"home = {Path(os.__file__).parents[2] / 'bin'}\n"
    (home / "pyvenv.cfg").write_text(settings + "include-system-site-packages = false\n")
    (home / "bin" / "python").symlink_to(os.path.realpath("/proc/self/exe"))
    with pytest.raises(SandboxError, match="pytest cannot be imported"):
        WarmSuite(replace(suite(project, pool.level), python=str(home / "bin" / "python")))
