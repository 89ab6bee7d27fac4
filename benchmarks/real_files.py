"""Real files: modules of the standard library with one seeded fault, repaired by `editloop fix`.

Run: python benchmarks/real_files.py [--editloop .venv/bin/editloop] [--seed 0] [--keep FOLDER]

The fault is the first one, counted from the seed, that lies in a function with doctests and that
the checks notice; whether it can be repaired plays no part in it. Exit 1 when one is not fixed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from editloop_trainer.corruptions import corrupt
from rich.console import Console
from rich.table import Table

from editloop.document.text import Snapshot
from editloop.python.definitions import definitions

MODULES = ("fractions", "statistics", "difflib")
TRIES = 200


def documented_lines(source: str) -> set[int]:
    """Lines (0-based) of top-level functions and classes that have examples."""
    document = Snapshot.from_text(source)
    texts = [line.text for line in document.lines]
    found: set[int] = set()
    for definition in definitions(document):
        inside = range(definition.start, definition.stop)
        if "." not in definition.name and any(">>>" in texts[i] for i in inside):
            found.update(inside)
    return found


def faulty(source: str, seed: str) -> str | None:
    """The source with one fault in a documented function, None where the seed gives none."""
    made = corrupt(source, Random(seed))
    if made is None:
        return None
    old, new = source.split("\n"), made.source.split("\n")
    at = next(i for i in range(len(old)) if i >= len(new) or old[i] != new[i])
    return made.source if at in documented_lines(source) else None


def repair(command: list[str], name: str, seed: int, budget: float, folder: Path) -> dict[str, Any]:
    """The answer of `editloop fix --json` on the first fault that it notices."""
    source = Path(sysconfig.get_paths()["stdlib"], f"{name}.py").read_text(encoding="utf-8")
    path = folder / f"{name}_copy.py"
    for number in range(seed, seed + TRIES):
        text = faulty(source, f"{name}/{number}")
        if text is None:
            continue
        path.write_text(text, encoding="utf-8")
        arguments = [*command, "fix", str(path), "--json", "--budget", str(budget)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode == 2:
            raise SystemExit(done.stderr)
        row: dict[str, Any] = json.loads(done.stdout)
        if row["status"] != "nothing wrong":
            return {**row, "lines": source.count("\n"), "number": number}
    raise SystemExit(f"{name}: no fault in {TRIES} tries is noticed by its doctests")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--editloop", default=f"{sys.executable} -m editloop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=30.0)
    parser.add_argument("--keep", type=Path, help="leave the faulty files in this folder")
    options = parser.parse_args()
    table = Table("file", "lines", "fault", "status", "candidates", "seconds", "commands")
    fixed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        for name in MODULES:
            row = repair(options.editloop.split(), name, options.seed, options.budget, folder)
            fixed += row["status"] == "fixed"
            cells = [row["lines"], row["number"], row["status"], row["candidates"], row["seconds"]]
            table.add_row(f"{name}.py", *map(str, cells), "\n".join(row["commands"]))
    Console(width=140).print(table)
    return 0 if fixed == len(MODULES) else 1


if __name__ == "__main__":
    raise SystemExit(main())
