"""What a worker is told to fix: a target, with a document's text and settings, as a job."""

from __future__ import annotations

from collections.abc import Sequence

from editloop.checks.checkers import checker_of
from lsp_server.cells import NOTE, as_python
from lsp_server.documents import Text
from lsp_server.settings import Settings
from lsp_server.targets import Target
from lsp_server.wire import FixJob

TEST_CODES = ("doctest", "pytest")
"""Codes of our own diagnostics that tell of failing tests."""


def fix_job(
    target: Target, text: Text, failing: Sequence[int], settings: Settings, level: str | None
) -> FixJob:
    """The job of one search; places past the end of the document are moved to its end.

    ``failing``: the lines that failing tests are about.
    """
    last = max(len(text.lines) - 1, 0)
    line: int | None = None
    lines: tuple[int, int] | None = None
    match target.kind:
        case "diagnostic" | "function":
            line = min(target.place[0], last)
        case "tests":
            near = [min(number, last) for number in failing]
            line = min(near, key=lambda number: abs(number - target.place[0]), default=None)
        case "selection":
            first, stop = target.lines
            lines = min(first, last), min(stop, last + 1)
    if not text.lines:
        line = lines = None
    return FixJob(
        name=text.name,
        text=(as_python(text.text) or "") if text.cell else text.text,
        path=str(text.path) if text.path else None,
        line=line,
        narrow=target.kind in ("diagnostic", "selection", "function", "all"),
        asked=target.code if target.kind == "diagnostic" else "",
        checker=target.source if checker_of(target.source) else "",
        lines=lines,
        budget=settings.budget,
        alternatives=settings.alternatives + 1,
        model=settings.model,
        server=settings.server,
        static=settings.check_static and not text.cell,
        tests=(settings.check_tests and target.kind != "run") or target.kind == "tests",
        tests_may_fail=target.kind == "diagnostic" and target.code not in TEST_CODES,
        level=None if text.cell else level,
        traceback=target.traceback,
        run=target.command,
    )


def note(text: Text, why_no_code: str) -> str:
    """What was not checked, "" where nothing was left out."""
    return NOTE if text.cell else why_no_code
