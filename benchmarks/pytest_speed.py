"""Candidates a second with a person's pytest suite: in a fresh process each, and in forks.

    python benchmarks/pytest_speed.py [--seconds 5] [MODULE:TEST_FILE ...]

Both ways take turns in one run, so that a busy machine slows both. The small suites and the larger
one are made here; further ones can be named. What a process costs to start and to have the imports
at hand, about two fresh runs, is not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from editloop.checks.project import project_root
from editloop.checks.pytestruns import run_pytest
from editloop.checks.suites import find_python
from editloop.checks.warmruns import WarmRuns
from editloop.sandbox import Level, detect_level
from editloop.sandbox.suite import Suite

TURNS = 5

AREA = """
def area(width, height):
    return width + height


def perimeter(width, height):
    return 2 * (width + height)
"""
AREA_TESTS = """
from area import area, perimeter

def test_area():
    assert area(2, 3) == 6

def test_perimeter():
    assert perimeter(2, 3) == 10
"""
STATS = """
import statistics
from dataclasses import dataclass


@dataclass
class Series:
    name: str
    values: list


def mean(series):
    return statistics.fmean(series.values[1:])


def spread(series):
    return max(series.values) - min(series.values)
"""
STATS_TESTS = """
import json
import pytest
from stats import Series, mean, spread

@pytest.fixture
def series(tmp_path):
    file = tmp_path / "series.json"
    file.write_text(json.dumps([2, 4, 9]))
    return Series("a", json.loads(file.read_text()))

def test_mean(series):
    assert mean(series) == 5

def test_spread(series):
    assert spread(series) == 7

@pytest.mark.parametrize("values", [[1, 1], [3, 5, 4], [0, 8, 1]])
def test_mean_is_inside(values):
    assert min(values) <= mean(Series("b", values)) <= max(values)
"""
WORDS = """
import re
from collections import Counter


def words(text):
    return re.findall(r"[a-z]+", text)


def common(text, n=3):
    return [word for word, _ in Counter(words(text)).most_common(n)]
"""
WORDS_TESTS = """
import unittest
from words import common, words

class TestWords(unittest.TestCase):
    def test_case_is_ignored(self):
        self.assertEqual(words("The the"), ["the", "the"])

    def test_common(self):
        self.assertEqual(common("a b b c c c"), ["c", "b", "a"])
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A module and the test files that judge it."""

    name: str
    module: Path
    tests: tuple[Path, ...]


def small(folder: Path) -> Iterator[Case]:
    """Suites of two to five tests."""
    made = (
        ("area", AREA, AREA_TESTS),
        ("stats", STATS, STATS_TESTS),
        ("words", WORDS, WORDS_TESTS),
    )
    for name, module, tests in made:
        root = folder / name
        root.mkdir()
        (root / "pyproject.toml").write_text("")
        (root / f"{name}.py").write_text(module)
        (root / f"test_{name}.py").write_text(tests)
        yield Case(name, root / f"{name}.py", (root / f"test_{name}.py",))


def larger(folder: Path, modules: int = 12, tests: int = 10) -> Case:
    """A package with a conftest, whose modules use the one under repair."""
    root = folder / "larger"
    package = root / "shop"
    package.mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    (root / "tests").mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("def scale(x, by):\n    return x + by\n")
    (root / "tests" / "conftest.py").write_text(
        "import decimal, http.client, sqlite3, xml.dom.minidom\nimport pytest\n\n"
        "@pytest.fixture\ndef rate():\n    return decimal.Decimal(2)\n"
    )
    files = []
    for n in range(modules):
        (package / f"part{n}.py").write_text(
            f"from shop.base import scale\n\ndef price(x):\n    return scale(x, {n}) + {n}\n"
        )
        cases = "".join(
            f"\ndef test_{t}(rate):\n    assert price({t}) == {t} * {n} + {n}\n    assert rate\n"
            for t in range(tests)
        )
        file = root / "tests" / f"test_part{n}.py"
        file.write_text(f"from shop.part{n} import price\n{cases}")
        files.append(file)
    return Case(f"larger ({modules * tests} tests)", package / "base.py", tuple(files))


def rates(case: Case, level: Level, seconds: float) -> tuple[float, float]:
    """Candidates a second: fresh and in forks."""
    root = project_root(case.module)
    python = find_python(root)
    assert python is not None, "no interpreter with pytest"
    paths = tuple(str(path.relative_to(root)) for path in case.tests)
    suite = Suite(paths, case.module, root, level, python)
    warm = WarmRuns(suite)
    original = case.module.read_text()
    own = warm.own(None)
    failing = [name for name, told in own.outcomes if told == "failed"][:16]

    def fresh(source: str) -> None:
        report = run_pytest(suite, source, expected=own.expected)
        assert report.status == "fail", report

    def forked(source: str) -> None:
        report = warm.report(source, None, first=failing)
        assert report.status == "fail", report

    done: dict[Callable[[str], None], int] = {fresh: 0, forked: 0}
    spent = dict.fromkeys(done, 0.0)
    try:
        for _ in range(TURNS):
            for way in done:
                spent[way] += _turn(way, original, done, seconds / TURNS)
    finally:
        warm.close()
    return done[fresh] / spent[fresh], done[forked] / spent[forked]


def _turn(
    way: Callable[[str], None],
    original: str,
    done: dict[Callable[[str], None], int],
    seconds: float,
) -> float:
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        done[way] += 1
        way(f"{original}\n# candidate {done[way]}\n")
    return time.monotonic() - started


def main() -> None:
    """Print a line for each suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each way and suite")
    parser.add_argument("named", nargs="*", metavar="MODULE:TEST_FILE")
    options = parser.parse_args()
    level = detect_level().level
    print(f"level {level.name}; candidates a second, none of which passes")
    print(f"{'suite':24} {'fresh':>8} {'forked':>8} {'times':>7}")
    with tempfile.TemporaryDirectory(dir=Path.home()) as name:
        cases = [*small(Path(name)), larger(Path(name))]
        for text in options.named:
            module, _, tests = text.partition(":")
            cases.append(Case(Path(module).stem, Path(module).resolve(), (Path(tests).resolve(),)))
        for case in cases:
            before, after = rates(case, level, options.seconds)
            print(f"{case.name:24} {before:8.2f} {after:8.2f} {after / before:7.1f}", flush=True)


if __name__ == "__main__":
    main()
