"""Running code: asked once a workspace, never against the person's or the client's word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from editloop_lsp.trust import AGREE, REFUSE

from .conftest import Place, Script
from .editor import Editor
from .samples import ADD, ADD_FIX

pytestmark = pytest.mark.asyncio(loop_scope="module")

Start = Callable[..., Awaitable[Editor]]
QUESTION = "window/showMessageRequest"


async def test_a_person_is_asked_once_a_workspace(
    start: Start, tmp_path: Path, script: Script
) -> None:
    script(ADD_FIX)
    one, two = tmp_path / "one", tmp_path / "two"
    editor = await start()
    await editor.initialize("visual_studio_code", [one, two], trusted=True)
    editor.answer = REFUSE
    first = editor.open((one / "a.py").as_uri(), ADD)
    done = await editor.fix(first)
    assert done["status"] == "nothing wrong"
    assert "you did not agree" in done["reason"]
    editor.answer = AGREE
    assert (await editor.fix(first))["status"] == "nothing wrong"
    assert [m for m, _ in editor.asked].count(QUESTION) == 1

    second = editor.open((two / "a.py").as_uri(), ADD)
    assert (await editor.fix(second))["status"] == "fixed"
    third = editor.open((two / "b.py").as_uri(), ADD)
    assert (await editor.fix(third))["status"] == "fixed"
    questions = [params["message"] for m, params in editor.asked if m == QUESTION]
    assert len(questions) == 2
    assert "tests of two in its sandbox" in questions[1]

    editor.notify("editloop/didChangeTrust", {"trusted": False})
    fourth = editor.open((two / "c.py").as_uri(), ADD)
    done = await editor.fix(fourth)
    assert "the workspace is not trusted" in done["reason"]
    editor.notify("editloop/didChangeTrust", {"trusted": True})
    assert (await editor.fix(fourth))["status"] == "fixed"


async def test_an_answer_that_was_not_given_is_asked_for_again(
    start: Start, tmp_path: Path, script: Script
) -> None:
    script(ADD_FIX)
    editor = await start()
    await editor.initialize("neovim", [tmp_path])
    uri = editor.open((tmp_path / "a.py").as_uri(), ADD)
    assert (await editor.fix(uri))["status"] == "nothing wrong"
    editor.answer = AGREE
    assert (await editor.fix(uri))["status"] == "fixed"


async def test_a_client_that_refuses_questions_is_asked_once(
    start: Start, place: Place, script: Script
) -> None:
    script(ADD_FIX)
    editor = await start()
    editor.refused = {QUESTION}
    await editor.initialize({})
    uri = editor.open(place(), ADD)
    for _ in range(2):
        done = await editor.fix(uri)
        assert done["status"] == "nothing wrong"
        assert "set editloop.runCode to always or never" in done["reason"]
    assert [m for m, _ in editor.asked].count(QUESTION) == 1
