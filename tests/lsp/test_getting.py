"""Getting a model from an editor, over a real server: the offer, progress, cancel and resume."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from model.conftest import catalogue_text, entry_of
from model.gguf_bytes import INSTRUCT, gguf
from model.hub_server import Hub, refuses, running, slowly

from .conftest import Place
from .editor import ROOT, Editor, ServerError, command
from .samples import ADD, ENDLESS

pytestmark = pytest.mark.asyncio(loop_scope="module")

GET = "editloop.models.get"
SITE = """\
import pathlib
from editloop.model import catalogue, hub
catalogue.CATALOGUE = pathlib.Path({catalogue!r})
hub._PAUSE = 0.01
"""
"""For each process of the server: a catalogue of one small model."""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running(gguf(INSTRUCT, size=64_000)) as server:
        yield server


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain(
    hub: Hub, models: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Editor]:
    """An editor without a model."""
    site = tmp_path_factory.mktemp("site")
    entry = replace(entry_of(hub.data), good_for="a test")
    (site / "models.toml").write_text(catalogue_text(entry), encoding="utf-8")
    (site / "sitecustomize.py").write_text(SITE.format(catalogue=str(site / "models.toml")))
    started = await Editor.start(
        {
            "XDG_DATA_HOME": str(models),
            "XDG_CONFIG_HOME": str(models / "config"),
            "EDITLOOP_SCRIPTED_POLICY": "",
            "HF_ENDPOINT": hub.url,
            "PYTHONPATH": f"{site}:{ROOT}",
        }
    )
    started.settings = {"runCode": "always", "budget": 5}
    await started.initialize("visual_studio_code", [folder], trusted=True, status=True)
    yield started
    assert await started.stop() == 0


async def test_what_can_be_had_is_said_in_words(plain: Editor, hub: Hub) -> None:
    [row] = await plain.command("editloop.models.catalogue")
    assert {name: row[name] for name in ("name", "title", "good_for", "licence", "bytes")} == {
        "name": "small",
        "title": "Small-Instruct",
        "good_for": "a test",
        "licence": "Apache-2.0",
        "bytes": len(hub.data),
    }
    assert (row["here"], row["fetched"], row["suits"]) == (False, 0, True)
    assert "core" in row["why"]
    assert hub.requests == []


async def test_a_fix_that_fails_for_want_of_a_model_says_so(
    plain: Editor, hub: Hub, place: Place
) -> None:
    uri = plain.open(place("endless.py"), ENDLESS)
    done = await plain.fix(uri)
    assert (done["status"], done["report"]["wants_model"]) == ("not found", True)
    assert done["report"]["model"] == "none"
    plain.configure(runCode="always", budget=5, model="none")
    done = await plain.fix(uri)
    assert (done["status"], done["report"]["wants_model"]) == ("not found", False)
    plain.configure(runCode="always", budget=30)
    done = await plain.fix(plain.open(place("add.py"), ADD), apply=False)
    assert (done["status"], done["report"]["wants_model"]) == ("fixed", False)
    plain.configure(runCode="always", budget=5)
    assert hub.requests == []


async def test_it_is_cancelled_and_resumed(plain: Editor, hub: Hub, models: Path) -> None:
    hub.behave = [slowly]
    token = "mine"
    method, params = command(GET, {})
    asked = plain.begin(method, {**params, "workDoneToken": token})

    def reported(value: dict[str, Any]) -> bool:
        found = value["token"] == token and value["value"]["kind"] == "report"
        return found and value["value"]["percentage"] > 10

    told = await plain.told("$/progress", reported)
    assert " MB, from 127.0.0.1:" in told["value"]["message"]
    plain.cancel(asked)
    with pytest.raises(ServerError):
        await plain.result(asked)
    await plain.told("$/progress", lambda value: bool(value["value"]["kind"] == "end"))
    [row] = await plain.command("editloop.models.catalogue")
    assert not row["here"]
    assert 0 < row["fetched"] < row["bytes"]

    done = await plain.command(GET, {"name": "small"})
    assert done == {"name": "small", "got": True, "default": True, "reason": ""}
    assert plain.messages()[-1] == "editloop: small is here, the default now"
    assert hub.requests[-1][1] == f"bytes={row['fetched']}-"
    path = models / "editloop" / "models" / "small.gguf"
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(hub.data).digest()
    [row] = await plain.command("editloop.models.catalogue")
    assert row["here"]


async def test_the_window_cancels_what_it_shows(plain: Editor, hub: Hub, models: Path) -> None:
    (models / "editloop" / "models" / "small.gguf").unlink()
    hub.behave = [slowly]
    asked = plain.begin(*command(GET, {"name": "small"}))
    began = await plain.told("$/progress", lambda value: str(value["token"]).startswith("editloop"))
    where = len(plain.notes)

    def reported() -> bool:
        later = [p["value"] for m, p in plain.notes[where:] if m == "$/progress"]
        return any(value["kind"] == "report" and value["percentage"] > 10 for value in later)

    await plain.until(reported)
    token = [p for m, p in plain.notes if m == "$/progress"][-1]["token"]
    assert began
    plain.notify("window/workDoneProgress/cancel", {"token": token})
    done = await plain.result(asked)
    assert not done["got"]
    assert done["reason"] == "cancelled; what is there is kept: the same command goes on"
    assert not (await plain.command("editloop.status"))["busy"]


async def test_what_goes_wrong_is_one_line(plain: Editor, hub: Hub) -> None:
    hub.always = refuses(404)
    done = await plain.command(GET, {"name": "small"})
    assert (done["got"], done["default"]) == (False, False)
    assert "404" in done["reason"]
    assert "\n" not in done["reason"]
    assert plain.messages()[-1] == f"editloop: small: {done['reason']}"
    done = await plain.command(GET, {"name": "nobody"})
    assert done["reason"].startswith("no model 'nobody' to get; known: small.")
    with pytest.raises(ServerError, match="name has to be a text"):
        await plain.command(GET, {"name": 7})
