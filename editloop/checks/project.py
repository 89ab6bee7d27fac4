"""The folder of the project that a file belongs to, seen from the names of files above it."""

from __future__ import annotations

from pathlib import Path

from editloop.sandbox.paths import holds_home

_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", ".git")
_LEVELS = 6
"""Folders above a file that are looked at. Chosen."""


def project_root(path: Path) -> Path:
    """The nearest folder above a file that looks like a project's, else the file's own.

    Never the home folder or one above it, even where it is under version control, unless the file
    lies right there.
    """
    folders = list(path.resolve().parents)[:_LEVELS]
    for folder in folders:
        if holds_home(folder):
            break
        if any((folder / mark).exists() for mark in _ROOT_MARKS):
            return folder
    return folders[0]
