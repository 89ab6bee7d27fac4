"""The setting ``editloop.server``: a model behind a server here, and consent for one elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from editloop_lsp.consent import AGREE, REFUSE
from model.model_server import ModelServer, serving

from .conftest import Place
from .editor import Editor
from .samples import ENDLESS

pytestmark = pytest.mark.asyncio(loop_scope="module")

Start = Callable[..., Awaitable[Editor]]
QUESTION = "window/showMessageRequest"
INITIALS = '''def initials(name):
    """
    >>> initials('ada king lovelace')
    'A.K.L.'
    """
    parts = name.split()
    return parts
'''
JOINED = "''.join(part[0].upper() + '.' for part in parts)"
REMOTE = "http://editloop.invalid:8080"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with serving(reply=f"return {JOINED}\n") as server:
        yield server


async def opened(start: Start, home: Path, **settings: object) -> Editor:
    editor = await start(EDITLOOP_SCRIPTED_POLICY="", XDG_CONFIG_HOME=str(home))
    editor.settings = {"runCode": "always", "budget": 60, **settings}
    await editor.initialize("visual_studio_code", [home], trusted=True, status=True)
    return editor


async def test_a_server_on_this_machine_writes_the_fix(
    start: Start, tmp_path: Path, place: Place, model: ModelServer
) -> None:
    editor = await opened(start, tmp_path, server=model.url)
    uri = editor.open(place(), INITIALS)
    done = await editor.fix(uri)
    assert (done["status"], done["report"]["model"]) == ("fixed", model.url)
    assert f"    return {JOINED}\n" in editor.texts[uri]
    assert model.asked
    assert QUESTION not in [method for method, _ in editor.asked]


async def test_progress_says_where_the_model_is_at_work(
    start: Start, tmp_path: Path, place: Place, model: ModelServer
) -> None:
    editor = await opened(start, tmp_path, server=model.url, budget=20)
    model.reply = " 0\n"
    fixing = asyncio.create_task(editor.fix(editor.open(place(), ENDLESS)))
    told = await editor.told("editloop/status", lambda now: "line " in str(now.get("job")))
    assert ", turn " in told["job"]["message"]
    await editor.command("editloop.cancel", {})
    await fixing


async def test_one_elsewhere_is_asked_about_once(
    start: Start, tmp_path: Path, place: Place
) -> None:
    editor = await opened(start, tmp_path, server=REMOTE, budget=5)
    uri = editor.open(place(), ENDLESS)
    editor.answer = REFUSE
    for _ in range(2):
        done = await editor.fix(uri)
        assert f"{REMOTE} may not get your code: nothing was sent" in done["report"]["notes"]
        assert (done["report"]["model"], done["report"]["wants_model"]) == ("none", False)
    questions = [params["message"] for method, params in editor.asked if method == QUESTION]
    assert questions == [
        f"{REMOTE} is on another machine. May it get the code that is to be fixed?"
    ]
    assert not (tmp_path / "editloop" / "servers").exists()

    again = await opened(start, tmp_path, server=REMOTE, budget=5)
    again.answer = AGREE
    done = await again.fix(again.open(place(), ENDLESS))
    assert (tmp_path / "editloop" / "servers").read_text() == f"{REMOTE}\n"
    assert any(note.startswith("without the model") for note in done["report"]["notes"])


async def test_an_address_that_is_none_is_one_line(
    start: Start, tmp_path: Path, place: Place
) -> None:
    editor = await opened(start, tmp_path, server="ftp://here")
    done = await editor.fix(editor.open(place(), ENDLESS))
    assert done["status"] == "error"
    assert "is no server's address" in done["reason"]
