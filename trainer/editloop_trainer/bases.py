"""What ``--base`` may name: a folder, or a GGUF that a folder is made of once."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import platformdirs

from editloop.model.store import find_model
from editloop_trainer.run import RunError


def base_folder(name: str) -> Path:
    """A Hugging Face folder. Of a GGUF, named by its path or its name in the store, it is made in
    the user's cache, and found there the next time.

    Raises ModelNotFound, and RunError for a GGUF that cannot be unpacked.
    """
    given = Path(name).expanduser()
    if given.is_dir():
        return given
    path = find_model(name).resolve()
    stat = path.stat()
    mark = hashlib.sha256(f"{path} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:8]
    bases = platformdirs.user_cache_path("editloop", appauthor=False) / "bases"
    folder = bases / f"{path.stem}-{mark}"
    bases.mkdir(parents=True, exist_ok=True)
    # Processes of one training begin together; one of them makes the base.
    with (bases / f"{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _make(path, folder)
    return folder


def _make(path: Path, folder: Path) -> None:
    # A process of its own: the exporter is no part of the trainer, and the memory comes back.
    words = [sys.executable, "-P", "-m", "editloop", "train", "base", str(path), "-o", str(folder)]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        told = done.stderr.strip().splitlines() or ["it was killed"]
        raise RunError(f"no base out of {path}: {told[-1].removeprefix('editloop: ')}")
