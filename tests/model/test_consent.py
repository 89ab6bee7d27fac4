"""A server on another machine gets nothing that the person did not allow."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from editloop.cli import CliError
from editloop.cli.server import open_server
from editloop.model.backend import ModelError
from editloop.model.consent import allow, is_allowed, servers_file

FAR = "http://gpu.example.org:8080"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def test_what_is_allowed_is_a_server() -> None:
    assert is_allowed("http://localhost:1234")
    assert not is_allowed(FAR)
    allow(FAR)
    allow(FAR + "/v1#model")
    assert servers_file().read_text() == FAR + "\n"
    assert is_allowed("http://GPU.example.org:8080/v1/#other")
    assert not is_allowed("http://gpu.example.org:8081")
    assert not is_allowed("https://gpu.example.org:8080")
    with pytest.raises(ModelError):
        is_allowed("ftp://x")


def test_a_file_that_cannot_be_read_allows_nothing() -> None:
    servers_file().parent.mkdir()
    servers_file().write_bytes(b"\xff\xfe")
    assert not is_allowed(FAR)


def test_nobody_to_ask_is_one_line() -> None:
    done = ask_in_process(stdin=subprocess.DEVNULL)
    assert "would get your code" in done
    assert done.count("\n") == 1
    assert not servers_file().exists()


@pytest.mark.parametrize(("answer", "opened"), [("y", True), ("n", False)])
def test_a_person_is_asked_once(answer: str, opened: bool) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = ask_in_process(stdin=theirs)
    assert "May it get the code" in done
    assert ("OPENED" in done) == opened
    assert is_allowed(FAR) == opened
    if opened:
        assert ask_in_process(stdin=subprocess.DEVNULL) == "OPENED\n"
    os.close(ours)
    os.close(theirs)


def ask_in_process(stdin: int) -> str:
    program = (
        "from editloop.cli import CliError\nfrom editloop.cli.server import open_server\n"
        f"try: open_server({FAR!r})\nexcept CliError as error: print(error)\nelse: print('OPENED')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=stdin, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_this_machine_is_not_asked_about() -> None:
    assert open_server("127.0.0.1:8080").name == "127.0.0.1:8080"
    with pytest.raises(CliError, match="no server's address"):
        open_server("nowhere at all")
