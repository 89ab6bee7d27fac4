"""Real models: none, one that is replaced while the server runs, and one that is not there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from editloop_export import write_gguf
from tiny_checkpoints import ModelSize, make_instruct

from .conftest import Place
from .editor import Editor, ServerError, span
from .samples import ADD, ENDLESS, MEAN

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(store: Path, folder: Path) -> AsyncIterator[Editor]:
    """A server with no scripted policy."""
    started = await Editor.start({"XDG_DATA_HOME": str(store), "EDITLOOP_SCRIPTED_POLICY": ""})
    started.settings = {"runCode": "always", "budget": 30}
    await started.initialize("visual_studio_code", [folder], trusted=True, status=True)
    yield started
    assert await started.stop() == 0


async def test_a_model_may_be_loaded_at_the_start(store: Path, folder: Path) -> None:
    editor = await Editor.start({"XDG_DATA_HOME": str(store), "EDITLOOP_SCRIPTED_POLICY": ""})
    editor.settings = {"loadModel": "startup"}
    await editor.initialize("visual_studio_code", [folder], status=True)
    await editor.told("editloop/status", lambda now: bool(now["modelState"] == "none"))
    assert (await editor.command("editloop.status"))["model"] == "none"
    assert await editor.stop() == 0


def states(editor: Editor) -> list[str]:
    told = [params["modelState"] for method, params in editor.notes if method == "editloop/status"]
    return [state for n, state in enumerate(told) if n == 0 or told[n - 1] != state]


async def test_without_a_model_moves_fix(real: Editor, place: Place) -> None:
    uri = real.open(place("mean.py"), MEAN)
    [own] = await real.diagnosed(uri)
    [action, *_] = await real.menu(uri, own["range"])
    resolved = await real.request("codeAction/resolve", action)
    real.apply(resolved["edit"])
    assert "/ len(values)" in real.texts[uri]
    second = real.open(place("add.py"), ADD)
    done = await real.fix(second)
    assert (done["status"], done["applied"]) == ("fixed", True)
    assert done["report"]["proven"]
    assert done["report"]["model"] == "none"
    assert states(real) == ["not loaded", "loading", "none"]


async def test_another_default_is_used_by_the_next_fix(
    real: Editor, store: Path, place: Place
) -> None:
    models = store / "editloop" / "models"
    models.mkdir(parents=True)
    write_gguf(make_instruct(store / "tiny", ModelSize()), models / "mine.gguf")
    assert [row["name"] for row in await real.command("editloop.listModels")] == ["mine"]
    with pytest.raises(ServerError, match="no model named 'nobody'"):
        await real.command("editloop.useModel", {"name": "nobody"})
    assert await real.command("editloop.useModel", {"name": "none"}) == {"model": "none"}
    assert await real.command("editloop.useModel", {"name": "mine"}) == {"model": "mine"}
    uri = real.open(place("again.py"), ADD)
    done = await real.fix(uri, apply=False)
    assert done["report"]["model"] == "mine"
    loaded = len(states(real))
    os.utime(models / "mine.gguf", ns=(1, 1))  # as a training that wrote it anew
    real.change(uri, f"{ADD}\n")
    await real.fix(uri, apply=False)
    assert states(real)[loaded:] == ["loading", "loaded"]


async def test_a_model_that_is_not_there(real: Editor, folder: Path, place: Place) -> None:
    uri = real.open(place(), ADD)
    real.configure(runCode="always", model="nobody")
    done = await real.fix(uri)
    assert done["status"] == "error"
    assert real.messages()[-1].startswith("sample.py: no model named 'nobody' in ")
    assert states(real)[-1] == "missing"
    wrong = folder / "wrong.gguf"
    wrong.write_bytes(b"no model at all")
    real.configure(runCode="always", model=str(wrong))
    done = await real.fix(uri)
    assert done["status"] == "error"
    assert states(real)[-1] == "failed"
    real.configure(runCode="always")
    assert (await real.fix(uri, apply=False))["status"] == "fixed"
    assert await real.menu(uri, span(5, 0, 3))


async def test_a_model_that_writes_stays_loaded(
    real: Editor, tmp_path_factory: pytest.TempPathFactory, place: Place
) -> None:
    from model.tiny_gguf import make_gguf
    from tiny_checkpoints import ModelSize

    path = make_gguf(tmp_path_factory.mktemp("tiny"), ModelSize(context=8192))
    real.configure(runCode="always", model=str(path), budget=15)
    uri = real.open(place("endless.py"), ENDLESS)
    done = await real.fix(uri)
    assert done["report"]["model"] == "tiny"
    assert done["status"] == "not found"
    assert not done["report"]["wants_model"]
    assert not any("without the model" in note for note in done["report"]["notes"])
    [first] = processes_of_models(await real.command("editloop.debugInformation"))
    assert (await real.fix(uri))["status"] == "not found"
    assert processes_of_models(await real.command("editloop.debugInformation")) == [first]


def processes_of_models(told: dict[str, str]) -> list[int]:
    """Of the models that the fix process of the debug information runs."""
    found = re.search(r"fix process \| (\d+)", told["markdown"])
    assert found
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [
        int(pid) for pid, parent, words in rows if parent == found[1] and "model.process" in words
    ]
