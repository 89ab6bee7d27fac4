"""Diagnostics: pushed or pulled, never both; static ones where nobody else gives them; failing
tests on save, in a trusted workspace alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.request import url2pathname

import pytest

from .conftest import Place, Script
from .editor import Editor, Json, capabilities, span
from .samples import ADD, ADD_FIX, MEAN

pytestmark = pytest.mark.asyncio(loop_scope="module")

Start = Callable[..., Awaitable[Editor]]
PLUGINS = "pytest-lsp asyncio xdist xdist.looponfail timeout anyio hypothesispytest"
BARE_PYTEST = (
    "[tool.pytest.ini_options]\naddopts = '"
    + " ".join(f"-p no:{name}" for name in PLUGINS.split())
    + "'\n"
)
"""A project whose pytest starts in a tenth of the time: it is started often."""
BROKEN = "def f(:\n    pass\n"


def on_disk(uri: str, text: str) -> Path:
    path = Path(url2pathname(uri.removeprefix("file://")))
    path.write_text(text, encoding="utf-8")
    return path


def pushed(editor: Editor, uri: str) -> list[Json]:
    told = [p for m, p in editor.notes if m == "textDocument/publishDiagnostics"]
    return [params for params in told if params["uri"] == uri]


async def test_syntax_while_typing(editor: Editor, place: Place) -> None:
    uri = editor.open(place(), "x = 1\n")
    assert await editor.diagnosed(uri) == []
    editor.change(uri, "x = (\n")
    editor.change(uri, f"\n{BROKEN}")
    [found] = await editor.diagnosed(uri)
    assert found == {
        "range": span(1, 0, 7),
        "severity": 1,
        "code": "SyntaxError",
        "source": "editloop",
        "message": "invalid syntax",
    }
    versions = [params["version"] for params in pushed(editor, uri)]
    assert versions == [1, 3]  # the text between was never looked at
    editor.close(uri)
    await editor.until(lambda: pushed(editor, uri)[-1]["diagnostics"] == [])


async def test_ranges_are_in_the_clients_units(editor: Editor, place: Place) -> None:
    uri = editor.open(place(), "x = '😋', undefd\n")
    [found] = await editor.diagnosed(uri)
    assert found["range"] == span(0, 10, 16)


async def test_static_ones_are_left_to_another_server(editor: Editor, place: Place) -> None:
    uri = editor.open(place(), MEAN)
    assert [d["code"] for d in await editor.diagnosed(uri)] == ["F821"]
    other = {"range": span(5, 29, 34), "message": "undefined", "source": "Ruff", "code": "F821"}
    await editor.menu(uri, span(5), [other])
    await editor.until(lambda: pushed(editor, uri)[-1]["diagnostics"] == [])


async def test_settings_turn_them_off_and_on(editor: Editor, place: Place) -> None:
    uri = editor.open(place(), BROKEN)
    assert len(await editor.diagnosed(uri)) == 1
    editor.configure(runCode="always", diagnostics={"syntax": False})
    await editor.until(lambda: pushed(editor, uri)[-1]["diagnostics"] == [])
    editor.configure(runCode="always")
    await editor.until(lambda: len(pushed(editor, uri)[-1]["diagnostics"]) == 1)
    editor.configure(runCode="always", enable=False)
    await editor.until(lambda: pushed(editor, uri)[-1]["diagnostics"] == [])
    assert await editor.menu(uri, span(0, 0, 5)) == []
    editor.configure(runCode="always")


async def test_failing_doctests_and_tests_on_save(
    editor: Editor, script: Script, place: Place
) -> None:
    source = f"{ADD}\n\ndef half(x):\n    return x // 2\n"
    uri = place("sums.py")
    path = on_disk(uri, source)
    path.with_name("pyproject.toml").write_text(BARE_PYTEST, encoding="utf-8")
    path.with_name("test_sums.py").write_text(
        "from sums import half\n\ndef test_half():\n    assert half(3) == 1.5\n", encoding="utf-8"
    )
    editor.open(uri, source)
    editor.save(uri)
    await editor.until(
        lambda: bool(pushed(editor, uri)) and len(pushed(editor, uri)[-1]["diagnostics"]) == 2
    )
    doctest, test = pushed(editor, uri)[-1]["diagnostics"]
    assert doctest["code"] == "doctest"
    assert doctest["message"] == "add(2, 3) -> -1, expected 5"
    assert doctest["range"] == span(2, 4, 17)
    assert test["code"] == "pytest"
    assert test["message"] == "test_sums.py::test_half failed: assert 1 == 1.5"
    assert test["range"]["start"]["line"] == 8

    editor.change(uri, f"# one more line\n{source}")
    assert [d["range"]["start"]["line"] for d in await editor.diagnosed(uri)] == [3, 9]
    titles = [(a["title"], a["kind"]) for a in await editor.menu(uri, span(3))]
    assert ("Fix: add(2, 3) -> -1, expected 5 (editloop)", "quickfix") in titles
    assert ("Fix until the tests pass (editloop)", "quickfix") in titles
    elsewhere = [(a["title"], a["kind"]) for a in await editor.menu(uri, span(8))]
    assert ("Fix until the tests pass (editloop)", "refactor.rewrite") in elsewhere

    editor.change(uri, source.replace("x // 2", "x / 2"))
    script(ADD_FIX)
    editor.configure(runCode="always", budget=60)
    done = await editor.fix(uri, "tests", range=span(2))
    editor.configure(runCode="always")
    assert (done["status"], done["applied"]) == ("fixed", True)
    assert done["report"]["after"][-1] == {"name": "pytest", "good": 1, "total": 1}
    assert any("advisory" in note for note in done["report"]["notes"])
    editor.save(uri)
    await editor.until(lambda: pushed(editor, uri)[-1]["diagnostics"] == [])


@pytest.mark.parametrize(
    ("options", "settings"),
    [({"trusted": False}, {"runCode": "always"}), ({"trusted": True}, {"runCode": "never"})],
)
async def test_nothing_is_run_without_trust(
    start: Start, script: Script, folder: Path, place: Place, options: Json, settings: Json
) -> None:
    script()
    editor = await start()
    editor.settings = settings
    await editor.initialize("visual_studio_code", [folder], **options)
    marker = folder / "was_run"
    source = f'def f():\n    """\n    >>> f()\n    1\n    """\n    open({str(marker)!r}, "w")\n'
    uri = editor.open(place(), source)
    on_disk(uri, source)
    editor.save(uri)
    done = await editor.fix(uri)
    assert done["status"] == "nothing wrong", done["reason"]
    assert "no code was run: " in done["reason"]
    assert not marker.exists()
    assert not (await editor.command("editloop.status"))["busy"]
    assert [d["code"] for d in await editor.diagnosed(uri)] == []


async def test_a_client_that_pulls_is_never_pushed_to(
    start: Start, folder: Path, place: Place
) -> None:
    editor = await start()
    client = capabilities("visual_studio_code")
    client["textDocument"]["diagnostic"] = {"dynamicRegistration": True}
    client["workspace"]["diagnostics"] = {"refreshSupport": True}
    editor.settings = {"runCode": "always"}
    told = await editor.initialize(client, [folder], trusted=True)
    assert told["diagnosticProvider"]["interFileDependencies"] is False
    uri = editor.open(place(), ADD.replace("a - b", "a - c"))
    document = {"textDocument": {"uri": uri}}
    report = await editor.request("textDocument/diagnostic", document)
    assert report["kind"] == "full"
    assert [d["code"] for d in report["items"]] == ["F821"]
    editor.save(uri)
    await editor.until(lambda: "workspace/diagnostic/refresh" in dict(editor.asked))
    report = await editor.request("textDocument/diagnostic", document)
    assert [d["code"] for d in report["items"]] == ["F821", "doctest"]
    editor.close(uri)
    assert (await editor.request("textDocument/diagnostic", document))["items"] == []
    assert pushed(editor, uri) == []


async def test_a_client_that_cannot_be_told_to_pull_again_is_pushed_to(
    start: Start, place: Place, folder: Path
) -> None:
    editor = await start()
    client = capabilities("visual_studio_code")
    client["textDocument"]["diagnostic"] = {"dynamicRegistration": False}
    client["workspace"].pop("diagnostics", None)
    told = await editor.initialize(client, [folder])
    assert "diagnosticProvider" not in told
    uri = editor.open(place(), ADD.replace("a - b", "a - c"))
    assert [d["code"] for d in await editor.diagnosed(uri)] == ["F821"]
