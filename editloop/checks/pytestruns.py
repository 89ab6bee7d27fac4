"""The user's own pytest suite against a candidate: advisory, because tests and candidate share a
process.

Tests and conftest are the user's version. A pass needs exit code 0 and a word on every expected
test id, yet a candidate that sets out to cheat still can: show it to a person, never use it as a
reward.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from editloop.checks.suitetrace import SuiteTrace, Told, heard
from editloop.document.transcript import Finding
from editloop.sandbox.inner.show import CAP
from editloop.sandbox.suite import Suite, SuiteRun, run_suite


@dataclass(frozen=True, slots=True)
class PytestReport:
    """How the suite went. `outcomes`: (test id, "passed", "failed" or "skipped"); `problem`: one
    line, "" for a pass; `details`: (test id, pytest's own text) of tests that failed; `traces`: one
    for each test, and for each file that cannot be collected; `broken`: why nothing was collected
    from some file, one line, "" where there is no such file; `own`: that is the module's own fault;
    `stopped`: the tests that were to come first failed, so the others were left out.
    """

    status: Literal["pass", "fail", "error", "timeout", "cancelled"]
    expected: tuple[str, ...]
    outcomes: tuple[tuple[str, str], ...]
    problem: str
    text: str = ""
    details: tuple[tuple[str, str], ...] = ()
    traces: tuple[SuiteTrace, ...] = ()
    broken: str = ""
    own: bool = False
    stopped: bool = False


def collect_pytest(
    suite: Suite, *, wall_seconds: float = 60.0, cancel: threading.Event | None = None
) -> tuple[str, ...]:
    """Test ids of the user's version; () when nothing could be collected."""
    return heard(run_suite(suite, None, wall_seconds=wall_seconds, cancel=cancel).lines).ids


def run_pytest(
    suite: Suite,
    source: str,
    *,
    expected: Sequence[str] | None = None,
    wall_seconds: float = 60.0,
    traced: bool = False,
    cancel: threading.Event | None = None,
) -> PytestReport:
    """Run the tests with ``source`` in the place of the module, in a process of their own.

    `expected`: ids of the user's version, collected here when not given. Raises SandboxUnavailable
    at levels other than A and B, ValueError for a module outside the root.
    """
    if expected is None:
        expected = collect_pytest(suite, wall_seconds=wall_seconds, cancel=cancel)
    run = run_suite(suite, source, wall_seconds=wall_seconds, traced=traced, cancel=cancel)
    return judge(run, tuple(expected), suite.paths)


def judge(run: SuiteRun, expected: tuple[str, ...], files: Sequence[str] = ()) -> PytestReport:
    """The report on one run; everything that it told is untrusted.

    Where nobody knows what to expect, as the person's version cannot be imported, each of `files`
    has to have a test.
    """
    told = heard(run.lines)
    if not expected and all(any(_of(name, file) for name in told.ids) for file in files):
        expected = told.ids
    pairs = tuple(told.outcomes.items())
    text = "\n".join(told.texts)[:4000]
    traces = told.traces()
    if run.end == "cancelled":
        return PytestReport("cancelled", expected, pairs, "cancelled", text)
    if run.end in ("wall", "flood"):
        problem = "out of time" if run.end == "wall" else "too much output"
        return PytestReport("timeout", expected, pairs, problem, text, traces=traces)
    problem = _problem(expected, told, run)
    status: Literal["pass", "fail", "error"] = (
        "pass" if not problem else "fail" if told.code == 1 else "error"
    )
    text = text or run.errors[-CAP:]
    return PytestReport(
        status,
        expected,
        pairs,
        problem,
        text,
        tuple(told.details.items()),
        traces=traces,
        broken=_broken(told),
        own=bool(told.broken) and told.own >= set(told.broken),
        stopped=told.stopped,
    )


def _problem(expected: tuple[str, ...], told: Told, run: SuiteRun) -> str:
    outcomes = told.outcomes
    failed = [name for name in expected if outcomes.get(name) == "failed"]
    missing = [name for name in expected if name not in outcomes]
    if failed:
        return f"{len(failed)} of {len(expected)} tests failed, first {failed[0]}"[:CAP]
    if _broken(told):
        return _broken(told)
    if told.stopped:
        return "what failed before fails"
    if told.code == 5:
        return "no tests were collected"
    if told.code != 0 or run.status != 0:
        return f"pytest ended with exit code {told.code if told.code is not None else run.status}"
    if missing:
        return f"{len(missing)} tests did not run, first {missing[0]}"[:CAP]
    if not expected:
        return "no tests were collected"
    if not any(outcomes[name] == "passed" for name in expected):
        return "every test was skipped"
    return ""


def _of(name: str, file: str) -> bool:
    """Whether a test is of a file, or below a folder."""
    return name.startswith((f"{file}::", f"{file.rstrip('/')}/")) or file == "."


def _broken(told: Told) -> str:
    """Why something could not be collected, "" where everything could."""
    if told.missing:
        return told.missing
    for name in told.broken:
        at = told.at.get(name)
        where = f"{name or 'the tests'} cannot be collected"
        said = told.error(name).split("\n")[0] or "it raises"
        return f"{where}: {said}{f' ({at})' if at else ''}"[:CAP]
    return ""


def raised_at(text: str, module: str) -> int | None:
    """The deepest line (0-based) of a file in pytest's traceback, None where it is not there.

    ``module`` is the file's name.
    """
    lines = re.findall(rf"^(?:\S*[/\\])?{re.escape(module)}:(\d+): ", text, re.MULTILINE)
    return int(lines[-1]) - 1 if lines else None


def suite_findings(report: PytestReport, module: str) -> tuple[Finding, ...]:
    """One for each failed test, with pytest's own word on why where there is one."""
    details = dict(report.details)
    failed = [name for name, outcome in report.outcomes if outcome == "failed"]
    if not failed:
        said = _said(report.text)
        return (Finding(f"{report.problem} {said}".strip(), raised_at(report.text, module)),)
    frames = {trace.test: trace.frames for trace in report.traces}
    found = []
    for name in failed:
        text = details.get(name, "")
        line = frames[name][-1] if frames.get(name) else raised_at(text, module)
        found.append(Finding(f"{name} failed: {_said(text)}", line))
    return tuple(found)


def _said(text: str) -> str:
    """pytest's first line on what went wrong, "" where there is none."""
    found = re.search(r"^E\s+(.+)$", text, re.MULTILINE)
    return found[1] if found else ""
