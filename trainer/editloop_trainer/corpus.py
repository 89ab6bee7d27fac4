"""The corpus: self-contained modules out of folders of Python source, with a manifest.

Rows are ``{"id", "source", "package", "pure", "names"}``. Order and content depend on the inputs
alone; a stopped run goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from editloop.checks.static import StaticChecker
from editloop_trainer.exclude import Exclusion, digest, load_exclusion
from editloop_trainer.harvest import harvest
from editloop_trainer.jsonl import read_jsonl, read_mbpp
from editloop_trainer.pieces import as_solution, check_piece, parse, stable, tidy
from editloop_trainer.sources import Origin, origins, write_manifest
from editloop_trainer.stream import Rows, append, parallel

MAX_FILE = 400_000
IMPURE = 1500
"""Pieces of one package at most; pure ones are not limited."""
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


def read_corpus(path: Path) -> Iterator[Entry]:
    """Raises JsonlError."""
    names = [field.name for field in fields(Entry)]
    for row in read_jsonl(path, *names):
        yield Entry(**{name: row[name] for name in names} | {"names": tuple(row["names"])})


Found = list[tuple[str, Entry]]
"""(digest, entry) of pieces that may be in a corpus."""


class Screen:
    """What may be in a corpus: nothing that coincides with a benchmark, nothing that is wrong."""

    def __init__(self, exclusion: Exclusion) -> None:
        self._exclusion, self._checker = exclusion, StaticChecker()

    def read(self, source: Origin | Mapping[str, Any]) -> Found:
        """The pieces of a file, or those of a row of MBPP."""
        if not isinstance(source, Origin):
            return self._program(source)
        try:
            if source.path.stat().st_size > MAX_FILE:
                return []
            text = source.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        return [
            found
            for piece in harvest(text)
            for found in self.piece(piece.source, piece.names, source.package)
        ]

    def piece(self, source: str, names: tuple[str, ...], package: str) -> Found:
        """A piece, and its method form, unless excluded or statically wrong."""
        piece, tree = check_piece(source, names), parse(source)
        if piece is None or tree is None or self._exclusion.hits(tree):
            return []
        if any(d.is_error for d in self._checker.check(source)):
            return []
        key = digest(tree)
        entry = Entry(f"{package}/{names[-1]}-{key[:8]}", source, package, piece.pure, names)
        found = [(key, entry)]
        if piece.pure and stable(source) % SOLUTION_SHARE == 0:
            method = as_solution(source, names[-1])
            if method and (other := check_piece(method, ("Solution",))):
                name = f"{package}/Solution.{names[-1]}-{key[:8]}"
                found.append((f"{key}s", Entry(name, method, package, other.pure, ("Solution",))))
        return found

    def _program(self, row: Mapping[str, Any]) -> Found:
        source = row["code"].replace("\r\n", "\n").replace("\r", "\n")
        tree = parse(source)
        names = tuple(n.name for n in tree.body if hasattr(n, "name")) if tree else ()
        found = self.piece(tidy(source), names, "mbpp-train") if names else []
        return [(key, _numbered(entry, row["task_id"])) for key, entry in found]


def _reader(exclusion: Exclusion) -> Callable[[Origin | Mapping[str, Any]], Found]:
    return Screen(exclusion).read


def _numbered(entry: Entry, number: int) -> Entry:
    kind = ".solution" if entry.names == ("Solution",) and "/Solution." in entry.id else ""
    return replace(entry, id=f"mbpp-train/{number}{kind}")


def build_corpus(
    roots: Sequence[Path],
    out: Path,
    *,
    exclude: Sequence[Path] = (),
    mbpp: Path | None = None,
    workers: int = 2,
    minutes: float | None = None,
) -> dict[str, int]:
    """Write ``out`` and ``out`` with the suffix ``.manifest.json``; returns rows by package.

    Of ``mbpp`` the training and validation programs are taken. Raises JsonlError.
    """
    exclusion = load_exclusion(exclude)
    programs = list(read_mbpp(mbpp, "train", "validation")) if mbpp is not None else []
    files = list(origins(roots))
    sources: list[Origin | Mapping[str, Any]] = [*programs, *files]

    read = len(sources)

    def made(done: int) -> Generator[Rows, None, None]:
        nonlocal read
        read = done
        chosen = _Chosen(out)
        found = parallel(_reader, sources[done:], arguments=(exclusion,), workers=workers)
        with contextlib.closing(found):
            for pieces in found:
                read += 1
                yield {"corpus": chosen.of(pieces)}

    # A run that goes on keeps to what it has read, wherever the sources are others now.
    append("corpus", len(sources), made, {"corpus": out}, what="corpus", minutes=minutes)
    counts = Counter(entry.package for entry in read_corpus(out))
    write_manifest(out, files[: max(0, read - len(programs))], roots, counts)
    return dict(counts)


class _Chosen:
    """What has a new digest, beside the rows that the file has."""

    def __init__(self, out: Path) -> None:
        self._seen: set[str] = set()
        self._impure: Counter[str] = Counter()
        for entry in read_corpus(out):
            tree = parse(entry.source)
            assert tree is not None
            self._keep(digest(tree) + "s" * ("olution" in entry.id), entry)

    def _keep(self, key: str, entry: Entry) -> None:
        self._seen |= {key, entry.id}
        self._impure[entry.package] += not entry.pure

    def of(self, found: Found) -> list[str]:
        """The lines of those that are new, within the limit of their package."""
        lines = []
        for key, entry in found:
            full = not entry.pure and self._impure[entry.package] >= IMPURE
            if self._seen.isdisjoint((key, entry.id)) and not full:
                self._keep(key, entry)
                lines.append(json.dumps(asdict(entry), ensure_ascii=False))
        return lines
