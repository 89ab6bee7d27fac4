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
    "use",
    [
        "self.load()",
        "if self.load():",
        "self.load().close()",
        "rows = not self.load()",
        "load() + 1",
    ],
)
def test_a_coroutine_that_nobody_awaits_is_a_likely_mistake(use: str) -> None:
    lines = (
        f"    async def load(self):\n        return 1\n\n    async def use(self):\n        {use}"
    )
    source = f"class Store:\n{lines}{' pass' * use.endswith(':')}\n"
    [(line, words)] = smells(source).items()
    assert use in line
    assert words == "load is a coroutine function: await the call"


@pytest.mark.parametrize(
    "use",
    [
        "await self.load()",
        "task = self.load()",
        "run(self.load())",
        "other.load()",
        "return load()",
    ],
)
def test_a_coroutine_that_is_passed_on_is_none(use: str) -> None:
    lines = (
        f"    async def load(self):\n        return 1\n\n    async def use(self):\n        {use}"
    )
    assert smells(f"class Store:\n{lines}\n") == {}


@pytest.mark.parametrize(("strip", "right"), [("lstrip", "prefix"), ("rstrip", "suffix")])
def test_a_text_that_is_stripped_as_characters_is_a_likely_mistake(strip: str, right: str) -> None:
    source = f"A, MARK = 1, 'ab'\nBLANK = ' \\n'\n\n\ndef f(x):\n    return x.{strip}(MARK)\n"
    assert smells(source) == {
        f"    return x.{strip}(MARK)": f"{strip} takes characters: remove{right} takes a text"
    }
    assert smells(source.replace("(MARK)", "(BLANK)")) == {}
    assert smells(source.replace("(MARK)", "(x)")) == {}


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_what_is_also_no_coroutine_function_is_left_alone(kind: str) -> None:
    source = f"async def load():\n    yield 1\n\n\n{kind} use():\n    load()\n"
    assert smells(source) == {}
    method = "class A:\n    def load(self):\n        self.load()\n"
    assert smells(f"async def load():\n    return 1\n\n\n{method}") == {}


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
