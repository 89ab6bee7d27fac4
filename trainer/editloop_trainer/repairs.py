"""Repairs by sampling: a code model fills gaps at every place of a faulty program until its tests
pass; the smallest edit that passes, or a chain of edits that each help, becomes an episode."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from editloop.checks.plans import TestPlan, plan_tests
from editloop.checks.verdict import CheckResult
from editloop.checks.verify import Limits, TestCheck
from editloop.model.backend import Model, Sampling
from editloop.model.infill import Place, begun, gap, head, written
from editloop.model.turns import TOLD
from editloop.tasks import Task, read_tasks
from editloop_trainer.faulty import edit_distance
from editloop_trainer.grading import Grader
from editloop_trainer.lessons import Turn
from editloop_trainer.pieces import parse, stable
from editloop_trainer.stream import Rows, append

_LIMITS = Limits(cpu_seconds=0.5, wall_seconds=10.0)


@dataclass(frozen=True, slots=True)
class RepairSettings:
    """A greedy answer at each line first; then ``samples`` at every place. ``batch`` places are
    asked together; an episode has at most ``turns`` edits."""

    seed: int = 0
    samples: int = 4
    temperature: float = 0.8
    max_tokens: int = 48
    batch: int = 8
    turns: int = 3


@dataclass(frozen=True, slots=True)
class _Candidate:
    source: str
    place: Place
    lines: tuple[str, ...]
    result: CheckResult


def build_repairs(
    tasks: Path,
    out: Path,
    model: Model,
    *,
    settings: RepairSettings = RepairSettings(),
    minutes: float | None = None,
) -> tuple[int, bool]:
    """Append an episode for each task that gets repaired; returns and keeps count as ``stream``.

    Visible and hidden tests judge, visible ones are told. Raises TaskError, StreamError,
    ModelError.
    """
    known = list(read_tasks(tasks))
    work = hashlib.sha256(tasks.read_bytes()).hexdigest()
    what = f"repairs {work} {model.name} {astuple(settings)}"

    def made(done: int) -> Generator[Rows, None, None]:
        with Grader() as grader, closing(model):
            for task in known[done:]:
                found = Repair(task, model, grader, settings).episode()
                rows = [] if found is None else [episode_row(task, model.name, *found)]
                yield {"episodes": [json.dumps(row, ensure_ascii=False) for row in rows]}

    digest = hashlib.sha256(what.encode()).hexdigest()
    return append("repairs", len(known), made, {"episodes": out}, what=digest, minutes=minutes)


def episode_row(task: Task, model: str, turns: Sequence[Turn], fixed: str) -> dict[str, Any]:
    """One object a program: each turn with what was seen, the place (0-based) and the text."""
    told = [
        {
            "source": turn.source,
            "failed": turn.failed,
            "first": turn.place.first,
            "stop": turn.place.stop,
            "lines": turn.lines,
        }
        for turn in turns
    ]
    return {"v": 1, "id": task.id, "model": model, "turns": told, "fixed": fixed}


def places(lines: Sequence[str]) -> Iterator[Place]:
    """A line to replace, its beginning kept or not; a line to insert before; two to replace."""
    full = [at for at, line in enumerate(lines) if line.strip()]
    for at in full:
        if kept := head(lines[at]):
            yield Place(at, at + 1, kept)
        yield Place(at, at + 1)
    yield from (Place(at, at) for at in [*full[1:], len(lines)])
    yield from (Place(at, at + 2) for at in full if at + 1 in full)


class Repair:
    """The search for one task's episode."""

    def __init__(self, task: Task, model: Model, grader: Grader, settings: RepairSettings) -> None:
        self._task, self._model, self._settings = task, model, settings
        self._visible = self._check(grader, plan_tests(task.tests, task.test_names, task.prelude))
        tests, names = task.tests, task.test_names
        if task.hidden_test_names:
            tests = f"{tests}\n\n{task.hidden_tests}"
            names = (*names, *task.hidden_test_names)
        self._all = self._check(grader, plan_tests(tests, names, task.prelude))
        self._seen: set[str] = set()

    def _check(self, grader: Grader, plan: TestPlan) -> TestCheck:
        return TestCheck("tests", plan, grader.pool, self._task.prelude, _LIMITS)

    def episode(self) -> tuple[list[Turn], str] | None:
        """The turns and the program that passes; None where none was found."""
        source, turns = self._task.buggy, list[Turn]()
        best = self._all.run(source, None).good
        while len(turns) < self._settings.turns:
            failed = tuple(f.text for f in self._visible.run(source, None).findings[:TOLD])
            found = self._edit(source, failed, best)
            if found is None:
                return None
            turns.append(Turn(source, failed, found.place, found.lines))
            source, best = found.source, found.result.good
            if found.result.passed:
                return turns, source
        return None

    def _edit(self, source: str, failed: Sequence[str], best: int) -> _Candidate | None:
        """The smallest edit that passes, else the smallest of those that help most.

        None where no edit helps. One helps that passes more tests while a visible one still fails,
        so that there is something to go on with.
        """
        helpful: list[_Candidate] = []
        for candidates in self._rounds(source, failed):
            passing = [one for one in candidates if one.result.passed]
            if passing:
                return min(passing, key=lambda one: edit_distance(source, one.source))
            helpful += [
                one
                for one in candidates
                if one.result.good > best and not self._visible.run(one.source, None).passed
            ]
        if not helpful:
            return None
        return min(helpful, key=lambda o: (-o.result.good, edit_distance(source, o.source)))

    def _rounds(self, source: str, failed: Sequence[str]) -> Iterator[list[_Candidate]]:
        s = self._settings
        lines = source.split("\n")[:-1] if source.endswith("\n") else source.split("\n")
        every = list(places(lines))
        single = [place for place in every if place.stop == place.first + 1]
        yield self._asked(lines, failed, single, Sampling(1, 0.0, s.max_tokens, statement=True))
        for start in range(0, len(every), s.batch):
            seed = stable(f"{s.seed} {self._task.id} {source} {start}") % 2**31
            sampling = Sampling(s.samples, s.temperature, s.max_tokens, seed=seed, statement=True)
            yield self._asked(lines, failed, every[start : start + s.batch], sampling)

    def _asked(
        self, lines: Sequence[str], failed: Sequence[str], at: Sequence[Place], sampling: Sampling
    ) -> list[_Candidate]:
        """What the tests say of each new program that replies at some places give."""
        told = failed if self._model.heeds else None
        gaps = [gap(lines, place, told) for place in at]
        found = []
        for place, asked, replies in zip(
            at, gaps, self._model.complete(gaps, sampling), strict=True
        ):
            for text in dict.fromkeys(reply.text for reply in replies):
                for new in _meanings(begun(asked), text):
                    source = _text([*lines[: place.first], *new, *lines[place.stop :]])
                    if source not in self._seen and parse(source) is not None:
                        self._seen.add(source)
                        result = self._all.run(source, None)
                        found.append(_Candidate(source, place, new, result))
        return found


def _meanings(before: str, text: str) -> Iterator[tuple[str, ...]]:
    """The lines of a reply, and its beginnings: a model writes on into what stands behind a gap."""
    whole = written(before, text)[0]
    return (whole[:length] for length in range(1, len(whole) + 1))


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
