from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from editloop.bench import TaskResult
from editloop.checks.static import StaticChecker
from editloop.tasks import Task

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.compare import rows
from benchmarks.failures import hunks_beyond, kind_of, table

FIXED = "def f(a, b):\n    c = a + b\n    d = c * 2\n    return d\n"
KINDS = {
    "parses: one line, a move makes it": FIXED.replace("+", "-"),
    "parses: one line, no move makes it": FIXED.replace("a + b", "zip(a)[3:][b] or 17"),
    "parses: 2 lines": FIXED.replace("+", "-").replace("2", "3"),
    "does not parse: one line, a move makes it": FIXED.replace("):", ")"),
    "does not parse: 3 or more lines, one step": FIXED.replace("\n    ", "\n"),
    "fix unknown": "x = 1\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_tasks(kind: str) -> None:
    fixed = None if kind == "fix unknown" else FIXED
    with StaticChecker() as static:
        assert kind_of(Task("t", KINDS[kind], fixed=fixed), static) == kind


@pytest.mark.parametrize(
    ("buggy", "beyond"),
    [
        (FIXED.replace("+", "-").replace("return d", "return c"), 0),
        (FIXED.replace("a + b", "zip(a)[3:][b] or 17").replace("return d", "return c"), 1),
        (FIXED.replace("a + b", "zip(a)[3:][b] or 17").replace("return d", "g(a, d) or h(b)"), 2),
    ],
)
def test_hunks_are_tried_one_by_one(buggy: str, beyond: int) -> None:
    with StaticChecker() as static:
        assert hunks_beyond(Task("t", buggy, fixed=FIXED), static) == beyond


def test_the_table_counts_every_run_and_what_tests_let_pass() -> None:
    before = {"a": TaskResult("a", True, False), "b": TaskResult("b"), "c": TaskResult("c")}
    after = {**before, "b": TaskResult("b", True)}
    rows = list(table({"a": "x", "b": "x", "c": "y"}, {"before": before, "after": after}))
    assert rows == [
        ("x", "2", "1", "2"),
        ("y", "1", "0", "0"),
        ("all", "3", "1", "2"),
        ("visible tests pass, hidden tests fail", "", "1", "1"),
    ]


def test_runs_stand_side_by_side() -> None:
    first = [TaskResult(n, True, None, 2.0, 2) for n in "abcdef"]
    first[1] = replace(first[1], candidates=1)
    second = [replace(r, solved=r.id == "a", candidates=8, seconds=12.0) for r in first]
    shown = {name: cells for name, *cells in rows([first, second], 10.0)}
    assert shown["solved, visible tests"] == ["6 of 6", "1 of 6"]
    assert shown["within 10 s"] == ["6", "0"]
    assert shown["by the first candidate"] == ["1", "0"]
    assert shown["median of candidates / the second's"] == ["0.250"]
    assert shown["solved by the first alone, by this one alone, p"] == ["", "5, 0, 0.062"]
