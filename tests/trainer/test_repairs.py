"""Episodes out of filled gaps: the smallest edit that passes, chains of edits, kills."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from editloop_trainer.repairs import RepairSettings, build_repairs, places
from editloop_trainer.tasks import as_test_functions
from killing import in_killed_process, kill_self

from editloop.model.backend import Gap, Prompt, Reply, Sampling
from editloop.model.infill import Place
from editloop.tasks import Task, write_tasks

BUGGY = "def span(xs):\n    low = min(xs)\n    high = min(xs)\n    return low - high\n"
ASSERTS = (
    "assert span([1, 4]) == 3",
    "assert span([2]) == 0",
    "assert span([5, 1, 9]) == 8",
)


class Filler:
    """A Model that fills gaps by a function of what stands before and after."""

    name = "filler"
    fills = heeds = judges = True
    points = False

    def __init__(self, fill: Callable[[str, str], str], killed_at: int = 0) -> None:
        self.fill, self.killed_at = fill, killed_at
        self.asked: list[Gap] = []

    def complete(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        cancel: threading.Event | None = None,
    ) -> list[list[Reply]]:
        found = []
        for prompt in prompts:
            assert isinstance(prompt, Gap)
            self.asked.append(prompt)
            if len(self.asked) == self.killed_at:
                kill_self()
            text = self.fill(prompt.before, prompt.after)
            found.append([Reply(text, -1.0, 5, True)] * sampling.n)
        return found

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event | None = None
    ) -> list[tuple[float, ...]]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def task(number: int = 1, asserts: Sequence[str] = ASSERTS) -> Task:
    tests, names = as_test_functions(asserts[:1])
    hidden, hidden_names = as_test_functions(asserts[1:], "hidden_")
    return Task(f"t/{number}", BUGGY, tests, names, hidden, hidden_names)


def at_the_return(before: str, after: str) -> str:
    """The right line and what stands behind it at one place, nonsense everywhere else."""
    if "# was: return low" not in before or before.endswith("return"):
        return "pass"
    return "return max(xs) - low\n    more = 1\n    return 7"


def test_the_edit_that_passes_becomes_an_episode(tmp_path: Path) -> None:
    out, tasks = tmp_path / "episodes.jsonl", tmp_path / "tasks.jsonl"
    unsolved = task(2, ("assert span([1]) == 'nothing gives this'",))
    write_tasks(tasks, [task(), unsolved])
    model = Filler(at_the_return)
    assert build_repairs(tasks, out, model, settings=RepairSettings(samples=1)) == (1, True)
    [row] = map(json.loads, out.read_text().splitlines())
    [turn] = row["turns"]
    assert (turn["first"], turn["stop"]) == (3, 4)
    assert turn["lines"] == ["    return max(xs) - low"]
    assert turn["source"] == BUGGY
    assert turn["failed"] == ["span([1, 4]) -> 0, expected 3"]
    assert row["fixed"].endswith("high = min(xs)\n    return max(xs) - low\n")
    assert "# fixed: span([1, 4]) -> 0, expected 3" in model.asked[0].before
    assert not any("expected 8" in asked.before for asked in model.asked), "hidden tests are told"


def test_edits_that_help_are_gone_on_from(tmp_path: Path) -> None:
    """Two faults: each repair passes one more test, both of them all."""
    right = {"return x + 1": "return x - 1", "return x * 3": "return x * 2"}

    def fill(before: str, after: str) -> str:
        if before.endswith("return"):  # the beginning of the line is kept
            return ""
        return next((new for old, new in right.items() if f"# was: {old}" in before), "pass")

    buggy = "def f(x):\n    if x < 0:\n        return x + 1\n    return x * 3\n"
    tests, names = as_test_functions(["assert f(-1) == -2", "assert f(2) == 4"])
    hidden, hidden_names = as_test_functions(["assert f(0) == 0", "assert f(-5) == -6"], "hidden_")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "episodes.jsonl"
    write_tasks(tasks, [Task("two", buggy, tests, names, hidden, hidden_names)])
    one = RepairSettings(samples=1, turns=1)
    assert build_repairs(tasks, tmp_path / "one.jsonl", Filler(fill), settings=one) == (0, True)
    model = Filler(fill)
    assert build_repairs(tasks, out, model, settings=RepairSettings(samples=1)) == (1, True)
    [row] = map(json.loads, out.read_text().splitlines())
    first, second = row["turns"]
    assert first["failed"] == ["f(-1) -> 0, expected -2", "f(2) -> 6, expected 4"]
    assert len(second["failed"]) == 1
    assert {*first["lines"], *second["lines"]} == {"        return x - 1", "    return x * 2"}
    assert row["fixed"] == buggy.replace("x + 1", "x - 1").replace("x * 3", "x * 2")


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    write_tasks(tasks, [task(number) for number in range(4)])
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    build_repairs(tasks, whole, Filler(at_the_return))
    in_killed_process(lambda: build_repairs(tasks, broken, Filler(at_the_return, killed_at=10)))
    assert build_repairs(tasks, broken, Filler(at_the_return))[1]
    assert broken.read_text() == whole.read_text()
    assert len(whole.read_text().splitlines()) == 4


def test_places_of_a_program() -> None:
    found = list(places(["a", "", "b = 1", "c"]))
    assert [place for place in found if place.head] == [Place(2, 3, "b =")]
    spans = [(place.first, place.stop) for place in found if not place.head]
    assert spans == [(0, 1), (2, 3), (3, 4), (2, 2), (3, 3), (4, 4), (2, 4)]
