"""The files of demonstrations: which entries in which scenes, and the split by function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from editloop_trainer.corpus import Entry, read_corpus
from editloop_trainer.demos import DemoSettings, entry_demos
from editloop_trainer.grading import Grader
from editloop_trainer.jsonl import read_jsonl
from editloop_trainer.pieces import stable
from editloop_trainer.record import Recorded, read_recorded
from editloop_trainer.scenes import SOLUTION_PRELUDE, Scene, without_imports
from editloop_trainer.stream import Rows, stream

DEV_SHARE = 100
"""One function in this many is for development, with all that was made of it."""


_Item = tuple[Entry, Recorded | None, tuple[str, ...]]
"""An entry, its tests, and the functions that may stand beside it in a file."""


def family_key(entry: Entry) -> str:
    """A key that a function shares with its method form: both are on one side of a split."""
    return entry.id.replace("/Solution.", "/").removesuffix(".solution")


def is_dev(entry: Entry) -> bool:
    return stable(f"dev {family_key(entry)}") % DEV_SHARE == 0


def scenes(entry: Entry, recorded: Recorded | None, settings: DemoSettings) -> Iterator[Scene]:
    """The scenes of an entry; most that can be tested are."""
    if recorded is None:
        yield Scene("untested", entry.source)
        return
    rng = Random(f"{settings.seed}/{entry.id}/scenes")
    if entry.names == ("Solution",) and rng.random() < 0.6:
        source = without_imports(entry.source)
        if source is not None:
            yield Scene("prelude", source, recorded.asserts, SOLUTION_PRELUDE)
            return
    asserts = recorded.asserts if rng.random() >= settings.untested else ()
    yield Scene("plain" if asserts else "untested", entry.source, asserts)


def _worker(settings: DemoSettings) -> Callable[[_Item], Rows]:
    grader = Grader()

    def work(item: _Item) -> Rows:
        entry, recorded, neighbours = item
        made = [
            demo.row()
            for scene in scenes(entry, recorded, settings)
            for demo in entry_demos(entry, scene, neighbours, grader, settings)
        ]
        return {"dev" if is_dev(entry) else "train": made}

    return work


def build_demos(
    corpus: Path,
    out: Path,
    *,
    tests: Path | None = None,
    settings: DemoSettings = DemoSettings(),
    workers: int = 2,
    minutes: float | None = None,
) -> tuple[int, bool]:
    """Write ``out`` and beside it ``.dev.jsonl``; goes on where it was stopped.

    Returns (rows written by this call, all done).
    """
    entries = list(read_corpus(corpus))
    recorded = read_recorded(tests) if tests is not None else {}
    entries.sort(key=lambda e: stable(f"{settings.seed} {e.id}"))
    items = [(e, recorded.get(e.id), _neighbours(entries, i)) for i, e in enumerate(entries)]
    outputs = {"train": out, "dev": out.with_suffix(".dev.jsonl")}
    return stream(
        "demonstrations",
        items,
        _worker,
        outputs,
        arguments=(settings,),
        workers=workers,
        minutes=minutes,
    )


def _neighbours(entries: Sequence[Entry], index: int) -> tuple[str, ...]:
    """Sources of the next entries, for files with several functions. Development entries stay
    among themselves."""
    dev = is_dev(entries[index])
    found: list[str] = []
    for step in range(1, 40):
        other = entries[(index + step) % len(entries)]
        if is_dev(other) == dev and other.pure and len(other.source) < 1200:
            found.append(other.source)
        if len(found) == 3:
            break
    return tuple(found)


def count_families(path: Path) -> Mapping[str, int]:
    """How often each family occurs in a file of demonstrations."""
    return Counter(name for row in read_jsonl(path, "family") for name in row["family"])
