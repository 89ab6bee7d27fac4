"""A person's suite as a check: what cannot be collected says why, a pass is confirmed, and where
tests fail says where to look.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from editloop.budget import Stop
from editloop.checks.project import project_root
from editloop.checks.suites import Regression, SuiteCheck, suite_check
from editloop.document.text import Snapshot
from editloop.repair.diagnosis import diagnose
from editloop.repair.fix import Request, _lines_to_fix
from editloop.repair.spectrum import suspect_lines
from editloop.sandbox import SandboxPool

AREA = "def area(width, height):\n    return width + height\n"
TESTS = """\
from area import area

def test_area():
    assert area(2, 3) == 6

def test_square():
    assert area(2, 2) == 4
"""


class Made:
    """A project with one module and its tests, and checks of it that are closed in the end."""

    def __init__(self, root: Path, pool: SandboxPool) -> None:
        self.root, self.pool = root, pool
        self.checks: list[SuiteCheck] = []

    def check(self, module: str, tests: str) -> SuiteCheck:
        (self.root / "pyproject.toml").write_text("")
        (self.root / "area.py").write_text(module)
        (self.root / "test_area.py").write_text(tests)
        found, note = suite_check(
            self.root / "area.py", [self.root / "test_area.py"], self.pool.level
        )
        assert found is not None, note
        self.checks.append(found)
        return found


@pytest.fixture
def made(pool: SandboxPool, tmp_path: Path) -> Iterator[Made]:
    made = Made(tmp_path, pool)
    yield made
    for check in made.checks:
        check.close()


def test_candidates_are_counted_and_a_pass_is_confirmed(made: Made) -> None:
    check = made.check(AREA, TESTS)
    assert check.refused(None) == ""
    assert check.run(AREA, None).summary == "pytest 1/2"
    worse = check.run(AREA.replace("+", "-"), None)
    assert worse.summary == "pytest 1/2", "what passed before is not run where nothing got better"
    assert [f.text for f in worse.findings] == ["test_area.py::test_area failed: assert -1 == 6"]
    assert check.run(AREA.replace("width + height", "6"), None).summary == "pytest 1/2"
    # What passes in forks alone does not pass: these have a folder of their own.
    forks = "import tempfile\n" + AREA.replace("+", "* ('slot' in tempfile.gettempdir()) *")
    assert not check.run(forks, None).passed
    assert check.run(AREA.replace("+", "*"), None).passed


def test_another_process_has_a_check_of_its_own(made: Made) -> None:
    check = made.check(AREA, TESTS)
    assert not check.run(AREA, None).passed
    again = pickle.loads(pickle.dumps(check))
    made.checks.append(again)
    assert again.run(AREA.replace("+", "*"), None).passed


def test_nothing_that_passed_may_fail(made: Made) -> None:
    check = made.check(AREA, TESTS)
    kept = Regression(check, AREA, None)
    assert kept.passed == {"test_area.py::test_square"}
    assert kept.run(AREA + "\n", None).passed
    assert not kept.run(AREA.replace("+", "-"), None).passed


@pytest.mark.parametrize(
    ("tests", "said", "at"),
    [
        ("import nothing_here\n" + TESTS, "No module named 'nothing_here'", "test_area.py:1"),
        (TESTS + "\nundefined\n", "NameError: name 'undefined' is not defined", "test_area.py:9"),
        ("def test_x(:\n", "SyntaxError", "test_area.py:1"),
        ("x = 1\n", "no tests were collected", ""),
    ],
)
def test_what_cannot_be_collected_says_why(made: Made, tests: str, said: str, at: str) -> None:
    refused = made.check(AREA, tests).refused(None)
    assert said in refused
    assert at in refused
    assert "\n" not in refused


def test_a_conftest_that_cannot_be_imported_says_why(made: Made) -> None:
    (made.root / "conftest.py").write_text("import os\nimport nothing_here\n")
    refused = made.check(AREA, TESTS).refused(None)
    assert "No module named 'nothing_here'" in refused
    assert "conftest.py:2" in refused


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("RATE = {}['x']\n" + AREA, 0),
        (AREA.replace("area(", "aera("), None),
        (AREA + "def broken(:\n", 2),
    ],
)
def test_the_modules_own_fault_is_what_is_repaired(
    made: Made, broken: str, line: int | None
) -> None:
    check = made.check(broken, TESTS)
    assert check.refused(None) == ""
    before = check.run(broken, None)
    assert before.good == 0
    traces = check.traces(broken, None)
    assert suspect_lines(Snapshot.from_text(broken), traces)[:1] == ([] if line is None else [line])
    assert check.run(AREA.replace("+", "*"), None).passed
    assert not check.run(AREA, None).passed
    assert not check.run("import os; os._exit(0)\n", None).passed


def long(fault: str) -> str:
    before = "".join(f"\n\ndef f{n}(x):\n    return x + {n}\n" for n in range(60))
    after = before.replace("def f", "def g")
    return f"{before}\n\ndef area(width, height):\n    {fault}\n    return size\n{after}"


@pytest.mark.parametrize(
    "fault", ["size = width.missing * height", "size = width + height", "size = width *"]
)
def test_where_tests_fail_is_where_to_look(made: Made, fault: str) -> None:
    text = long(fault)
    check = made.check(text, TESTS.replace("area(2, 2) == 4", "area(2, 2) == 4 == area(2, 2)"))
    document = Snapshot.from_text(text)
    known = diagnose(document, None, None)
    lines = _lines_to_fix(Request(document), known, [check], Stop(None))
    header = text.split("\n").index("def area(width, height):")
    assert lines[0] in (header + 1, header + 2)


def test_a_home_folder_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "code" / "deep"
    folder.mkdir(parents=True)
    assert project_root(folder / "area.py") == folder
    (tmp_path / "code" / "setup.py").write_text("")
    assert project_root(folder / "area.py") == tmp_path / "code"
