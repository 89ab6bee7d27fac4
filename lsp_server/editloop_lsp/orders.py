"""What a worker is told to fix: a target, with a document's text, its settings, and what the person
has agreed to, as a job.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from editloop.budget import SECONDS
from editloop.checks.checkers import checker_of
from editloop.model.store import NO_MODEL, default_seconds
from editloop_lsp.cells import NOTE, as_python
from editloop_lsp.configuration import Configuration
from editloop_lsp.consent import Consent
from editloop_lsp.documents import Documents
from editloop_lsp.settings import Settings
from editloop_lsp.targets import Target
from editloop_lsp.text import Text
from editloop_lsp.trust import Trust
from editloop_lsp.wire import FixJob

TEST_CODES = ("doctest", "pytest")
"""Codes of our own diagnostics that tell of failing tests."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Makes jobs; the client and the person are asked for settings and consent where needed."""

    documents: Documents
    configuration: Configuration
    trust: Trust
    consent: Consent

    async def job(self, target: Target, text: Text) -> tuple[FixJob, str, str]:
        """(job, what is not checked and why, why a model's server gets nothing), "" for neither."""
        settings = await self.configuration.of(text.uri)
        level, why = await self.trust.level(text.uri, settings)
        line, lines = _place(target, text, self.documents.failing_lines(text.uri))
        refusal = await self.consent.refusal(settings.server)
        checker = target.source if checker_of(target.source) else ""
        job = FixJob(
            name=text.name,
            text=(as_python(text.text) or "") if text.cell else text.text,
            path=text.file,
            line=line,
            narrow=target.kind in ("diagnostic", "selection", "function", "all"),
            asked=target.code if target.kind == "diagnostic" else "",
            checker=checker,
            importers=importers(self.documents, text) if checker else {},
            lines=lines,
            budget=seconds_of(settings, target, refused=bool(refusal)),
            alternatives=settings.alternatives + 1,
            model=NO_MODEL if refusal else settings.model,
            server="" if refusal else settings.server,
            static=settings.check_static and not text.cell,
            tests=(settings.check_tests and target.kind != "run") or target.kind == "tests",
            tests_may_fail=target.kind == "diagnostic" and target.code not in TEST_CODES,
            level=None if text.cell else level,
            traceback=target.traceback,
            run=target.command,
        )
        return job, NOTE if text.cell else why, refusal


def seconds_of(settings: Settings, target: Target, *, refused: bool) -> float:
    """How long one fix may take; where all is fixed, which are many, moves have to do."""
    if settings.budget or refused or target.kind == "all":
        return settings.budget or SECONDS
    return default_seconds(settings.model or None, settings.server or None)


def importers(documents: Documents, text: Text) -> dict[str, str]:
    """The texts of open files, by path, with an import that has the module's name in it."""
    if text.path is None:
        return {}
    name = text.path.parent.name if text.path.stem == "__init__" else text.path.stem
    head = r"^[ \t]*(?:from|import)\b.*"
    imports = re.compile(rf"{head}(?:\([^)]*)?\b{re.escape(name)}\b", re.MULTILINE)
    others = (one.text for one in documents if one.text.uri != text.uri)
    return {
        other.file: other.text
        for other in others
        if other.file and not other.too_large and imports.search(other.text)
    }


def _place(
    target: Target, text: Text, failing: Sequence[int]
) -> tuple[int | None, tuple[int, int] | None]:
    """The line of a target, or its lines; places past the end of the text are moved to its end.

    ``failing``: the lines that failing tests are about.
    """
    if not text.lines:
        return None, None
    last = len(text.lines) - 1
    match target.kind:
        case "diagnostic" | "function":
            return min(target.place[0], last), None
        case "tests":
            near = [min(number, last) for number in failing]
            return min(near, key=lambda n: abs(n - target.place[0]), default=None), None
        case "selection":
            first, stop = target.lines
            return None, (min(first, last), min(stop, last + 1))
    return None, None
