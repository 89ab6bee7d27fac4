"""A person's own pytest suite: where it is, and running it as the last and most expensive check.

The suite judges with its own code in the candidate's process, so its result is advisory: it is
shown to a person and never a reward in training.
"""

from __future__ import annotations

from pathlib import Path

_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", ".git")
_LEVELS = 6


def project_root(path: Path) -> Path:
    """The nearest folder above a file that looks like a project's, else the file's own."""
    folders = list(path.resolve().parents)[:_LEVELS]
    for folder in folders:
        if any((folder / mark).exists() for mark in _ROOT_MARKS):
            return folder
    return folders[0]


def find_suites(path: Path) -> list[Path]:
    """Test files named for a module: beside it, or in a ``tests`` folder up to the project's root."""
    path = path.resolve()
    if path.stem.startswith("test_") or path.stem.endswith("_test"):
        return []
    root = project_root(path)
    names = (f"test_{path.stem}.py", f"{path.stem}_test.py")
    found = []
    for folder in path.parents:
        for place in (folder, folder / "tests", folder / "test"):
            found += [place / name for name in names if (place / name).is_file()]
        if folder == root:
            break
    return found
