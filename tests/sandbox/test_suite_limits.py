"""A person's suite in the sandbox works with files of its own and changes no other; its processes,
threads and files are bounded."""

from __future__ import annotations

import os
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from editloop.checks.pytestruns import PytestReport, run_pytest
from editloop.sandbox import SandboxPool
from editloop.sandbox.level import Level
from editloop.sandbox.suite import Suite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="levels A and B are Linux's")


@pytest.fixture
def outside() -> Iterator[Path]:
    """A file of another place, open to everybody."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        path = Path(name, "private")
        path.write_text("secret")
        path.chmod(0o666)
        Path(name).chmod(0o711)
        yield path


def run(pool: SandboxPool, folder: Path, body: str, wall: float = 120.0) -> PytestReport:
    """A suite with one test."""
    (folder / "mod.py").write_text("")
    test = "import os, sys, time\ndef test(tmp_path):\n" + textwrap.indent(
        textwrap.dedent(body), "    "
    )
    (folder / "test_mod.py").write_text(test)
    suite = Suite(("test_mod.py",), folder / "mod.py", folder, pool.level)
    return run_pytest(suite, "", expected=["test_mod.py::test"], wall_seconds=wall)


def test_modes_and_times_of_its_own_files(pool: SandboxPool, tmp_path: Path) -> None:
    body = """
    import shutil, subprocess, tarfile
    one = tmp_path / "one"
    one.write_text("x")
    one.chmod(0o640)
    assert one.stat().st_mode & 0o7777 == 0o640
    os.utime(one, (5, 7))
    assert (one.stat().st_atime, one.stat().st_mtime) == (5, 7)
    os.utime(one, ns=(10**9, 2 * 10**9 + 3))
    assert one.stat().st_mtime_ns == 2 * 10**9 + 3
    two = shutil.copy2(one, tmp_path / "two")
    assert os.stat(two).st_mtime_ns == one.stat().st_mtime_ns
    before = time.time() - 60
    one.touch()
    assert one.stat().st_mtime > before
    os.chdir(tmp_path)
    os.chmod("one", 0o400)
    with open("two", "r+") as file:
        os.fchmod(file.fileno(), 0o600)
        os.utime(file.fileno(), (1, 1))
        file.truncate(0)
    assert os.stat("two").st_mtime >= 1
    assert os.stat("two").st_mode & 0o777 == 0o600
    folder = os.open(".", os.O_RDONLY)
    os.chmod("one", 0o444, dir_fd=folder)
    os.utime("one", (3, 3), dir_fd=folder)
    assert os.stat("one").st_mtime == 3
    os.symlink("one", "link")
    os.utime("link", (9, 9), follow_symlinks=False)
    assert (os.lstat("link").st_mtime, os.stat("one").st_mtime) == (9, 3)
    subprocess.run([sys.executable, "-I", "-c", "import os; os.chmod('one', 0o700)"], check=True)
    assert os.stat("one").st_mode & 0o777 == 0o700
    for wrong in ("nothing", "", "one/x"):
        try:
            os.chmod(wrong, 0o600)
        except (FileNotFoundError, NotADirectoryError):
            continue
        raise AssertionError(wrong)
    """
    report = run(pool, tmp_path, body)
    assert report.status == "pass", report


def test_modes_and_times_of_other_files(pool: SandboxPool, tmp_path: Path, outside: Path) -> None:
    body = f"""
    import ctypes
    other = {str(outside)!r}
    os.symlink(other, tmp_path / "link")
    os.symlink({str(outside.parent)!r}, tmp_path / "folder")
    own = tmp_path / "own"
    own.write_text("x")
    os.chdir(tmp_path)
    attacks = [
        lambda: os.chmod(other, 0o777),
        lambda: os.chmod(other, 0o4755),
        lambda: os.chmod("link", 0o777),
        lambda: os.chmod("folder/" + {outside.name!r}, 0o777),
        lambda: os.chmod("../" * 20 + other, 0o777),
        lambda: os.chmod("mod.py", 0o777, dir_fd=os.open({str(tmp_path)!r}, os.O_RDONLY)),
        lambda: os.chmod(own, 0o4755),
        lambda: os.chmod(sys.executable, 0o777),
        lambda: os.fchmod(os.open(os.__file__, os.O_RDONLY), 0o777),
        lambda: os.fchmod(1 << 30, 0o777),
        lambda: os.utime(other, (1, 1)),
        lambda: os.utime("link", (1, 1)),
        lambda: os.utime("folder", (1, 1)),
        lambda: os.chmod("/proc/self/fd/0", 0o777),
        lambda: os.link(other, "hard"),
        lambda: os.rename(other, "moved"),
        lambda: os.chown(other, os.getuid(), os.getgid()),
    ]
    for number, attack in enumerate(attacks):
        try:
            attack()
        except OSError:
            continue
        raise AssertionError(number)
    assert ctypes.CDLL(None).chmod(ctypes.c_void_p(8), 0o777) == -1
    """
    before = outside.stat()
    report = run(pool, tmp_path, body)
    assert report.status == "pass", report
    after = outside.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_processes_and_threads_are_bounded(pool: SandboxPool, tmp_path: Path) -> None:
    body = """
    import subprocess, threading
    pids = []
    try:
        for _ in range(300):
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            pids.append(pid)
    except BlockingIOError:
        pass
    assert 40 < len(pids) < 64, len(pids)
    import signal
    for pid in pids:
        os.waitpid(pid, os.WNOHANG)
    """
    report = run(pool, tmp_path, body)
    assert report.status == "pass", report
    body = """
    import threading
    gate, made = threading.Event(), []
    try:
        for _ in range(300):
            made.append(threading.Thread(target=gate.wait, daemon=True))
            made[-1].start()
    except RuntimeError:
        pass
    gate.set()
    assert 150 < len(made) <= 256, len(made)
    """
    report = run(pool, tmp_path, body)
    assert report.status == "pass", report


def test_many_processes_one_after_the_other(pool: SandboxPool, tmp_path: Path) -> None:
    body = """
    import subprocess
    for _ in range(90):
        assert os.waitpid(os.posix_spawn(sys.executable,
            [sys.executable, "-S", "-I", "-c", ""], {}), 0)[1] == 0
    assert subprocess.run([sys.executable, "-I", "-c", "print(1)"], capture_output=True).stdout
    """
    report = run(pool, tmp_path, body)
    assert report.status == "pass", report


def test_a_fork_bomb_ends_with_the_suite(pool: SandboxPool, tmp_path: Path) -> None:
    body = """
    while True:
        try:
            os.fork()
        except OSError:
            pass
    """
    assert run(pool, tmp_path, body, wall=3).status == "timeout"
    left = [path for path in Path("/proc").glob("[0-9]*/environ") if _mentions(path, tmp_path)]
    assert not left


def _mentions(path: Path, folder: Path) -> bool:
    try:
        return os.readlink(path.with_name("cwd")).startswith(str(folder))
    except OSError:
        return False


@pytest.mark.parametrize("hidden", [False, True], ids=["named", "unnamed"])
def test_files_are_bounded(pool: SandboxPool, tmp_path: Path, hidden: bool) -> None:
    free = os.statvfs(tempfile.gettempdir())
    if free.f_bavail * free.f_frsize < 4 << 30:
        pytest.skip("the disk is too full to try")
    body = f"""
    kept = []
    for number in range(20):
        path = tmp_path / str(number)
        kept.append(open(path, "wb"))
        os.posix_fallocate(kept[-1].fileno(), 0, 60 << 20)
        if {hidden}:
            path.unlink()
    time.sleep(55)
    """
    report = run(pool, tmp_path, body, wall=60)
    assert report.status in ("fail", "error"), report
    said = "No space left" if pool.level is Level.A else "the tests wrote more than 256 MB"
    assert said in report.text


def test_a_file_is_bounded(pool: SandboxPool, tmp_path: Path) -> None:
    body = """
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open(tmp_path / "large", "wb") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            return
    raise AssertionError
    """
    assert run(pool, tmp_path, body).status == "pass"
