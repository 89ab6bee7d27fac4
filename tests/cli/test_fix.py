"""``editloop fix`` as a person runs it: a real process, the real sandbox."""

from __future__ import annotations

import json
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = '''\
def mean(values):
    """The arithmetic mean.

    >>> mean([1, 2, 3])
    2.0
    >>> mean([5])
    5.0
    """
    total = 0
    for value in values:
        total -= value
    return total / len(values)
'''


def run_fix(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "editloop", "fix", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "mean.py"
    path.write_text(BROKEN)
    return path


def test_report_shows_the_diff_and_what_was_checked(broken: Path) -> None:
    done = run_fix(broken)
    assert done.returncode == 0, done.stderr
    assert "-        total -= value" in done.stdout
    assert "+        total += value" in done.stdout
    assert "0 of 2 examples pass" in done.stdout
    assert "mean.py: fixed: 2 examples pass" in done.stdout
    assert "sandbox   level" in done.stdout
    assert broken.read_text() == BROKEN


def test_json_has_the_documented_keys(broken: Path) -> None:
    done = run_fix(broken, "--json")
    row = json.loads(done.stdout)
    assert row["status"] == "fixed"
    assert {"diff", "edits", "verified_by", "commands", "turns", "candidates"} <= set(row)
    assert {"seconds", "sandbox", "alternatives", "reason"} <= set(row)
    assert row["verified_by"][-1] == "doctests 2/2"
    assert row["commands"][0].startswith("### ")


def test_diff_applies_with_patch(broken: Path) -> None:
    done = run_fix(broken, "--diff", cwd=broken.parent)
    subprocess.run(["patch", "-p1"], input=done.stdout, text=True, check=True, cwd=broken.parent)
    assert "total += value" in broken.read_text()


def test_write_keeps_mode_and_line_ends(broken: Path) -> None:
    broken.write_bytes(b"\xef\xbb\xbf" + BROKEN.replace("\n", "\r\n").encode())
    broken.chmod(0o640)
    done = run_fix(broken, "--write")
    assert done.returncode == 0, done.stderr
    wanted = BROKEN.replace("-=", "+=").replace("\n", "\r\n").encode()
    assert broken.read_bytes() == b"\xef\xbb\xbf" + wanted
    assert stat.S_IMODE(broken.stat().st_mode) == 0o640
    assert os.listdir(broken.parent) == ["mean.py"]


def test_a_second_run_finds_nothing_wrong(broken: Path) -> None:
    broken.write_text(BROKEN.replace("-=", "+="))
    done = run_fix(broken, "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "nothing wrong")


def test_expression_as_test(tmp_path: Path) -> None:
    path = tmp_path / "area.py"
    path.write_text("def area(width, height):\n    return width + height\n")
    done = run_fix(path, "--tests", "area(2, 3) == 6", "--tests", "area(4, 5) == 20", "--json")
    row = json.loads(done.stdout)
    assert row["status"] == "fixed"
    assert "+    return width * height" in row["diff"]


def test_own_pytest_suite_is_found_and_advisory(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    path = tmp_path / "area.py"
    path.write_text("def area(width, height):\n    return width + height\n")
    (tmp_path / "tests").mkdir()
    suite = "from area import area\n\ndef test_area():\n    assert area(2, 3) == 6\n"
    (tmp_path / "tests" / "test_area.py").write_text(suite)
    done = run_fix(path, "--json", "--budget", "30")
    row = json.loads(done.stdout)
    assert row["status"] == "fixed", row
    assert row["verified_by"][-1] == "pytest 1/1"
    assert "advisory" in row["notes"][0]


def test_no_fix_is_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "secret.py"
    path.write_text("def f(x):\n    return x\n")
    done = run_fix(path, "--tests", "f(3) == 'far from any small edit 93187'", "--budget", "1")
    assert done.returncode == 1
    assert "not fixed" in done.stdout


def test_syntax_error_is_fixed_without_any_test(tmp_path: Path) -> None:
    path = tmp_path / "first.py"
    path.write_text("def first(items)\n    return items[0]\n")
    done = run_fix(path, "--diff")
    assert done.returncode == 0, done.stderr
    assert "+def first(items):" in done.stdout


def other_version(path: Path, model: Path) -> None:
    """The same file with another transcript version in its metadata."""
    data = model.read_bytes()
    key = b"editloop.transcript_version"
    at = data.index(key) + len(key)
    kind = struct.unpack_from("<I", data, at)[0]
    assert kind == 4, "the version is an unsigned 32-bit number"
    path.write_bytes(data[: at + 4] + struct.pack("<I", 99) + data[at + 8 :])


@pytest.mark.parametrize("case", ["missing", "not a gguf", "truncated", "version"])
def test_wrong_model_is_one_line_and_writes_nothing(
    broken: Path, tmp_path: Path, tiny_model: Path, case: str
) -> None:
    model = tmp_path / "other.gguf"
    if case == "not a gguf":
        model.write_text("hello")
    elif case == "truncated":
        model.write_bytes(tiny_model.read_bytes()[:100_000])
    elif case == "version":
        other_version(model, tiny_model)
    done = run_fix(broken, "--model", model, "--write")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(model) in done.stderr
    assert broken.read_text() == BROKEN


def test_a_line_of_data_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "wide.py"
    path.write_text("data = [" + ", ".join(map(str, range(9000))) + "]\nprint(dat)\n")
    done = run_fix(path, "--write")
    assert done.returncode == 0, done.stderr
    assert path.read_text().endswith("]\nprint(data)\n")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nowhere.py"], "nowhere.py"),
        (["."], "folder"),
        (["mean.py", "--function", "median"], "median"),
        (["mean.py", "--line", "400"], "400"),
        (["mean.py", "--tests", "mean("], "expression"),
        (["mean.py", "--tests", "tests/test_nowhere.py"], "no such file"),
        (["mean.py", "--diff", "--write"], "choose one"),
        (["mean.py", "--budget", "soon"], "number"),
    ],
)
def test_wrong_usage_is_exit_code_2(broken: Path, args: list[str], says: str) -> None:
    done = run_fix(*args, cwd=broken.parent)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_write_refuses_a_file_that_changed(broken: Path) -> None:
    from editloop.cli import CliError
    from editloop.cli.fix import write_atomically

    with pytest.raises(CliError, match="changed meanwhile"):
        write_atomically(broken, b"something else", b"new")
    assert broken.read_text() == BROKEN
    assert os.listdir(broken.parent) == ["mean.py"]


LONG = "".join(f"\n\n    def get_{n}(self):\n        return {n}\n" for n in range(60))
DEDENTED = f'''\
class Box:
    """A pair.

    >>> Box(3).first()
    3
    """

    def __init__(self, value):
        self.value = value

def first(self):
        return self.value
{LONG}'''


def test_an_unindent_error_is_fixed_where_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "box.py"
    path.write_text(DEDENTED)
    row = json.loads(run_fix(path, "--json", "--budget", 60).stdout)
    assert "+    def first(self):" in row["diff"], row
    assert row["verified_by"][-1] == "doctests 1/1", "examples elsewhere confirm it"


def test_examples_that_nothing_fixes_leave_single_edits(tmp_path: Path) -> None:
    path = tmp_path / "box.py"
    failing = DEDENTED.replace("    3\n", "    4\n")
    path.write_text(failing.replace("def first(self):", "    def first(self)"))
    row = json.loads(run_fix(path, "--json", "--budget", 20).stdout)
    assert row["status"] == "possible fix", row
    assert len(row["commands"]) == 1
    assert row["verified_by"] == ["syntax 1/1", "static 2/2"]


def test_a_missing_import_goes_to_the_others_of_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    imports = '"""Numbers."""\n\nimport csv\nimport sys\n\n'
    body = "".join(f"\n\ndef f{i}(x):\n    return x + {i}\n" for i in range(60))
    use = "\n\ndef load(path):\n    with open(path) as file:\n        return json.load(file)\n"
    path.write_text(f"{imports}print(csv, sys){body}{use}")
    done = run_fix(path, "--write")
    assert done.returncode == 0, done.stderr
    changed = imports.replace("import sys", "import json\nimport sys")
    assert path.read_text() == f"{changed}print(csv, sys){body}{use}"
