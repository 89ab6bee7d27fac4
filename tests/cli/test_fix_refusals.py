"""What `editloop fix` refuses in one line, what it leaves as it was, and what it says of the rest.

Most run in this process, through the same entry as the command.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from editloop.cli import CliError, run
from editloop.cli.fix_run import split_tests

BROKEN = "def double(x)\n    return 2 * x\n"
WRONG = "def area(width, height):\n    return width + height\n"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "double.py"
    path.write_text(BROKEN)
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on stderr; the command has exit code 2 and prints nothing else."""
    assert run(["fix", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_read_only_file_is_not_replaced(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken.chmod(0o444)
    assert "read-only" in refused(capsys, broken, "--write")
    assert broken.read_text() == BROKEN
    assert stat.S_IMODE(broken.stat().st_mode) == 0o444


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_a_file_is_kept(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.chown(broken, 12345, 12346)
    broken.chmod(0o664)
    assert run(["fix", str(broken), "--write"]) == 0
    after = broken.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (12345, 12346, 0o664)
    assert "def double(x):" in broken.read_text()


@pytest.mark.parametrize("encoding", ["cp037", "utf-7", "nonsense"])
def test_an_encoding_that_cannot_be_read_is_refused(
    broken: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    text = f"# coding: {encoding}\n{BROKEN}"
    broken.write_text(text)
    said = refused(capsys, broken, "--write")
    assert str(broken) in said
    assert encoding.replace("-", "") in said.replace("-", "")
    assert broken.read_text() == text


def test_a_file_in_latin_1_stays_one(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = f"# coding: latin-1\nNAME = 'é'\n{BROKEN}".encode("latin-1")
    broken.write_bytes(data)
    assert run(["fix", str(broken), "--write"]) == 0
    assert broken.read_bytes() == data.replace(b"double(x)", b"double(x):")


def test_no_fix_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.py"
    path.write_text("§§§\n")
    run(["fix", str(path), "--json", "--budget", "3"])
    row = json.loads(capsys.readouterr().out)
    for fix in [row, *row["alternatives"]]:
        assert "+" in fix["diff"].replace("+++", "") or not fix["diff"], fix


@pytest.mark.parametrize("kind", ["folder", "fifo", "socket", "device"])
def test_only_regular_files_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "x.py"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "socket":
            server.bind(str(path))
        started = time.monotonic()
        assert str(path) in refused(capsys, path)
        assert time.monotonic() - started < 20


@pytest.mark.parametrize("test", ["", "  ", "import os", "x = 3", "True", "(f(2), 3)", "'f(2)'"])
def test_a_test_that_says_nothing_of_the_code_is_refused(
    broken: Path, capsys: pytest.CaptureFixture[str], test: str
) -> None:
    assert "says nothing of the code" in refused(capsys, broken, "--tests", test)


@pytest.mark.parametrize("test", ["f(" * 4000, "f(2) == '\udc80'", "x ="])
def test_a_test_that_is_no_python_is_refused(
    broken: Path, capsys: pytest.CaptureFixture[str], test: str
) -> None:
    assert "Python expression" in refused(capsys, broken, "--tests", test)


def test_tests_are_files_or_expressions_of_any_length(tmp_path: Path) -> None:
    long = "f([" + ", ".join(["1"] * 200) + "]) == 200"
    assert split_tests([str(tmp_path), long, "import math; assert f(1) == math.pi"]) == (
        [tmp_path],
        (long, "import math; assert f(1) == math.pi"),
    )
    with pytest.raises(CliError, match="no such file"):
        split_tests(["tests/test_nowhere.py"])


def test_nothing_wrong_says_what_was_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "area.py"
    path.write_text(WRONG)
    assert run(["fix", str(path)]) == 0
    said = capsys.readouterr().out
    assert "area.py: nothing wrong found: it parses, no findings, it can be imported" in said
    assert "--tests" in said


@pytest.mark.parametrize(
    ("text", "tests", "status", "words"),
    [
        (BROKEN, [], "possible fix", "no findings; no code was run"),
        (WRONG, ["area(2, 3) == 6", "area(4, 5) == 20"], "fixed", "2 tests pass"),
    ],
)
def test_only_what_was_verified_is_called_fixed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    tests: list[str],
    status: str,
    words: str,
) -> None:
    path = tmp_path / "area.py"
    path.write_text(text)
    options = [option for test in tests for option in ("--tests", test)]
    assert run(["fix", str(path), *options]) == 0
    assert f"area.py: {status}: {words}" in capsys.readouterr().out
    assert run(["fix", str(path), *options, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["status"], row["reason"]) == (status, words)
    told = (words, "") if status == "fixed" else ("", words)
    assert (row["verified"], row["possible"]) == told


def test_not_fixed_says_where_it_looked_and_names_the_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "area.py"
    path.write_text("def total(n):\n    return n\n" + "\n\ndef f(x):\n    return x\n" * 40)
    test = "(total(2), 3) == ('far from any small edit 93187', [])"
    assert run(["fix", str(path), "--tests", test, "--budget", "8"]) == 1
    said = capsys.readouterr().out
    assert "not fixed: " in said
    assert "it looked at lines" in said
    assert "a second" in said
    assert "--function" in said
    assert "assert 1" not in said


def test_a_window_that_the_model_has_no_room_for_shrinks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wide.py"
    rows = "".join(f"ROW_{n} = [{', '.join(map(str, range(250)))}]\n" for n in range(30))
    path.write_text(f"{rows}print(ROW_29)\nprint(ROVV_3)\n")
    assert run(["fix", str(path), "--budget", "30"]) in (0, 1)
    assert "tokens" not in capsys.readouterr().err


def test_a_suite_that_hangs_at_import_ends_with_the_budget(tmp_path: Path) -> None:
    path = tmp_path / "area.py"
    path.write_text(WRONG)
    (tmp_path / "test_area.py").write_text("import area\nwhile True:\n    pass\n")
    command = [sys.executable, "-m", "editloop", "fix", str(path), "--budget", "3", "--json"]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert time.monotonic() - started < 30
    assert json.loads(done.stdout)["status"] == "not fixed"


def test_a_lone_surrogate_reaches_the_terminal_as_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text('def f(x):\n    """\n    >>> f(1)\n    2\n    """\n    raise E(chr(0xdc80))\n')
    path.write_text("class E(Exception):\n    pass\n\n" + path.read_text())
    command = [sys.executable, "-m", "editloop", "fix", str(path), "--budget", "2"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=100)
    assert done.returncode in (0, 1), done.stderr
    assert b"Traceback" not in done.stderr
