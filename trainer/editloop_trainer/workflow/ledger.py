"""Which steps of a workflow are done, with what inputs: ``workflow.json`` in the work folder.

A step is known by a key, the hash of its commands and of what it reads. One that is done under
another key is stale: its outputs are removed before it runs again. Sources that people work on are
apart from the key, as a snapshot: while a workflow is not complete, it goes on with what it read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from editloop.cli import CliError
from editloop_trainer.files import write_json
from editloop_trainer.manifest import file_hash

_VERSION = 1


class Ledger:
    """The record of a work folder. Every change is on the disk before the method returns."""

    def __init__(self, work: Path) -> None:
        self._path = work / "workflow.json"
        self._rows: dict[str, dict[str, Any]] = {}
        self._complete = False
        if self._path.exists():
            try:
                saved = json.loads(self._path.read_text(encoding="utf-8"))
                if saved["version"] != _VERSION:
                    raise ValueError(f"version {saved['version']}")
                self._rows, self._complete = saved["steps"], saved["complete"]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise CliError(f"{self._path} cannot be read ({error}): remove {work}") from error

    def is_done(self, name: str, key: str, snapshot: str = "") -> bool:
        row = self._rows.get(name)
        if row is None or not row["done"] or row["key"] != key:
            return False
        return row["snapshot"] == snapshot or not self._complete

    @property
    def started(self) -> bool:
        """Whether any step was begun here."""
        return bool(self._rows)

    def begin(
        self, name: str, key: str, minutes: float, outputs: Iterable[Path], snapshot: str = ""
    ) -> float:
        """The minutes of a step: those that it was given first, when it goes on.

        A step that was begun with another key or snapshot loses its outputs, and the steps after it
        are forgotten with the time that they took.
        """
        row = self._rows.get(name)
        if row is not None and (row["key"], row["snapshot"]) == (key, snapshot):
            return float(row["minutes"])
        for path in outputs:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        names = list(self._rows)
        if name in names:
            self._rows = {kept: self._rows[kept] for kept in names[: names.index(name)]}
        known = {"key": key, "snapshot": snapshot, "minutes": minutes}
        self._rows[name] = {**known, "seconds": 0.0, "done": False}
        self._complete = False
        self._save()
        return minutes

    def spend(self, name: str, seconds: float) -> None:
        """Add wall seconds to a step, so that a budget holds over interruptions."""
        self._rows[name]["seconds"] += seconds
        self._save()

    def finish(self, name: str) -> None:
        self._rows[name]["done"] = True
        self._save()

    def complete(self) -> None:
        """Every step is done: the next call looks for changes of the sources."""
        self._complete = True
        self._save()

    def seconds(self, name: str) -> float:
        return float(self._rows.get(name, {}).get("seconds", 0.0))

    @property
    def spent(self) -> float:
        """Seconds of all steps."""
        return sum(float(row["seconds"]) for row in self._rows.values())

    def _save(self) -> None:
        saved = {"version": _VERSION, "complete": self._complete, "steps": self._rows}
        write_json(self._path, saved)


def file_digest(path: Path) -> str:
    """Digest of a file's bytes, or of a folder's names, sizes and times; "" where it is missing."""
    if path.is_file():
        return file_hash(path)
    if not path.is_dir():
        return ""
    found = sorted(p for p in path.rglob("*") if p.is_file())
    return listing_digest(path, found)


def listing_digest(root: Path, files: Iterable[Path]) -> str:
    """Digest of the files' names, sizes and times of modification."""
    made = hashlib.sha256()
    for path in files:
        about = path.stat()
        made.update(f"{path.relative_to(root)} {about.st_size} {about.st_mtime_ns}\n".encode())
    return made.hexdigest()
