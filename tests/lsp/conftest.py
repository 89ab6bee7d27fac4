"""Servers for the tests: one a module, with a policy that plays what a test has written down."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from .editor import Editor

Script = Callable[..., None]
Place = Callable[[str], str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def env(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a server whose policy is scripted and whose store of models is empty."""
    return {
        "XDG_DATA_HOME": str(tmp_path_factory.mktemp("data")),
        "EDITLOOP_SCRIPTED_POLICY": str(folder / "script.json"),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(folder: Path, env: dict[str, str]) -> AsyncIterator[Editor]:
    """VS Code in a trusted workspace, with a server of its own for the module."""
    started = await Editor.start(env)
    started.settings = {"runCode": "always"}
    await started.initialize("visual_studio_code", [folder], trusted=True, status=True)
    yield started
    assert await started.stop() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def start(env: dict[str, str]) -> AsyncIterator[Callable[..., object]]:
    """Starts servers that are ended after the test, however it went."""
    editors: list[Editor] = []

    async def make(*arguments: str, **more: str) -> Editor:
        editors.append(await Editor.start({**env, **more}, *arguments))
        return editors[-1]

    yield make
    for one in editors:
        with contextlib.suppress(ProcessLookupError):
            one.process.kill()
        await one.ended()


@pytest.fixture
def script(folder: Path) -> Script:
    """Commands that the policy plays, one a turn, before all other moves."""

    def write(*commands: str) -> None:
        (folder / "script.json").write_text(json.dumps(commands), encoding="utf-8")

    write()
    return write


@pytest.fixture
def place(folder: Path, request: pytest.FixtureRequest) -> Place:
    """The uri of a file of this test."""

    def uri(name: str = "sample.py") -> str:
        own = folder / request.node.name.translate(str.maketrans("[]/:-", "_____"))
        own.mkdir(exist_ok=True)
        return (own / name).as_uri()

    return uri
