"""A quick fix for a diagnostic of a type checker, which has to say that it is gone."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from editloop.sandbox import Level, detect_level

from .conftest import Place, Script
from .editor import Editor, Json, span

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = """\
class Item:
    def __init__(self, price: float) -> None:
        self.price = price


def total(items: list[Item]) -> float:
    return sum(item.prize for item in items)
"""
RUNS = detect_level().level in (Level.A, Level.B)


def squiggle(source: str = "ty", code: str = "missing-attribute") -> Json:
    message = "Object of type `Item` has no attribute `prize`"
    return {"range": span(6, 15, 25), "message": message, "code": code, "source": source}


def place_on_disk(uri: str) -> str:
    Path(unquote(uri.removeprefix("file://"))).write_text(SHOP)
    return uri


@pytest.mark.skipif(not RUNS, reason="there is no sandbox")
@pytest.mark.parametrize(
    ("source", "code"), [("ty", "missing-attribute"), ("Mypy", "attr-defined")]
)
async def test_a_checker_says_that_its_finding_is_gone(
    editor: Editor, script: Script, place: Place, source: str, code: str
) -> None:
    name, broken = source.lower(), squiggle(source, code)
    if shutil.which(name, path=str(Path(sys.executable).parent)) is None:
        pytest.skip(f"{name} is not installed")
    script()
    editor.configure(runCode="always", budget=60)
    uri = editor.open(place_on_disk(place("shop.py")), SHOP)
    [action, *_] = await editor.menu(uri, broken["range"], [broken])
    resolved = await editor.request("codeAction/resolve", action)
    editor.apply(resolved["edit"])
    assert editor.texts[uri] == SHOP.replace("prize", "price")
    label = resolved["edit"]["changeAnnotations"]["editloop"]["label"]
    words = f"{name}: its finding is gone, no new one came; no code was run"
    assert label == f"editloop: possible fix: {words}"


@pytest.mark.parametrize(
    ("settings", "code", "why"),
    [
        ({"runCode": "never"}, "missing-attribute", "it runs where code may be run"),
        ({"runCode": "always"}, "no-such-rule", "ty"),
    ],
)
async def test_a_checker_that_is_not_asked_is_named(
    editor: Editor, script: Script, place: Place, settings: Json, code: str, why: str
) -> None:
    script()
    editor.configure(**settings, budget=20)
    uri = editor.open(place_on_disk(place("shop.py")), SHOP)
    broken = squiggle(code=code)
    [action, *_] = await editor.menu(uri, broken["range"], [broken])
    done = await editor.command("editloop.fix", {**action["data"], "apply": False})
    assert done["status"] == "nothing wrong"
    [note] = [n for n in done["report"]["notes"] if "whether its finding is gone" in n]
    assert why in note
