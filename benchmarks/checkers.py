"""Our own checks of calls and attributes beside those of ty: time a file, findings in common.

    python benchmarks/checkers.py FOLDER [--files N] [--seed S] [--show]

Looks at files of a folder that parse and have at least one class or function, as a fix would: each
file is opened once and checked again after a change, which is what a candidate costs.
"""

from __future__ import annotations

import argparse
import ast
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from editloop.checks.checkers import CheckerError, named
from editloop.checks.kinds import kind_of
from editloop.checks.typecheck import Aim, type_check
from editloop.checks.uses import check_uses
from editloop.python.syntax import check_syntax
from editloop.sandbox import detect_level

OWN = {"E1101": "unknown attribute"}
"""All other rules of our own are about arguments."""
KINDS = ("unknown attribute", "wrong argument")


@dataclass(slots=True)
class Compared:
    """Of many files: seconds of each check, and findings as (file, line, kind)."""

    own_seconds: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    own: set[tuple[str, int, str]] = field(default_factory=set)
    other: set[tuple[str, int, str]] = field(default_factory=set)
    words: dict[tuple[str, int, str], str] = field(default_factory=dict)


def compare(path: Path, text: str, into: Compared) -> None:
    """Add what both say of one file."""
    started = time.perf_counter()
    mine = check_uses(text)
    into.own_seconds.append(time.perf_counter() - started)
    with type_check(named("ty"), path, text, detect_level().level, Aim()) as check:
        check.server.check(text + "\nA = 1\n")
        started = time.perf_counter()
        found = check.server.check(text + "\nA = 2\n")
        into.seconds.append(time.perf_counter() - started)
    for diagnostic in mine:
        key = (str(path), diagnostic.line, OWN.get(diagnostic.code, "wrong argument"))
        into.own.add(key)
        into.words[key] = diagnostic.message
    for diagnostic in found:
        kind = kind_of(diagnostic.code)
        if kind in KINDS and diagnostic.severity == 1:
            key = (str(path), diagnostic.line, kind)
            into.other.add(key)
            into.words.setdefault(key, f"{diagnostic.code}: {diagnostic.message}")


def files(folder: Path, most: int, seed: int) -> Iterator[tuple[Path, str]]:
    """A sample of files with something to check."""
    found = sorted(folder.rglob("*.py"))
    random.Random(seed).shuffle(found)
    for path in found:
        text = path.read_bytes().decode("utf-8", "replace")
        if most and check_syntax(text) is None and _has_definitions(text):
            most -= 1
            yield path, text


def _has_definitions(text: str) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) for node in ast.walk(ast.parse(text)))


def report(done: Compared, show: bool) -> None:
    """A table for docs/results.md."""
    common = {key for key in done.own if key in done.other}
    by_kind = Counter(kind for _, _, kind in done.other)
    print(f"{len(done.seconds)} files")
    print("| | ours | ty |\n|---|---|---|")
    for name, pick in (("median", statistics.median), ("slowest", max)):
        mine, other = (1000 * pick(s) for s in (done.own_seconds, done.seconds))
        print(f"| ms a candidate, {name} | {mine:.1f} | {other:.1f} |")
    for kind in KINDS:
        mine_of = sum(key[2] == kind for key in done.own)
        print(f"| {kind} | {mine_of} | {by_kind[kind]} |")
    print(f"| in common | {len(common)} | {len(common)} |")
    if show:
        for name, keys in (("ours alone", done.own - common), ("ty alone", done.other - common)):
            print(f"\n{name}")
            for key in sorted(keys):
                print(f"{key[0]}:{key[1] + 1}: {done.words[key]}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="list what only one of the two finds")
    options = parser.parse_args(argv)
    done = Compared()
    for path, text in files(options.folder, options.files, options.seed):
        try:
            compare(path, text, done)
        except (CheckerError, OSError) as error:
            print(f"{path}: {error}")
    report(done, options.show)


if __name__ == "__main__":
    main()
