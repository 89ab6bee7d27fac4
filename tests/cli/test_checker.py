"""``editloop fix --checker``, as a person runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from editloop.sandbox import Level, detect_level

SHOP = """\
class Item:
    def __init__(self, price: float) -> None:
        self.price = price


def total(items: list[Item]) -> float:
    return sum(item.prize for item in items)
"""


def fix(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "shop.py").write_text(SHOP)
    command = [sys.executable, "-m", "editloop", "fix", "shop.py", "--model", "none", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=200
    )


def test_an_unknown_checker_is_wrong_usage(tmp_path: Path) -> None:
    done = fix(tmp_path, "--checker", "pylint")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "editloop: pylint is no type checker that is known here: ty, basedpyright, mypy"
    )


@pytest.mark.skipif(
    detect_level().level not in (Level.A, Level.B), reason="there is no sandbox for it"
)
@pytest.mark.parametrize("name", ["ty", "mypy"])
def test_a_finding_is_gone_and_the_report_says_so(tmp_path: Path, name: str) -> None:
    if shutil.which(name, path=str(Path(sys.executable).parent)) is None:
        pytest.skip(f"{name} is not installed")
    done = fix(tmp_path, "--checker", name, "--budget", "60", "--json")
    row = json.loads(done.stdout)
    assert "+    return sum(item.price for item in items)" in row["diff"]
    assert row["status"] == "possible fix"
    words = f"{name}: its finding is gone, no new one came and it can be imported"
    assert row["possible"] == f"{words}; what was run passed before too"
    assert f"{name} 2/2" in row["verified_by"]
    assert f"{name}: 1 finding\nline 7: E1101 " in row["before"]
    again = fix(tmp_path, "--checker", name, "--line", "3")
    assert again.returncode == 0
    assert f"{name}: no findings" in again.stdout


@pytest.mark.skipif(
    detect_level().level not in (Level.A, Level.B), reason="there is no sandbox for it"
)
def test_a_checker_that_gives_up_is_one_line(tmp_path: Path) -> None:
    if shutil.which("mypy", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("mypy is not installed")
    (tmp_path / "mypy.ini").write_text("[mypy]\nplugins = no_such_plugin\n")
    done = fix(tmp_path, "--checker", "mypy", "--budget", "60")
    assert done.returncode == 2
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("editloop: mypy: ")
    assert "no_such_plugin" in line
