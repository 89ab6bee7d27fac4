"""``editloop fix --ask``: a person says which of the answers is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from editloop.cli import run

from .conftest import environment

LARGER = '''\
def larger(values, limit):
    """
    >>> larger([1, 5, 7], 4)
    2
    """
    count = 0
    for value in values:
        if value < limit:
            count += 1
    return count
'''


def ask(folder: Path, answers: str, *options: str) -> str:
    (folder / "larger.py").write_text(LARGER)
    command = [sys.executable, "-m", "editloop", "fix", "larger.py", "--ask", "--model", "none"]
    done = subprocess.run(
        [*command, "--budget", "60", *options],
        cwd=folder,
        input=answers,
        capture_output=True,
        text=True,
        check=False,
        env=environment(folder),
    )
    return f"{done.stdout}{done.stderr}\nexit {done.returncode}"


def test_the_answer_decides_which_fix_is_written(tmp_path: Path) -> None:
    said = ask(tmp_path, "what?\n2\n", "--write")
    assert "differs   larger([], 4): this fix gives 1, another 0" in said
    assert ">>> larger([], 4)\n0\n" in said
    assert "count = 0" in (tmp_path / "larger.py").read_text()
    assert "exit 0" in said


def test_neither_leaves_no_fix(tmp_path: Path) -> None:
    said = ask(tmp_path, "n\n", "--write")
    assert "not fixed: no fix that was found is right for larger([], 4)" in said
    assert "exit 1" in said
    assert (tmp_path / "larger.py").read_text() == LARGER


def test_json_carries_the_difference_and_asks_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "larger.py"
    path.write_text(LARGER)
    assert run(["fix", str(path), "--json", "--budget", "60", "--model", "none"]) == 0
    trust = json.loads(capsys.readouterr().out)["trust"]
    assert trust["fixes"] > 1
    assert trust["differences"][0]["call"] == "larger([], 4)"
    assert trust["differences"][0]["answers"][0] == "1"
    assert run(["fix", str(path), "--json", "--ask"]) == 2
