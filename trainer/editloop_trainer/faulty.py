"""Faulty programs as a small model writes them: sampled for MBPP's training problems, kept when
they parse and fail its tests, with MBPP's reference as what they should have been."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from editloop.checks.plans import plan_tests
from editloop.checks.testoutcome import NOT_RUN, TestOutcome
from editloop.checks.testruns import run_plan
from editloop.model.backend import Model, Reply, Sampling
from editloop.tasks import Task, read_tasks, task_row
from editloop_trainer.exclude import digest
from editloop_trainer.grading import Grader
from editloop_trainer.pieces import parse, stable, tidy
from editloop_trainer.problems import (
    STOPS,
    Problem,
    Prompts,
    as_problem,
    defines,
    problems,
)
from editloop_trainer.stream import Rows, append
from editloop_trainer.tasks import as_test_functions

_ENDLESS_SHARE = 0.05
"""At most this share of the programs does not end."""
_LONGEST_TEST = 240
"""Characters; a longer assertion is never the one that a person sees."""
_CPU_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FaultySettings:
    """``samples`` programs of each of ``batch`` problems are decoded together; at most one of them
    is kept."""

    seed: int = 0
    temperature: float = 0.9
    max_tokens: int = 160
    batch: int = 8
    samples: int = 2


@dataclass(frozen=True, slots=True)
class _Judged:
    source: str
    kind: str
    outcomes: tuple[TestOutcome, ...]


def build_faulty(
    mbpp: Path,
    out: Path,
    models: Sequence[tuple[str, Callable[[], Model]]],
    *,
    settings: FaultySettings = FaultySettings(),
    rounds: int = 1,
    minutes: float | None = None,
) -> tuple[int, bool]:
    """Append tasks until every model was asked ``rounds`` times for every problem.

    ``models`` are names and what loads them. Returns and keeps count as ``stream``; more rounds go
    on from there. Raises JsonlError, StreamError, ModelError.
    """
    rows, size = problems(mbpp, settings.seed), settings.batch
    work = [rows[start : start + size] for start in range(0, len(rows), size)]
    items = [(at, number, rows) for number in range(rounds) for at in models for rows in work]
    names = [name for name, _ in models]
    what = f"faulty {names} {len(work)} {astuple(settings)}"

    def made(done: int) -> Generator[Rows, None, None]:
        with Grader() as grader:
            writer = _Writer(Prompts(mbpp), grader, settings, known(out))
            with closing(writer):
                for (name, load), number, rows in items[done:]:
                    tasks = writer.tasks(name, load, number, rows)
                    lines = [json.dumps(task_row(task), ensure_ascii=False) for task in tasks]
                    yield {"tasks": lines}

    digest_of = hashlib.sha256(what.encode()).hexdigest()
    return append("faulty", len(items), made, {"tasks": out}, what=digest_of, minutes=minutes)


def known(out: Path) -> list[Task]:
    """The tasks of a file, none where it is not there. Raises TaskError."""
    return list(read_tasks(out)) if out.exists() else []


class _Writer:
    """Asks and judges; holds one model at a time, and what was written so far."""

    def __init__(
        self, prompts: Prompts, grader: Grader, settings: FaultySettings, done: Sequence[Task]
    ) -> None:
        self._prompts, self._grader, self._settings = prompts, grader, settings
        self._seen = {_key(task) for task in done}
        self._kinds = Counter(dict(task.meta).get("kind", "") for task in done)
        self._problems: dict[int, Problem | None] = {}
        self._model: tuple[str, Model] | None = None

    def tasks(
        self, name: str, load: Callable[[], Model], number: int, rows: Sequence[dict[str, Any]]
    ) -> list[Task]:
        """The tasks of one batch of problems in round ``number``."""
        asked = [problem for row in rows if (problem := self._problem(row)) is not None]
        s = self._settings
        seed = stable(f"{s.seed}/{number}/{rows[0]['task_id']}") % 2**31
        sampling = Sampling(s.samples, s.temperature, s.max_tokens, STOPS, seed)
        replies = self._loaded(name, load).complete(
            [self._prompts.ask(problem) for problem in asked], sampling
        )
        found = [self._chosen(p, r, name) for p, r in zip(asked, replies, strict=True)]
        return [task for task in found if task is not None]

    def _problem(self, row: dict[str, Any]) -> Problem | None:
        if row["task_id"] not in self._problems:
            self._problems[row["task_id"]] = as_problem(row, self._grader)
        return self._problems[row["task_id"]]

    def _loaded(self, name: str, load: Callable[[], Model]) -> Model:
        if self._model is None or self._model[0] != name:
            self.close()
            self._model = name, load()
        return self._model[1]

    def _chosen(self, problem: Problem, replies: Sequence[Reply], model: str) -> Task | None:
        """Of the programs that fail the one whose kind of failure is rarest so far."""
        reference = parse(problem.reference)
        same = digest(reference) if reference is not None else ""
        sources: dict[str, str] = {}
        for reply in replies:
            source = tidy(reply.text)
            tree = parse(source) if reply.finished else None
            if tree is not None and defines(tree, problem.name):
                sources.setdefault(digest(tree), source)
        fresh = [
            source
            for key, source in sources.items()
            if key != same and (problem.number, key) not in self._seen
        ]
        judged = [judge(problem, source, self._grader) for source in fresh]
        faulty = [one for one in judged if one is not None and not self._too_many(one.kind)]
        made = [(one, task_of(problem, one, model)) for one in faulty]
        fit = [(self._kinds[one.kind], task) for one, task in made if task is not None]
        if not fit:
            return None
        task = min(fit, key=lambda pair: pair[0])[1]
        self._seen.add(_key(task))
        self._kinds[dict(task.meta)["kind"]] += 1
        return task

    def _too_many(self, kind: str) -> bool:
        rows = sum(self._kinds.values()) + 1
        return kind == "endless" and self._kinds[kind] + 1 > max(1, _ENDLESS_SHARE * rows)

    def close(self) -> None:
        if self._model is not None:
            self._model[1].close()
            self._model = None


def _key(task: Task) -> tuple[int, str]:
    """What makes two programs for one problem the same."""
    tree = parse(task.buggy)
    assert tree is not None, "what does not parse is not kept"
    return int(task.id.split("/")[1]), digest(tree)


def judge(problem: Problem, source: str, grader: Grader) -> _Judged | None:
    """How a program fails; None where it passes everything.

    Kinds: "endless", "raises", "partly" (some of the problem's asserts hold), "wrong".
    """
    plan = plan_tests(*as_test_functions([*problem.asserts, *problem.extra]))
    outcomes = run_plan(grader.pool, source, plan, cpu_seconds=_CPU_SECONDS, wall_seconds=20)
    if all(outcome.status == "pass" for outcome in outcomes):
        return None
    first = outcomes[: len(problem.asserts)]
    if any(outcome.status == "timeout" for outcome in outcomes):
        kind = "endless"
    elif any(outcome.status == "pass" for outcome in first):
        kind = "partly"
    elif any(outcome.status == "error" and outcome.got != NOT_RUN for outcome in first):
        kind = "raises"
    else:
        kind = "wrong"
    return _Judged(source, kind, outcomes)


def task_of(problem: Problem, judged: _Judged, model: str) -> Task | None:
    """The task of a program: the first test that fails is visible, the others are hidden.

    None where no test that fails is short enough to be shown.
    """
    tests = [*problem.asserts, *problem.extra]
    failing = (
        at
        for at, (text, outcome) in enumerate(zip(tests, judged.outcomes, strict=True))
        if outcome.status != "pass" and outcome.got != NOT_RUN and len(text) <= _LONGEST_TEST
    )
    shown = next(failing, None)
    if shown is None:
        return None
    source, names = as_test_functions([tests.pop(shown)])
    hidden, hidden_names = as_test_functions(tests, "hidden_")
    mark = hashlib.sha256(judged.source.encode()).hexdigest()[:6]
    return Task(
        f"mbpp-faulty/{problem.number}/{model}/{mark}",
        judged.source,
        source,
        names,
        hidden,
        hidden_names,
        fixed=problem.reference,
        meta=(("kind", judged.kind), ("model", model), ("text", problem.text)),
    )


def edit_distance(a: str, b: str) -> int:
    """Characters to insert, delete or replace between two texts."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
    return row[-1]
