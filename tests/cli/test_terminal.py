"""What others wrote reaches a terminal as text: no colours, titles, clipboard or cursor orders."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from editloop.cli.terminal import visible

NOISY = '''\
def say():
    """What is printed, with orders to a terminal.

    >>> say()
    well
    """
    print("\\x1b]52;c;b3duZWQ=\\x07\\x1b[31mred\\x9b2J\\u202e")
    return undefined_in_here
'''


def test_visible() -> None:
    assert visible("plain äöü 日本 \t\n🙂‍↔️") == "plain äöü 日本 \t\n🙂‍↔️"
    assert visible("\x1b[1m\x07\r\x7f\x9b") == "\\x1b[1m\\x07\\x0d\\u007f\\u009b"
    assert visible("a\u202eb\u2028c\ud800") == "a\\u202eb\\u2028c\\ud800"


def on_a_terminal(*arguments: str) -> bytes:
    """All that a command writes to its terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "editloop", *arguments]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "300"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    out = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the last writer has closed it
            break
        if not part:
            break
        out += part
    os.close(ours)
    process.wait(60)
    return out


@pytest.mark.parametrize("how", [(), ("--diff",), ("--json",)], ids=["report", "diff", "json"])
def test_what_a_doctest_prints_is_shown_as_text(tmp_path: Path, how: tuple[str, ...]) -> None:
    path = tmp_path / "noisy.py"
    path.write_text(NOISY.replace("    return undefined_in_here\n", ""), encoding="utf-8")
    shown = on_a_terminal("fix", str(path), "--budget", "6", *how)
    own = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown)
    assert b"\x1b" not in own
    assert b"\x07" not in own
    text = own.decode()
    assert not set(text) & {"\x9b", "\u202e"}
    assert b"\x1b[31mred" not in shown
    if not how:
        assert "\\x1b[31mred" in text
    if how == ("--json",):
        told = json.loads(text[text.index("{") : text.rindex("}") + 1])
        assert "\x1b" in told["before"] or "\\x1b" in told["before"]


def test_an_error_is_shown_as_text() -> None:
    command = [sys.executable, "-m", "editloop", "fix", "no\x1b]0;title\x07such.py"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr
    assert b"\\x1b]0;title\\x07such.py" in done.stderr


def test_a_diff_for_another_program_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("RED = '\x1b[31m'\nprint(RED\n")
    command = [sys.executable, "-m", "editloop", "fix", str(path), "--diff", "--budget", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\x1b[31m" in done.stdout


def test_sigterm_ends_a_fix_and_leaves_no_folder(tmp_path: Path) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    (tmp_path / "m.py").write_text("def f():\n    return 1\n")
    (tmp_path / "test_m.py").write_text(
        "from m import f\ndef test(tmp_path):\n    import time\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "editloop", "fix", str(tmp_path / "m.py"), "--budget", "60"]
    env = {**os.environ, "TMPDIR": str(temp)}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not list(temp.glob("editloop-*/[0p]*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert os.listdir(temp) == []
