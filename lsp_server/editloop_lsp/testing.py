"""Failing doctests and tests of a module, each with the line of the module that it is about.

Runs in the worker process; code of the module runs in the sandbox.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from editloop.checks.plans import plan_doctests
from editloop.checks.suites import SuiteCheck, find_suites, raised_at
from editloop.checks.testoutcome import NOT_RUN
from editloop.checks.testruns import run_plan
from editloop.checks.verify import outcome_findings
from editloop.document.text import Snapshot
from editloop.python.definitions import Definition, definitions
from editloop.sandbox import SandboxPool

_CPU_SECONDS, _WALL_SECONDS = 5.0, 20.0


def has_tests(text: str, path: str | None) -> bool:
    """Whether a module has doctests or test files."""
    return ">>>" in text or bool(path and find_suites(Path(path)))


def doctest_failures(text: str, pool: SandboxPool, cancel: threading.Event) -> list[dict[str, Any]]:
    """Objects with ``code``, ``message`` and ``line`` (0-based), that of the example."""
    plan = plan_doctests(text)
    if plan is None:
        return []
    outcomes = run_plan(
        pool,
        text,
        plan,
        cpu_seconds=_CPU_SECONDS,
        wall_seconds=_WALL_SECONDS,
        cancel=cancel,
    )
    examples = [example for group in plan.groups for example in group]
    return [
        {
            "code": "doctest",
            "message": outcome_findings([outcome])[0].text,
            "line": example.line - 1,
        }
        for example, outcome in zip(examples, outcomes, strict=True)
        if outcome.status != "pass" and outcome.got not in (NOT_RUN, "cancelled")
    ]


def suite_failures(
    text: str, module: str, check: SuiteCheck, cancel: threading.Event
) -> list[dict[str, Any]]:
    """Failures of a suite's tests; the line is where the module raised, else the tested function.

    ``module`` is the file's name.
    """
    report = check.report(text, cancel)
    if report.status in ("pass", "cancelled"):
        return []
    details = dict(report.details)
    failed = [name for name, outcome in report.outcomes if outcome == "failed"]
    places = definitions(Snapshot.from_text(text))
    found = []
    for name in failed:
        said = re.findall(r"^E\s+(.+)$", details.get(name, ""), re.MULTILINE)
        line = raised_at(details.get(name, ""), module)
        message = f"{name} failed" + (f": {said[0]}" if said else "")
        line = _tested_by(name, places) if line is None else line
        found.append({"code": "pytest", "message": message, "line": line})
    return found or [{"code": "pytest", "message": report.problem, "line": 0}]


def _tested_by(test: str, places: Sequence[Definition]) -> int:
    """The header of the function whose name is in the test's, the longest; else the first line."""
    name = test.rpartition("::")[2].lower()
    named = [d for d in places if (last := d.name.rpartition(".")[2].lower()) and last in name]
    return max(named, key=lambda d: len(d.name.rpartition(".")[2])).header if named else 0
