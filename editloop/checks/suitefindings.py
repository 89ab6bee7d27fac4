"""What failing tests of a suite say about the module under repair: findings."""

from __future__ import annotations

import re

from editloop.checks.pytestruns import PytestReport
from editloop.transcript import Finding


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
