"""``editloop fix`` with a failing command or a traceback, as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands are run on Linux")

SHOP = """\
import json
import sys


def prices(rows):
    return [row["price"] for row in rows]


def total(rows):
    result = 0
    for price in prices(rows):
        result -= price
    return result


def main(arguments):
    with open(arguments[0]) as file:
        rows = json.load(file)
    with open("report.txt", "w") as report:
        report.write("total")
    print("total", total(row))
    return sys.stdin.read().strip() == "fail"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def fix(folder: Path, *words: object, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "editloop", "fix", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, check=False, timeout=200
    )


def row(folder: Path, *words: object, text: str | None = None) -> dict[str, Any]:
    budget = [] if "--budget" in words else ["--budget", 60]
    done = fix(folder, *words, *budget, "--json", text=text)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "rows.json").write_text('[{"price": 2}, {"price": 3}]')
    return tmp_path


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_a_failing_command_is_fixed_and_leaves_nothing_behind(shop: Path) -> None:
    found = row(shop, "shop.py", "--run", "python shop.py rows.json")
    # Nothing says what it should print.
    assert found["status"] == "possible fix", found
    assert found["verified_by"][-1] == "command 1/1"
    assert '+    print("total", total(rows))' in found["diff"]
    assert found["weak"] == []
    assert names(shop) == {"shop.py", "rows.json"}


def test_output_that_is_wrong_is_evidence(shop: Path) -> None:
    (shop / "shop.py").write_text(SHOP.replace("total(row)", "total(rows)"))
    (shop / "right.txt").write_text("total 5\n")
    found = row(shop, "shop.py", "--run", "python shop.py rows.json", "--expect", "right.txt")
    assert "the command fails" in found["before"]
    assert "-> 'total -5', expected 'total 5'" in found["before"]
    assert found["verified_by"][-1] == "command 2/2", found
    assert "+        result += price" in found["diff"]


def test_standard_input_and_exit_code(shop: Path) -> None:
    (shop / "shop.py").write_text(SHOP.replace("total(row)", "total(rows)"))
    (shop / "in.txt").write_text("fail\n")
    command = ["shop.py", "--run", "python shop.py rows.json", "--stdin", "in.txt"]
    assert row(shop, *command, "--exit-code", 1)["status"] == "nothing wrong"
    before = row(shop, *command, "--budget", 5)["before"]
    assert "python shop.py rows.json -> exit code 1" in before


@pytest.mark.parametrize(
    "command",
    ["python -m shop rows.json", "{python} shop.py rows.json", "MODE=x python shop.py rows.json"],
)
def test_other_ways_to_start_it(shop: Path, command: str) -> None:
    found = row(shop, "shop.py", "--run", command.format(python=sys.executable))
    assert found["verified_by"][-1:] == ["command 1/1"], found


def test_a_test_of_pytest_is_a_command(shop: Path) -> None:
    (shop / "shop.py").write_text(SHOP.replace("total(row)", "total(rows)"))
    test = "from shop import total\ndef test_total():\n    assert total([{'price': 2}]) == 2\n"
    (shop / "test_other.py").write_text(f"{test}def test_not_this():\n    assert False\n")
    found = row(shop, "shop.py", "--run", "pytest test_other.py::test_total")
    assert "+        result += price" in found["diff"], found


def test_a_folder_with_a_module_of_the_standard_librarys_name(shop: Path) -> None:
    (shop / "json.py").write_text("def load(file):\n    return [{'price': 1}]\n")
    found = row(shop, "shop.py", "--run", "python shop.py rows.json")
    assert found["verified_by"][-1:] == ["command 1/1"], found


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        ("import urllib.request\nurllib.request.urlopen('http://localhost:9')", "the network"),
        ("import socket\nsocket.create_connection(('localhost', 9))", "the network"),
        ("input('name? ')", "input"),
        ("import termios\ntermios.tcgetattr(0)", "a terminal"),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('x')\np.parse_args()",
         "arguments"),
        ("import sys\nprint(sys.argv[1])", "arguments"),
        ("import no_such_package_here", "the package no_such_package_here"),
        ("open('/etc/passwd')", "/etc/passwd"),
    ],
)  # fmt: skip
def test_what_the_sandbox_lacks_is_said_in_one_line(tmp_path: Path, body: str, needs: str) -> None:
    (tmp_path / "job.py").write_text(body + "\n")
    done = fix(tmp_path, "job.py", "--run", "python job.py")
    assert done.returncode == 2
    assert f"python job.py: needs {needs}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_program_without_an_end_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text("n = 3\nwhile n > 0:\n    n += 1\nprint(n)\n")
    found = row(tmp_path, "count.py", "--run", "python count.py", "--budget", 60)
    assert "python count.py -> no answer in time" in found["before"]
    assert found["status"] == "possible fix"


