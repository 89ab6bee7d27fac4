"""A private copy of a project's folder in which programs may write, put back after each run.

Small files are copied; large ones, environments, and what is beyond the limits are links to the
originals, which nothing in the sandbox can write to.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from editloop.sandbox.scratch import scratch_folder

_CACHES = frozenset(["__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".nox"])
_LINKED = frozenset([".git", ".hg", "node_modules", ".venv", "venv"])
_LARGE = 1 << 20
_MOST_FILES = 3000
_MOST_BYTES = 64 << 20

_Mark = tuple[int, int, int, int]


class ProjectCopy:
    """``folder``: the copy; ``scratch``: an empty folder beside it for temporary files.

    ``origin``: where programs find the original, which links point to.
    """

    def __init__(self, root: Path, origin: str | None = None) -> None:
        """Copy the folder; of a home folder or a root, which are no projects, only the files that
        stand in it. Raises OSError where it cannot be read.
        """
        self.root = root
        self.is_project = not is_wide(root)
        self._origin = origin or str(root)
        self._stack = contextlib.ExitStack()
        self._held = self._stack.enter_context(scratch_folder())
        self.folder, self.scratch = self._held / "project", self._held / "scratch"
        self._fill()

    def _fill(self) -> None:
        for folder in (self.folder, self.scratch):
            _empty(folder)
        self._files = self._bytes = 0
        self._copy("")
        self._marks = _marks(self.folder)

    def _copy(self, below: str) -> None:
        for entry in sorted(os.scandir(self.root / below), key=lambda e: (e.is_dir(), e.name)):
            name = os.path.join(below, entry.name)
            target = self.folder / name
            if entry.name in _CACHES or entry.path == str(self._held):
                continue
            if not self.is_project and (entry.name.startswith(".") or not entry.is_file()):
                continue
            if entry.is_symlink():
                target.symlink_to(os.readlink(entry.path))
            elif self._files >= _MOST_FILES or _is_linked(entry):
                target.symlink_to(os.path.join(self._origin, name))
            elif entry.is_dir():
                target.mkdir()
                self._copy(name)
            elif entry.is_file():
                self._copy_file(entry, target, name)

    def _copy_file(self, entry: os.DirEntry[str], target: Path, name: str) -> None:
        size = entry.stat().st_size
        self._files += 1
        readable = os.access(entry.path, os.R_OK)
        if not readable or size > _LARGE or self._bytes + size > _MOST_BYTES:
            target.symlink_to(os.path.join(self._origin, name))
            return
        self._bytes += size
        shutil.copy2(entry.path, target)

    def put(self, path: Path, text: str) -> None:
        """Give one file of the project other contents, in the copy alone.

        ``path`` lies below the root; folders that were not copied are made.
        """
        name = str(path.relative_to(self.root))
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # never write through a link
        target.write_bytes(text.encode())
        self._marks[name] = _mark(target.lstat())

    def restore(self) -> None:
        """Undo all that programs wrote since the last ``put``; they must have ended."""
        try:
            now = _marks(self.folder)
            if any(now.get(name) != mark for name, mark in self._marks.items()):
                self._fill()
                return
            for name in sorted(now.keys() - self._marks.keys(), reverse=True):
                _remove(self.folder / name)
            _empty(self.scratch)
        except OSError:
            self._fill()

    def close(self) -> None:
        """Remove the copy."""
        self._stack.close()


def is_wide(folder: Path) -> bool:
    """Whether a folder holds far more than a project: a home, what is above it, temporary files."""
    home = Path.home().resolve()
    return folder in {home, *home.parents, Path(tempfile.gettempdir()).resolve(), Path("/tmp")}


def _is_linked(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder that no program of the project writes in, such as an environment."""
    return entry.is_dir() and (
        entry.name in _LINKED or os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
    )


def _mark(info: os.stat_result) -> _Mark:
    """What changes when a file is written; of a folder only what it is."""
    if stat.S_ISDIR(info.st_mode):
        return info.st_mode, 0, 0, 0
    return info.st_mode, info.st_size, info.st_ino, info.st_ctime_ns


def _marks(folder: Path) -> dict[str, _Mark]:
    found: dict[str, _Mark] = {}
    pending = [""]
    while pending:
        below = pending.pop()
        for entry in os.scandir(folder / below):
            name = os.path.join(below, entry.name)
            found[name] = _mark(entry.stat(follow_symlinks=False))
            if entry.is_dir(follow_symlinks=False):
                pending.append(name)
    return found


def _empty(folder: Path) -> None:
    """The folder stays: what confines the programs knows it, and not its name."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    for entry in list(os.scandir(folder)):
        _remove(Path(entry.path))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for folder, names, _ in os.walk(path):
            os.chmod(folder, 0o700)
            for name in names:
                if not os.path.islink(os.path.join(folder, name)):
                    os.chmod(os.path.join(folder, name), 0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
