"""The user's own pytest suite against a candidate: advisory, because tests and candidate share a
process.

Tests and conftest are the user's version. A pass needs exit code 0 and a word on every expected
test id, yet a candidate that sets out to cheat still can: show it to a person, never use it as a
reward.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from editloop.checks.suitetrace import SuiteTrace, Told, heard
from editloop.sandbox.inner.show import CAP
from editloop.sandbox.level import Level
from editloop.sandbox.suite import SuiteRun, run_suite

__all__ = ["PytestReport", "SuiteTrace", "collect_pytest", "judge", "run_pytest"]


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
    advisory: bool = True
    traces: tuple[SuiteTrace, ...] = ()
    broken: str = ""
    own: bool = False
    stopped: bool = False


def collect_pytest(
    paths: Sequence[str],
    project_root: Path,
    *,
    level: Level,
    python: str | None = None,
    site: tuple[str, ...] = (),
    wall_seconds: float = 60.0,
    cancel: threading.Event | None = None,
) -> tuple[str, ...]:
    """Test ids of the user's version; () when nothing could be collected."""
    run = run_suite(
        ["--collect-only", *paths],
        project_root.resolve(),
        {},
        level=level,
        python=python,
        site=site,
        wall_seconds=wall_seconds,
        cancel=cancel,
    )
    return heard(run.lines).ids


def run_pytest(
    paths: Sequence[str],
    module_path: Path,
    candidate_source: str,
    project_root: Path,
    *,
    level: Level,
    expected: Sequence[str] | None = None,
    python: str | None = None,
    site: tuple[str, ...] = (),
    wall_seconds: float = 60.0,
    traced: bool = False,
    cancel: threading.Event | None = None,
) -> PytestReport:
    """Run the tests in `paths` (relative to the root) with the candidate in place of `module_path`.

    `expected`: ids of the user's version, collected here when not given. `python`: the user's
    interpreter, with pytest. Raises SandboxUnavailable at levels other than A and B, ValueError for
    a module outside the root.
    """
    root, module = project_root.resolve(), module_path.resolve()
    if not module.is_relative_to(root):
        raise ValueError("the module is not inside the project")
    if expected is None:
        expected = collect_pytest(
            paths,
            root,
            level=level,
            python=python,
            site=site,
            wall_seconds=wall_seconds,
            cancel=cancel,
        )
    wanted = tuple(expected)
    run = run_suite(
        list(paths),
        root,
        {module: candidate_source},
        level=level,
        python=python,
        site=site,
        wall_seconds=wall_seconds,
        module=module,
        traced=traced,
        cancel=cancel,
    )
    return judge(run, wanted, paths)


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
