"""What a worker is told to fix: a target, with a document's text, its settings, and what the person
has agreed to, as a job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from editloop.checks.checkers import checker_of
from editloop.models import NO_MODEL
from lsp_server.cells import NOTE, as_python
from lsp_server.configuration import Configuration
from lsp_server.consent import Consent
from lsp_server.documents import Documents
from lsp_server.settings import Settings
from lsp_server.targets import Target
from lsp_server.text import Text
from lsp_server.trust import Trust
from lsp_server.wire import FixJob

TEST_CODES = ("doctest", "pytest")
"""Codes of our own diagnostics that tell of failing tests."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Asks for settings and for consent where that is needed."""

    documents: Documents
    configuration: Configuration
    trust: Trust
    consent: Consent

    async def job(self, target: Target, text: Text) -> tuple[FixJob, str, str]:
        """(job, what is not checked and why, why a model's server gets nothing), "" for neither."""
        settings = await self.configuration.of(text.uri)
        level, why = await self.trust.level(text.uri, settings)
        failing = self.documents.failing_lines(text.uri)
        job = fix_job(target, text, failing, settings, level)
        refusal = await self.consent.refusal(job.server)
        if refusal:
            job = replace(job, server="", model=NO_MODEL)
        return job, NOTE if text.cell else why, refusal


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
