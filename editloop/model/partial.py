"""The bytes of a download that are there so far: one hidden file beside the place it is meant for.

It stays after a failure, so that the next try goes on from it whatever the source, and gets its
name only when its length and SHA-256 are right. One process writes it at a time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from editloop.policy import Cancelled

Report = Callable[[int, int, str], None]
"""Takes bytes that are there, bytes in all, and words for a person: what is being done."""
NOTE = "note: "
"""Words that begin so are worth keeping in sight: a source failed and the next one is tried."""

_CHUNK = 1 << 20


class DownloadError(Exception):
    """A model could not be fetched: one line, with what to do about it."""


class SourceFailed(DownloadError):
    """One source does not give the file; another one may."""


class Partial:
    """``target``'s bytes so far, in ``.NAME.part`` beside it. Use it in a ``with`` statement.

    Raises DownloadError where it cannot be written or another process writes it.
    """

    def __init__(
        self, target: Path, total: int, report: Report, cancel: threading.Event | None = None
    ) -> None:
        self.target, self.total = target, total
        self.path = partial_path(target)
        self.words = ""
        self._report, self._cancel = report, cancel or threading.Event()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "ab+", buffering=0)  # noqa: SIM115 - __exit__ closes it
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            self.size = _locked_size(self._file.fileno(), self.path)
        except BaseException:
            self._file.close()
            raise
        if self.size > total:
            self.keep(0)

    def __enter__(self) -> Partial:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self.size == 0:
            self.path.unlink(missing_ok=True)

    def say(self, words: str) -> None:
        """Tell what is being done from now on."""
        self.words = words
        self.report()

    def report(self, more: int = 0) -> None:
        """Tell how far it is; ``more``: bytes that are on this machine but not in the file yet."""
        self._report(min(self.size + more, self.total), self.total, self.words)

    def check(self) -> None:
        """Raises Cancelled when somebody asked for it."""
        if self._cancel.is_set():
            raise Cancelled("the download was stopped; what is there is kept")

    def pause(self, seconds: float) -> None:
        """Wait, unless cancelled. Raises Cancelled."""
        self._cancel.wait(seconds)
        self.check()

    def need(self, more: int = 0) -> None:
        """Raises DownloadError where what is missing and ``more`` bytes do not fit on the disk."""
        needed = self.total - self.size + more
        free = shutil.disk_usage(self.path.parent).free
        if needed > free:
            raise DownloadError(
                f"{needed / 1e6:,.0f} MB are needed in {self.path.parent} and {free / 1e6:,.0f} MB "
                "are free: make room and try again"
            )

    def write(self, data: bytes) -> None:
        """Append. Raises Cancelled, DownloadError."""
        self.check()
        view = memoryview(data)
        while view:
            try:
                written = self._file.write(view)
            except OSError as error:
                raise _unwritable(self.path, error) from error
            self.size += written
            view = view[written:]
        self.report()

    def keep(self, size: int) -> None:
        """Drop everything after the first ``size`` bytes."""
        if size < self.size:
            self._file.truncate(size)
            self.size = size

    def sha256(self) -> str:
        """SHA-256 in hex of the bytes that are here. Raises Cancelled."""
        self.say("checking")
        digest = hashlib.sha256()
        self._file.seek(0)
        while data := self._file.read(_CHUNK):
            self.check()
            digest.update(data)
        return digest.hexdigest()

    def publish(self) -> None:
        """Give the file its name; the bytes are on the disk before it has it."""
        try:
            os.fsync(self._file.fileno())
            os.chmod(self.path, 0o644)
            self._file.close()  # Windows renames no open file
            os.replace(self.path, self.target)
        except OSError as error:
            raise _unwritable(self.target, error) from error


def partial_path(target: Path) -> Path:
    """Where the bytes of an unfinished download of ``target`` are."""
    return target.with_name(f".{target.name}.part")


def _locked_size(descriptor: int, path: Path) -> int:
    """Lock the file for this process; its bytes. Raises DownloadError, OSError."""
    busy = DownloadError(
        f"{path.name[1:].partition('.gguf')[0]} is being fetched by another process"
    )
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows: two downloads of one model at once are not refused there
        pass
    except BlockingIOError as error:
        raise busy from error
    status = os.fstat(descriptor)
    if not os.path.samestat(status, os.stat(path)):  # the other one ended and gave it its name
        raise busy
    return status.st_size


def _unwritable(path: Path, error: OSError) -> DownloadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadError(f"the disk of {path.parent} is full: make room and try again")
    return DownloadError(f"cannot write {path}: {error.strerror or error}")
