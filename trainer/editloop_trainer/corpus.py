"""The corpus: self-contained modules out of folders of Python source, with a manifest.

Rows are ``{"id", "source", "package", "pure", "names"}``. Order and content depend on the inputs
alone; a stopped run goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.progress import Progress

from editloop.checks.static import StaticChecker
from editloop_trainer.exclude import Exclusion, digest, load_exclusion
from editloop_trainer.harvest import harvest
from editloop_trainer.jsonl import read_jsonl, read_mbpp
from editloop_trainer.pieces import as_solution, check_piece, parse, stable, tidy
from editloop_trainer.sources import Origin, origins, write_manifest
from editloop_trainer.stream import parallel

MAX_FILE = 400_000
SOLUTION_SHARE = 3
"""One in this many pure functions is also taken as a method of ``class Solution``."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a corpus file."""

    id: str
    source: str
    package: str
    pure: bool
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CorpusSettings:
    """``per_package`` limits the impure pieces of one package; pure ones are not limited."""

    minutes: float | None = None
    per_package: int = 1500
    workers: int = 2


def read_corpus(path: Path) -> Iterator[Entry]:
    """Raises JsonlError."""
    names = [field.name for field in fields(Entry)]
    for row in read_jsonl(path, *names):
        yield Entry(**{name: row[name] for name in names} | {"names": tuple(row["names"])})


_checker: StaticChecker | None = None
_exclusion = Exclusion()


def _start_worker(exclusion: Exclusion) -> None:
    global _checker, _exclusion
    _checker, _exclusion = StaticChecker(), exclusion


def _read_origin(origin: Origin) -> list[tuple[str, Entry]]:
    """(digest, entry) of the pieces of a file that may be in a corpus."""
    try:
        if origin.path.stat().st_size > MAX_FILE:
            return []
        text = origin.path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for piece in harvest(text):
        found += screen(piece.source, piece.names, origin.package)
    return found


def screen(source: str, names: tuple[str, ...], package: str) -> list[tuple[str, Entry]]:
    """The entry of a piece, and that of its method form, unless excluded or statically wrong."""
    assert _checker is not None
    piece, tree = check_piece(source, names), parse(source)
    if piece is None or tree is None or _exclusion.hits(tree):
        return []
    if any(d.is_error for d in _checker.check(source)):
        return []
    key = digest(tree)
    entry = Entry(f"{package}/{names[-1]}-{key[:8]}", source, package, piece.pure, names)
    found = [(key, entry)]
    if piece.pure and stable(source) % SOLUTION_SHARE == 0:
        method = as_solution(source, names[-1])
        if method and (other := check_piece(method, ("Solution",))):
            identity = f"{package}/Solution.{names[-1]}-{key[:8]}"
            found.append((f"{key}s", Entry(identity, method, package, other.pure, ("Solution",))))
    return found


def _screen_mbpp(programs: Sequence[Mapping[str, Any]]) -> Iterator[list[tuple[str, Entry]]]:
    for row in programs:
        source = row["code"].replace("\r\n", "\n").replace("\r", "\n")
        tree = parse(source)
        names = tuple(n.name for n in tree.body if hasattr(n, "name")) if tree else ()
        if names:
            found = screen(tidy(source), names, "mbpp-train")
            yield [(k, _numbered(e, row["task_id"])) for k, e in found]


def _numbered(entry: Entry, number: int) -> Entry:
    kind = ".solution" if entry.names == ("Solution",) and "/Solution." in entry.id else ""
    return Entry(f"mbpp-train/{number}{kind}", entry.source, entry.package, entry.pure, entry.names)


def build_corpus(
    roots: Sequence[Path],
    out: Path,
    *,
    exclude: Sequence[Path] = (),
    mbpp: Path | None = None,
    settings: CorpusSettings = CorpusSettings(),
) -> dict[str, int]:
    """Write ``out`` and ``out`` with the suffix ``.manifest.json``; returns rows by package.

    Of ``mbpp`` the training and validation programs are taken. Raises JsonlError.
    """
    exclusion = load_exclusion(exclude)
    programs = list(read_mbpp(mbpp, "train", "validation")) if mbpp is not None else []
    files = list(origins(roots))
    done, writer = _Progress.open(out), _Writer(out, settings.per_package)
    deadline = time.monotonic() + 60 * settings.minutes if settings.minutes else None
    with out.open("a", encoding="utf-8") as file, Progress() as progress:
        writer.file = file
        bar = progress.add_task("corpus", total=len(files), completed=done.files)
        if programs and done.files == 0:
            _start_worker(exclusion)
            for rows in _screen_mbpp(programs):
                writer.add(rows)
        read = parallel(
            _read_origin,
            files[done.files :],
            start=_start_worker,
            arguments=(exclusion,),
            workers=settings.workers,
        )
        with contextlib.closing(read):
            for rows in read:
                writer.add(rows)
                done.files += 1
                progress.advance(bar)
                if done.files % 100 == 0:
                    file.flush()
                    done.save(out)
                if deadline and time.monotonic() > deadline:
                    break
        file.flush()
        done.save(out)
    write_manifest(out, files[: done.files], roots, writer.counts)
    return dict(writer.counts)


class _Writer:
    """Appends rows whose digest is new; starts with the digests that the file has."""

    def __init__(self, out: Path, per_package: int) -> None:
        self.file: Any = None
        self.limit = per_package
        self.seen: set[str] = set()
        self.ids: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.impure: Counter[str] = Counter()
        if out.exists():
            for entry in read_corpus(out):
                tree = parse(entry.source)
                assert tree is not None
                self.seen.add(digest(tree) + "s" * ("olution" in entry.id))
                self._count(entry)

    def _count(self, entry: Entry) -> None:
        self.ids.add(entry.id)
        self.counts[entry.package] += 1
        self.impure[entry.package] += not entry.pure

    def add(self, rows: list[tuple[str, Entry]]) -> None:
        for key, entry in rows:
            if key in self.seen or entry.id in self.ids:
                continue
            if not entry.pure and self.impure[entry.package] >= self.limit:
                continue
            self.seen.add(key)
            self._count(entry)
            self.file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")


@dataclass(slots=True)
class _Progress:
    """How many files are in the rows that were written, and how long these are."""

    files: int = 0

    @classmethod
    def open(cls, out: Path) -> _Progress:
        """Cut ``out`` to what is known to be whole."""
        path = out.with_suffix(".progress.json")
        if not path.exists():
            out.unlink(missing_ok=True)
            return cls()
        row = json.loads(path.read_text())
        os.truncate(out, row["bytes"])
        return cls(row["files"])

    def save(self, out: Path) -> None:
        row = {"files": self.files, "bytes": out.stat().st_size}
        part = out.with_suffix(".progress.part")
        part.write_text(json.dumps(row))
        os.replace(part, out.with_suffix(".progress.json"))
