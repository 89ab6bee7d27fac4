"""The catalogue as this machine sees it: what is here, what was begun, what suits it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .catalogue import Entry, entries, suits
from .download import fetched_bytes


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be had. ``here``: the store has a file of its name; ``fetched``: bytes that
    an unfinished download left; ``why``: in words, why it suits this machine, "" for all others.
    """

    entry: Entry
    here: bool
    fetched: int
    why: str

    def row(self) -> dict[str, Any]:
        """JSON data; ``good_for`` is for people, ``bytes`` and ``memory`` are numbers of bytes."""
        entry = self.entry
        return {
            "name": entry.name,
            "title": entry.title,
            "good_for": "; ".join(filter(None, (entry.good_for, entry.score))),
            "bytes": entry.bytes,
            "memory": entry.memory,
            "licence": entry.licence,
            "here": self.here,
            "fetched": self.fetched,
            "suits": bool(self.why),
            "why": self.why,
        }


def offers(store: Path) -> Iterator[Offer]:
    """All models of the catalogue, the preferred ones first."""
    suited, why = suitable()
    for entry in entries():
        here = (store / f"{entry.name}.gguf").is_file()
        begun = 0 if here else fetched_bytes(entry, store)
        yield Offer(entry, here, begun, why if entry is suited else "")


def suitable() -> tuple[Entry, str]:
    """The model of the catalogue that suits this machine, and why, in words."""
    from editloop.engine.host import free_memory, physical_cores

    return suits(physical_cores(), free_memory(), entries())
