"""What a linter calls a likely mistake, as a hint where to look."""

from __future__ import annotations

import pytest

from editloop.checks import smells as module
from editloop.checks.smells import smells
from editloop.checks.static import StaticCheckError

SOURCE = "def add(item, items=[]):\n    items.append(item)\n    return items\n"


def test_a_likely_mistake_is_told_by_its_line() -> None:
    assert list(smells(SOURCE)) == ["def add(item, items=[]):"]
    assert "mutable" in smells(SOURCE)["def add(item, items=[]):"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def f(:\n",
        "x = 1\n",
        "import os\n\n\ndef f():\n    for i in range(3):\n        x = 1\n",
    ],
)
def test_style_and_what_does_not_parse_smell_of_nothing(source: str) -> None:
    assert smells(source) == {}


def test_settings_of_the_working_folder_do_not_count(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    with open("ruff.toml", "w") as file:
        file.write('[lint]\nignore = ["B006"]\n')
    assert smells(SOURCE)


def test_without_ruff_nothing_smells(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise StaticCheckError("ruff is not installed")

    monkeypatch.setattr(module, "find_ruff", missing)
    assert smells(SOURCE) == {}