def test_a_fix_that_only_hides_the_failure_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("def f(x):\n    return x\n\n\nf(1)\nraise KeyError(0)\n")
    found = row(tmp_path, "job.py", "--run", "python job.py", "--budget", 20)
    assert found["status"] == "possible fix", found
    assert found["weak"], found
    assert (found["verified"], found["weak"][0] in found["possible"]) == ("", True)


def test_modules_that_raise_when_they_are_imported_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "ages.py").write_text("ages = {'a': 1}\nolder = ages.value()\n")
    found = row(tmp_path, "ages.py", "--budget", 60)
    assert "line 2: import ages -> AttributeError: 'dict' object has no" in found["before"]
    assert "+older = ages.values()" in found["diff"]
    assert found["verified_by"][-1] == "import 1/1"


@pytest.mark.parametrize(
    "body",
    ["import no_such_package_here", "import sys\nsys.exit(3)", "open('not there')", "input()"],
)
def test_what_an_import_needs_is_no_mistake(tmp_path: Path, body: str) -> None:
    (tmp_path / "job.py").write_text(body + "\n")
    assert row(tmp_path, "job.py")["status"] == "nothing wrong"


def test_a_module_of_a_package_is_imported_as_such(tmp_path: Path) -> None:
    package = tmp_path / "zoo"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text("CAT = 'cat'\n")
    (package / "all.py").write_text("from .names import CAT\nprint(CAT)\n")
    (tmp_path / "pyproject.toml").write_text("")
    found = row(tmp_path, "zoo/all.py")
    assert found["status"] == "nothing wrong"
    assert found["before"].endswith("it can be imported")


def raised(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "Traceback" in done.stderr
    return done.stderr


def test_a_traceback_of_the_program_itself_is_reproduced(tmp_path: Path) -> None:
    (tmp_path / "ages.py").write_text("ages = {'a': 1}\n\n\nif ages:\n    ages.value()\n")
    (tmp_path / "log.txt").write_text(raised(tmp_path, "ages.py"))
    found = row(tmp_path, "ages.py", "--traceback", "log.txt", "--budget", 60)
    assert "the traceback was reproduced" in found["notes"]
    assert (found["evidence"], found["verified_by"][-1]) == ("", "command 1/1")


def test_a_traceback_that_is_not_reproduced_proves_nothing(shop: Path) -> None:
    text = raised(shop, "-c", "import shop; shop.prices([{}])")
    found = row(shop, "shop.py", "--traceback", "-", "--budget", 20, text=text)
    assert found["evidence"] == "traceback, not reproduced"
    assert found["notes"][0] == "line 6 in prices raised KeyError: 'price'"
    report = fix(shop, "shop.py", "--traceback", "-", "--budget", 20, text=text).stdout
    assert "possible fix: " in report or "not fixed" in report
    assert "; the traceback was not reproduced" in report or "not fixed" in report


def test_a_traceback_with_a_command(shop: Path) -> None:
    text = raised(shop, "shop.py", "rows.json")
    found = row(shop, "shop.py", "--traceback", "-", "--run", "python shop.py rows.json", text=text)
    assert "the traceback was reproduced" in found["notes"]
    assert found["verified_by"][-1] == "command 1/1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--run", "python nowhere.py"], "no file nowhere.py"),
        (["--run", "python shop.py | cat"], "shell"),
        (["--run", "python 'shop.py"], "quotation"),
        (["--run", ""], "no command"),
        (["--run", "python"], "input"),
        (["--run", "./python3 shop.py"], "not a Python interpreter"),
        (["--stdin", "rows.json"], "needs --run"),
        (["--expect", "rows.json"], "needs --run"),
        (["--run", "python shop.py", "--stdin", "nowhere"], "no such file"),
        (["--run", "python shop.py", "--expect", "nowhere"], "No such file"),
        (["--traceback", "nowhere"], "No such file"),
        (["--traceback", "rows.json"], "no traceback"),
    ],
)
def test_wrong_usage_is_one_line(shop: Path, words: list[str], says: str) -> None:
    done = fix(shop, "shop.py", *words)
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_traceback_of_other_files(shop: Path) -> None:
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: x\n'
    done = fix(shop, "shop.py", "--traceback", "-", text=text)
    assert done.returncode == 2
    assert "no line of the traceback is in shop.py (it names a.py)" in done.stderr


def test_the_projects_own_environment_is_used(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    library = next((tmp_path / ".venv" / "lib").glob("python*")) / "site-packages"
    (library / "only_here.py").write_text("def double(x):\n    return 2 * x\n")
    body = """\
    import only_here

    def f(n):
        return only_here.double(m)

    print(f(2))
    """
    (tmp_path / "job.py").write_text(textwrap.dedent(body))
    found = row(tmp_path, "job.py", "--run", "python job.py")
    assert found["verified_by"][-1:] == ["command 1/1"], found
