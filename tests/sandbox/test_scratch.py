"""Temporary folders are gone after their process, however it ended; nobody else's are touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from editloop.sandbox import scratch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks and signals")

HOLD = """
import os, sys, time
from editloop.sandbox.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_text("x")
    (folder / "closed").chmod(0)
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of one's own."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    scratch.sweep.cache_clear()
    return folder


def started(program: str, temp: Path) -> subprocess.Popen[str]:
    """A process that has told its folder."""
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_a_folder_is_removed_at_the_end(temp: Path) -> None:
    with scratch.scratch_folder() as folder:
        assert folder.parent == temp
        assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(temp) == []


def test_sigterm_ends_and_cleans(temp: Path) -> None:
    with started(HOLD, temp) as process:
        assert process.stdout is not None
        assert Path(process.stdout.readline().strip()).is_dir()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    assert os.listdir(temp) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temp: Path) -> None:
    with started(HOLD, temp) as alive, started(HOLD, temp) as dead:
        assert alive.stdout is not None
        assert dead.stdout is not None
        kept, left = (Path(p.stdout.readline().strip()) for p in (alive, dead) if p.stdout)
        dead.kill()
        dead.wait(20)
        own = temp / f"{scratch.PREFIX}notes"
        own.mkdir()
        (own / "text").write_text("a person's")
        (temp / f"{scratch.PREFIX}link").symlink_to(own)
        scratch.sweep()
        assert not left.exists()
        assert kept.is_dir()
        assert (own / "text").is_file()
        alive.kill()


def test_a_folder_of_another_thread_is_removed_by_who_ends_the_process(temp: Path) -> None:
    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        with scratch.scratch_folder():
            inside.set()
            done.wait(20)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(20)
    assert len(os.listdir(temp)) == 1
    scratch.clear()
    assert os.listdir(temp) == []
    done.set()
    thread.join()


def test_a_suite_that_is_ended_by_sigterm_leaves_nothing(temp: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "test_m.py").write_text(
        "import time\ndef test(tmp_path):\n"
        "    (tmp_path / 'a').write_text('x')\n    time.sleep(60)\n"
    )
    program = (
        "from pathlib import Path\n"
        "from editloop.sandbox.suite import Suite, run_suite\n"
        "from editloop.sandbox.level import Level\n"
        "print('go', flush=True)\n"
        f"root = Path({str(project)!r})\n"
        "run_suite(Suite(('test_m.py',), root / 'm.py', root, Level.B), '')\n"
    )
    with started(program, temp) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(400):
            if list(temp.glob("*/scratch/*/*/*/a")):
                break
            threading.Event().wait(0.05)
        else:
            raise AssertionError("the suite did not start")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    assert os.listdir(temp) == []
