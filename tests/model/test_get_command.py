"""``editloop models get`` as a process: what it says, how it ends, what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from editloop.model.catalogue import Entry
from editloop.model.download import fetched_bytes

from .conftest import catalogue_text
from .hub_server import Hub, breaks_off, refuses, slowly, wrong_bytes

ROOT = Path(__file__).parents[2]
Start = Callable[..., "subprocess.Popen[str]"]

RUN = """\
import pathlib, sys
from editloop.model import catalogue, hub
catalogue.CATALOGUE = pathlib.Path(sys.argv[1])
hub._PAUSE = 0.01
from editloop.cli import run
sys.exit(run(sys.argv[2:]))
"""


@pytest.fixture
def start(entry: Entry, store: Path, tmp_path: Path) -> Start:
    """Starts `editloop models ...` with a catalogue of the small model."""
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(catalogue_text(entry), encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    settings = {"XDG_DATA_HOME": str(store.parents[1]), "PYTHONPATH": path, "COLUMNS": "200"}

    def go(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", RUN, str(catalogue), "models", *arguments],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return go


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_it_says_what_it_does(hub: Hub, start: Start, store: Path, data: bytes) -> None:
    code, out, err = ended(start("get", "small"))
    assert code == 0, err
    path = store / "small.gguf"
    assert path.read_bytes() == data
    assert out.splitlines() == [
        "Small-Instruct, F32, 0 MB, Apache-2.0",
        f"small is here, the default now: {path}",
    ]
    assert err.splitlines() == [f"from 127.0.0.1:{hub.server_port}", "checking"]
    code, out, err = ended(start("get", "small"))
    assert (code, out, err) == (0, f"small is there already: {path}\n", "")
    assert len(hub.requests) == 1


def test_without_a_name_it_says_why(hub: Hub, start: Start, store: Path) -> None:
    code, out, _ = ended(start("get"))
    assert code == 0
    first = out.splitlines()[0]
    assert first.startswith("small suits this machine (")
    assert "core" in first
    assert "GB" in first
    assert (store / "small.gguf").is_file()


def test_a_failure_is_one_line(hub: Hub, start: Start, store: Path) -> None:
    hub.always = wrong_bytes
    code, _, err = ended(start("get", "small"))
    assert code == 2
    assert err.splitlines()[-1].startswith("editloop: small cannot be had now: 127.0.0.1:")
    assert "Traceback" not in err
    assert list(store.iterdir()) == []
    hub.always = refuses(404)
    code, _, err = ended(start("get", "small"))
    assert code == 2
    assert "404" in err.splitlines()[-1]
    code, _, err = ended(start("get", "nobody"))
    assert (code, err) == (
        2,
        "editloop: no model 'nobody' to get; known: small. A file: editloop models add\n",
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle(
    hub: Hub, start: Start, store: Path, entry: Entry, data: bytes, number: signal.Signals
) -> None:
    hub.behave = [slowly]
    process = start("get", "small")
    deadline = time.monotonic() + 60
    while fetched_bytes(entry, store) < entry.bytes // 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    code, _, err = ended(process)
    if number == signal.SIGINT:
        assert code == 130
        assert err.splitlines()[-1].startswith("editloop: stopped; ")
        assert "`editloop models get small` goes on" in err
        assert "Traceback" not in err
    assert [p.name for p in store.iterdir()] == [".small.gguf.part"]
    kept = fetched_bytes(entry, store)
    assert 0 < kept < entry.bytes
    listed = ended(start("list"))
    assert "small: not here" in listed[1]
    code, out, _ = ended(start("get", "small"))
    assert code == 0
    assert "going on after 0 MB" in out
    assert hub.requests[-1][1] == f"bytes={kept}-"
    assert (store / "small.gguf").read_bytes() == data


def test_remove_takes_what_a_download_left(hub: Hub, start: Start, store: Path) -> None:
    hub.behave = [breaks_off(1000), *[refuses(503)] * 3]
    assert ended(start("get", "small"))[0] == 2
    assert [p.name for p in store.iterdir()] == [".small.gguf.part"]
    assert ended(start("remove", "small"))[0] == 0
    assert list(store.iterdir()) == []


def test_the_list_names_what_can_be_fetched(hub: Hub, start: Start) -> None:
    line = "small: not here, 0 MB, Apache-2.0: editloop models get small"
    assert line in ended(start("list"))[1].splitlines()
    ended(start("get", "small"))
    out = ended(start("list"))[1]
    assert "not here" not in out
    assert "small" in out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_a_bar_on_a_terminal(hub: Hub, start: Start, store: Path, entry: Entry) -> None:
    import pty

    process = start("get", "small")
    ended(process)  # warm: the imports
    (store / "small.gguf").unlink()
    leader, follower = pty.openpty()
    hub.behave = [slowly]
    shown = subprocess.Popen(
        process.args,
        env={
            **os.environ,
            "XDG_DATA_HOME": str(store.parents[1]),
            "TERM": "xterm",
            "COLUMNS": "99",
        },
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    text = b""
    while chunk := _read(leader):
        text += chunk
    os.close(leader)
    assert shown.wait(60) == 0
    assert "━".encode() in text
    assert b"from 127.0.0.1" in text


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # the other end is closed
        return b""
