"""Temporary folders that are gone after their process, however that ended.

Each holds a file that its process keeps locked for as long as it lives, so the next process knows
which ones nobody uses any more and removes them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

if sys.platform != "win32":
    import fcntl

PREFIX = "editloop-"
LOCK = ".editloop-lock"
_live: set[Path] = set()


@contextlib.contextmanager
def scratch_folder(place: Path | None = None) -> Iterator[Path]:
    """A new folder for this user alone, removed at the end, on SIGTERM, or by a later process.

    It lies in ``place``, where a file is to be moved from it in one step; else with other temporary
    files.
    """
    sweep(place)
    with _ending_cleanly():
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        _live.add(folder)
        lock = _lock(folder)
        try:
            yield folder
        finally:
            remove(folder)
            os.close(lock)
            _live.discard(folder)


def clear() -> None:
    """Remove what this process still has: for one that ends in the middle of its work."""
    for folder in tuple(_live):
        remove(folder)


def _lock(folder: Path) -> int:
    """Locked before it has its name, so that nobody finds it unlocked."""
    descriptor, name = tempfile.mkstemp(dir=folder)
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.rename(name, folder / LOCK)
    return descriptor


@functools.cache
def sweep(place: Path | None = None) -> None:
    """Remove the folders of processes that were killed; once a process and place."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        for lock in (place or Path(tempfile.gettempdir())).glob(f"{PREFIX}*/{LOCK}"):
            with contextlib.suppress(OSError):
                _sweep(lock)


def _sweep(lock: Path) -> None:
    owner = lock.parent.lstat()
    if lock.parent.is_symlink() or owner.st_uid != os.geteuid():
        return
    descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(lock.parent)
    finally:
        os.close(descriptor)


def remove(folder: Path) -> None:
    """Remove as much of a scratch folder as can be, its lock last: what is left is found again."""
    for parent, names, _ in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)  # code under test may have closed it
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != LOCK:
                path.unlink()
        if {path.name for path in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()


@contextlib.contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Where nobody else handles SIGTERM, let it end this thread's work instead of the process."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
