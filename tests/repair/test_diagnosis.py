"""What is known of a document is asked once: the real ruff and the real sandbox are counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from editloop_lsp.wire import FixJob
from editloop_lsp.workbench import Workbench

from editloop.budget import Budget
from editloop.checks.diagnostic import Diagnostic
from editloop.checks.doctests import doctest_checks
from editloop.checks.static import StaticChecker
from editloop.checks.testdoc import cut
from editloop.document.text import Snapshot
from editloop.prior import PriorPolicy, shipped
from editloop.repair.diagnosis import diagnose
from editloop.repair.fix import Request, Tools, fix
from editloop.sandbox import Level, SandboxPool, detect_level
from editloop.sandbox.job import Answers, Job

MEAN = '''def mean(values):
    """
    >>> mean([1, 2, 3])
    2.0
    """
    return sum(values) * len(values)
'''
PAD = (
    'def pad{0}(x):\n    """\n    >>> pad{0}(1)\n    {0}\n    """\n    y = x * {0}\n    return y\n'
)
OTHERS = "\n\n".join(PAD.format(i) for i in range(14))


class Ruff(StaticChecker):
    """ruff, and the texts that it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def check(self, source: str, stop: threading.Event | None = None) -> tuple[Diagnostic, ...]:
        self.asked.append(source)
        return super().check(source, stop)


class Sandbox(SandboxPool):
    """A sandbox, and what it was asked of each text: examples, or the items of tests."""

    def __init__(self, level: Level) -> None:
        super().__init__(1, level)
        self.asked: list[tuple[str, Any]] = []

    def run(self, job: Job, cancel: threading.Event | None = None) -> Answers:
        message = job.message
        parts = [part for group in message.get("groups", ()) for part in group]
        for part in parts or message["items"]:
            self.asked.append((message["source"], str(part)))
        return super().run(job, cancel)

    def about(self, text: str) -> Counter[str]:
        """How often each question was asked of a text."""
        return Counter(asked for source, asked in self.asked if source in (text, cut(text)))


@pytest.fixture
def ruff() -> Iterator[Ruff]:
    with Ruff() as checker:
        yield checker


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(detect_level().level) as pool:
        yield pool


def asked_once(ruff: Ruff, sandbox: Sandbox, text: str, examples: int) -> None:
    assert ruff.asked.count(text) == 1
    assert set(sandbox.about(text).values()) == {1}
    assert len(sandbox.about(text)) == examples


@pytest.mark.parametrize("place", [{}, {"line": 5}, {"function": "mean"}, {"lines": range(6)}])
@pytest.mark.parametrize(
    ("text", "tests", "questions"),
    [
        (MEAN, (), 1),
        (MEAN, ("mean([4, 6]) == 5", "mean([3]) == 3"), 3),
        (f"{MEAN}\n\n{OTHERS}", (), 15),
        (f"{MEAN}\n\n{OTHERS}".replace("sum(", "smu("), (), 15),
    ],
)
def test_nothing_is_asked_twice_of_the_document(
    ruff: Ruff,
    sandbox: Sandbox,
    place: dict[str, Any],
    text: str,
    tests: tuple[str, ...],
    questions: int,
) -> None:
    request = Request(Snapshot.from_text(text), tests=tests, budget=Budget(60.0), **place)
    done = fix(request, PriorPolicy(shipped()), Tools(ruff, sandbox))
    assert done.status == "fixed"
    asked_once(ruff, sandbox, text, questions)


@pytest.mark.parametrize(
    "place",
    [
        {"line": 5, "narrow": True},
        {"line": 6, "narrow": True, "asked": "F841"},
        {"lines": (0, 7), "narrow": True},
    ],
)
def test_nothing_is_asked_twice_for_an_editor(
    ruff: Ruff, sandbox: Sandbox, place: dict[str, Any]
) -> None:
    text = f"{MEAN}\n\n{OTHERS}".replace("return sum", "left = 1\n    return sum")
    bench = Workbench(lambda event: None)
    bench._static, bench._pools = ruff, {sandbox.level: sandbox}
    job = FixJob("m.py", text, level=sandbox.level.name, model="none", budget=60.0, **place)
    assert bench.fix(job, threading.Event(), lambda now: None).status == "fixed"
    asked_once(ruff, sandbox, text, 15)


COUNTS = '''made = []


def first():
    """
    >>> first()
    1
    """
    made.append(1)
    return len(made)


def second():
    """
    >>> second()
    1
    """
    made.append(1)
    return len(made)
'''


def test_what_fails_beside_others_is_run_by_itself(sandbox: Sandbox) -> None:
    """A candidate's examples are run without the others, so the document's have to be."""
    document = Snapshot.from_text(COUNTS)
    found = diagnose(document, None, sandbox).examples
    assert [one.passes for one in found] == [True, False]
    checks = doctest_checks(document, found, set(range(12, 19)), sandbox, line=12).known
    assert [check.run(COUNTS, None).passed for check in checks] == [True, True]


def test_examples_after_one_that_ends_the_process_are_not_run_for_a_candidate_either(
    sandbox: Sandbox,
) -> None:
    ends = MEAN.replace("return", "import os\n    os._exit(3)\n    return")
    text = f"{ends}\n\n{PAD.format(1)}"
    document = Snapshot.from_text(text)
    found = diagnose(document, None, sandbox).examples
    assert [one.passes for one in found] == [False, True]
    [check] = doctest_checks(document, found, set(range(99)), sandbox).known
    before, again = check.run(text, None), check.run(f"{text}\n", None)
    assert (before.good, before.total) == (0, 2)
    assert (again.good, again.findings) == (before.good, before.findings)
