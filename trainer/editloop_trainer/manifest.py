"""Where a run came from: hashes of its data, revision of the code, versions of the libraries."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = ("editloop", "torch", "transformers", "trl", "peft", "tokenizers", "llama-cpp-python")


def make_manifest(data: Sequence[Path]) -> dict[str, Any]:
    """``data`` are files or folders; ``git`` is None outside of a checkout."""
    return {
        "data": [_described(file) for path in data for file in _files(path)],
        "git": _revision(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: found for name in _LIBRARIES if (found := _version(name))},
    }


def file_hash(path: Path) -> str:
    """SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(path: Path) -> Iterator[Path]:
    """A file itself; of a folder the files directly in it."""
    if path.is_dir():
        yield from sorted(file for file in path.iterdir() if file.is_file())
    else:
        yield path


def _described(path: Path) -> dict[str, Any]:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}


def _revision() -> dict[str, Any] | None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.strip()
    if done.returncode or not text:
        return None
    return {"revision": text.removesuffix("-dirty"), "dirty": text.endswith("-dirty")}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
