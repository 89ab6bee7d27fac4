"""What failing tests of a suite say about the module under repair: findings, and where to look."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from editloop.checks.pytestruns import PytestReport
from editloop.checks.suitetrace import SuiteTrace
from editloop.transcript import Finding


def suspect_line(traces: Sequence[SuiteTrace]) -> int | None:
    """Where failing tests point to, 0-based; None where nothing fails in the module.

    Where one raised in the module; else the line that failing tests run and passing ones do not,
    or least often.
    """
    failing = [trace for trace in traces if not trace.passed]
    for trace in failing:
        if trace.frames:
            return trace.frames[-1]
    run = Counter(line for trace in failing for line in trace.lines)
    also = Counter(line for trace in traces if trace.passed for line in trace.lines)
    return min(run, key=lambda line: (also[line] / run[line], -run[line], line), default=None)


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
