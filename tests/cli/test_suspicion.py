"""``editloop fix`` of a file in which nothing fails, with a model that suspects a line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from editloop.model.choose import SCRIPT

ACCOUNT = """\
class Account:
    def __init__(self):
        self._balance = 0

    def balance(self):
        return self.balance
"""
RIGHT = "return self._balance"


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = {
        "answers": [{"match": "def balance(self):\n        ", "replies": [f"{RIGHT}\n"]}],
        "otherwise": ["pass"],
        "scores": [
            {"match": RIGHT, "score": -1.0},
            {"match": "return self.balance", "score": -12.0},
            {"match": "pass", "score": -40.0},
        ],
    }
    (tmp_path / "script.json").write_text(json.dumps(script))
    monkeypatch.setenv(SCRIPT, str(tmp_path / "script.json"))
    path = tmp_path / "account.py"
    path.write_text(ACCOUNT)
    return path


def _fix(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "editloop", "fix", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def test_it_is_shown_as_what_it_is(account: Path) -> None:
    shown = _fix(account)
    assert f"+        {RIGHT}" in shown
    assert "account.py: possible fix: " in shown
    assert "nothing fails, the model alone would have written it so" in shown


def test_it_is_not_written(account: Path) -> None:
    assert "nothing wrong found" in _fix("--write", account)
    assert account.read_text() == ACCOUNT
