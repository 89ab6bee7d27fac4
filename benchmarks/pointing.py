"""How often the right place comes first: by each signal alone, and by all together.

    python benchmarks/pointing.py CASES_FOLDER

A case is a folder with one module, its `test_*.py`, and `reference/` with the module as it should
be. A place is right where it is what the reference changes, or the insertion that it makes; of
several changes the best place counts.
"""

from __future__ import annotations

import argparse
import difflib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from editloop.checks.smells import smells
from editloop.checks.static import StaticChecker
from editloop.checks.suites import suite_check
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.verify import Verifier
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.document.transcript import Transcript, observe
from editloop.model.infill import Place
from editloop.repair.frontier import Node
from editloop.repair.places import PlaceWeights, line_scores, places
from editloop.repair.questions import likely_lines
from editloop.sandbox import Level, detect_level

AMONG = (1, 3, 5, 10, 20)
ALL = PlaceWeights()
NONE = replace(ALL, raised=0.0, spectrum=0.0, found=0.0, smells=0.0, prior=0.0)
ROWS = {
    "all": ALL,
    "frames": replace(NONE, raised=ALL.raised),
    "spectrum": replace(NONE, spectrum=ALL.spectrum),
    "findings": replace(NONE, found=ALL.found),
    "smells": replace(NONE, smells=ALL.smells),
    "prior": replace(NONE, prior=ALL.prior),
    "without frames": replace(ALL, raised=0.0),
    "without spectrum": replace(ALL, spectrum=0.0),
    "without prior": replace(ALL, prior=0.0),
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a broken module, and its right changes as (first, stop) of old lines."""

    lines: tuple[str, ...]
    traces: tuple[SuiteTrace, ...]
    found: tuple[int, ...]
    prior: tuple[int, ...]
    smelling: tuple[int, ...]
    changes: tuple[tuple[int, int], ...]


def read_cases(folder: Path) -> Iterator[Case]:
    """The cases of a folder that have tests and a reference, diagnosed in the sandbox."""
    level = detect_level().level
    with StaticChecker() as static:
        for case in sorted(path for path in folder.iterdir() if (path / "reference").is_dir()):
            tests = sorted(case.glob("test_*.py"))
            modules = [path for path in case.glob("*.py") if path not in tests]
            if len(modules) == 1 and tests:
                yield diagnosed(case, modules[0], tests, static, level)


def diagnosed(
    case: Path, module: Path, tests: Sequence[Path], static: StaticChecker, level: Level
) -> Case:
    """One case, by its tests in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(shutil.copy(module, name))
        suite, why = suite_check(copy, [Path(shutil.copy(test, name)) for test in tests], level)
        if suite is None:
            raise SystemExit(why)
        text = copy.read_text(encoding="utf-8")
        with closing(suite):
            verifier = Verifier(text, static=static, checks=[suite])
            verdict, traces = verifier.verify(text), verifier.traces(text)
    state = EditState.open(Snapshot.from_text(text))
    seen = Transcript((observe(state, verdict.findings),))
    node = Node(state, (), seen, verdict, 0.0, 0.0, 0)
    lines = text.split("\n")
    right = (case / "reference" / module.name).read_text(encoding="utf-8").split("\n")
    matcher = difflib.SequenceMatcher(None, lines, right, autojunk=False)
    changes = tuple((a, b) for tag, a, b, _, _ in matcher.get_opcodes() if tag != "equal")
    found = tuple(f.line for f in verdict.findings if f.line is not None)
    words = smells(text)
    smelling = tuple(i for i, line in enumerate(lines) if line in words)
    return Case(tuple(lines), traces, found, tuple(likely_lines(node)), smelling, changes)


def rank(case: Case, weights: PlaceWeights) -> int | None:
    """The number (from 1) of the first place that is right."""
    scores = line_scores(case.lines, case.traces, case.found, case.prior, case.smelling, weights)
    ordered = places(case.lines, scores, range(len(case.lines)), weights)
    for number, place in enumerate(ordered, 1):
        if any(is_right(place, change) for change in case.changes):
            return number
    return None


def is_right(place: Place, change: tuple[int, int]) -> bool:
    """Whether a place is a change's lines, with one more at most."""
    first, stop = change
    if first == stop:
        return place.inserts and place.first == first
    covers = place.first <= first and stop <= place.stop
    return covers and place.stop - place.first <= stop - first + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", type=Path)
    cases = list(read_cases(parser.parse_args().cases))
    print(f"{len(cases)} cases; the right place is among the first")
    print(f"{'':18}" + "".join(f"{n:5}" for n in AMONG))
    for name, weights in ROWS.items():
        ranks = [rank(case, weights) for case in cases]
        counts = [sum(r is not None and r <= n for r in ranks) for n in AMONG]
        print(f"{name:18}" + "".join(f"{count:5}" for count in counts))


if __name__ == "__main__":
    main()
