"""Diagnostics of open documents: syntax and static ones while typing, failing tests on save.

A client that pulls is never pushed to.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from lsprotocol import types

from editloop.checks.checkers import CHECKERS
from editloop_lsp.cells import as_python
from editloop_lsp.configuration import Configuration
from editloop_lsp.documents import Document, Documents
from editloop_lsp.jobs import Spawn
from editloop_lsp.positions import to_client
from editloop_lsp.protocol import Protocol
from editloop_lsp.settings import Settings
from editloop_lsp.text import Text
from editloop_lsp.trust import Trust
from editloop_lsp.wire import CheckJob, TestsJob
from editloop_lsp.workers import WorkerError, WorkerProcess

log = logging.getLogger(__name__)

SOURCE = "editloop"
DEBOUNCE_SECONDS = 0.25
MOST = 200
"""Findings that are shown for one document; beyond that nobody reads them."""
_LINTERS = (
    *("ruff", "pyflakes", "pylint", "flake8"),
    *(source for checker in CHECKERS for source in checker.sources),
)
_UNUSED = ("F401", "F841")
_IN_CELLS = "outside function"  # a notebook may await at its top level


@dataclass(slots=True)
class Diagnostics:
    """Checks documents and tells the client; used from the event loop alone."""

    protocol: Protocol
    documents: Documents
    configuration: Configuration
    trust: Trust
    checker: WorkerProcess
    spawn: Spawn
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _checks: dict[str, tuple[Text, asyncio.Task[None]]] = field(default_factory=dict)
    _tests: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def schedule(self, uri: str, delay: float = DEBOUNCE_SECONDS) -> None:
        """Check a document soon and publish; a later call starts the wait anew."""
        if self.protocol.client.pulls_diagnostics:
            return
        self._forget_timer(uri)
        loop = asyncio.get_running_loop()
        self._timers[uri] = loop.call_later(delay, lambda: self.spawn(self._check_and_publish(uri)))

    async def pull(
        self, params: types.DocumentDiagnosticParams
    ) -> types.RelatedFullDocumentDiagnosticReport:
        """Handler: the diagnostics of a document as it is now."""
        document = self.documents.get(params.text_document.uri)
        if document is not None:
            await self._checked(document)
        found = document.diagnostics if document is not None else []
        return types.RelatedFullDocumentDiagnosticReport(found)

    def saved(self, uri: str) -> None:
        """Run the tests of a document, instead of a run that is still going on."""
        running = self._tests.pop(uri, None)
        if running is not None:
            running.cancel()
        self._tests[uri] = self.spawn(self._test(uri))

    def closed(self, uri: str) -> None:
        self._forget_timer(uri)
        self._checks.pop(uri, None)
        running = self._tests.pop(uri, None)
        if running is not None:
            running.cancel()
        if not self.protocol.client.pulls_diagnostics:
            params = types.PublishDiagnosticsParams(uri, [])
            self.protocol.notify(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

    def saw(self, document: Document, others: list[types.Diagnostic]) -> None:
        """Diagnostics that the client has of other servers."""
        sources = {(diagnostic.source or "").lower() for diagnostic in others}
        if not document.linted_elsewhere and not sources.isdisjoint(_LINTERS):
            document.linted_elsewhere = True
            self._changed_elsewhere(document.text.uri)

    def settings_changed(self) -> None:
        for document in self.documents:
            self._changed_elsewhere(document.text.uri)

    def _changed_elsewhere(self, uri: str) -> None:
        """Something other than the text changed: check again, or have the client ask again."""
        self._checks.pop(uri, None)
        if not self.protocol.client.pulls_diagnostics:
            self.schedule(uri, 0.0)
        else:
            self.spawn(self._refresh())

    async def _refresh(self) -> None:
        await self.protocol.ask(types.WORKSPACE_DIAGNOSTIC_REFRESH, None, seconds=5.0)

    async def _check_and_publish(self, uri: str) -> None:
        document = self.documents.get(uri)
        if document is not None:
            await self._checked(document)
            if self.documents.get(uri) is document:
                self._publish(document)

    def _publish(self, document: Document) -> None:
        text = document.text
        params = types.PublishDiagnosticsParams(text.uri, document.diagnostics, text.version)
        self.protocol.notify(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

    async def _checked(self, document: Document) -> None:
        """Have the findings of the present text, by one check however many ask."""
        uri = document.text.uri
        known = self._checks.get(uri)
        if known is None or known[0] is not document.text:
            task = self.spawn(self._check(document, document.text))
            known = self._checks[uri] = (document.text, task)
        await asyncio.shield(known[1])

    async def _check(self, document: Document, text: Text) -> None:
        settings = await self.configuration.of(text.uri)
        findings: list[dict[str, Any]] = []
        source = as_python(text.text) if text.cell else text.text
        if settings.enable and source is not None and not text.too_large:
            job = CheckJob(source, self._wants_static(document, settings))
            try:
                findings = await self.checker.request("check", job)
            except WorkerError as error:
                log.warning("%s could not be checked: %s", text.name, error)
        if document.text is not text:
            return
        shown = [_diagnostic(f, text, self.protocol.client.encoding) for f in findings[:MOST]]
        wanted = settings.diagnostics_syntax and settings.enable
        pairs = [(f["check"], d) for f, d in zip(findings, shown, strict=False)]
        cut = _IN_CELLS if text.cell else "\0"
        document.syntax = [
            d for check, d in pairs if check == "syntax" and wanted and cut not in str(d.message)
        ]
        document.static = [d for check, d in pairs if check == "static"]

    def _wants_static(self, document: Document, settings: Settings) -> bool:
        if document.text.cell or settings.diagnostics_static == "off":
            return False
        return settings.diagnostics_static == "on" or not document.linted_elsewhere

    async def _test(self, uri: str) -> None:
        document = self.documents.get(uri)
        if document is None or document.text.cell or document.text.too_large:
            return
        text = document.text
        settings = await self.configuration.of(uri)
        if not settings.enable or settings.diagnostics_tests == "off":
            return
        try:
            there = await self.checker.request("has_tests", {"text": text.text, "path": text.file})
            level, note = await self.trust.level(uri, settings) if there else (None, "no tests")
            if level is None:
                log.info("%s: tests were not run: %s", text.name, note)
                return
            job = TestsJob(text.text, level, text.file, settings.check_tests)
            failing = await self.checker.request("tests", job)
        except WorkerError as error:
            log.warning("the tests of %s could not be run: %s", text.name, error)
            return
        document = self.documents.get(uri)
        if document is None or document.text is not text:
            return  # the next save tells
        document.tests = [
            _failure(failure, text, self.protocol.client.encoding) for failure in failing
        ]
        if not self.protocol.client.pulls_diagnostics:
            self._publish(document)
        else:
            await self._refresh()

    def _forget_timer(self, uri: str) -> None:
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()


def _diagnostic(finding: dict[str, Any], text: Text, encoding: str) -> types.Diagnostic:
    (line, character), (end_line, end_character) = finding["start"], finding["end"]
    start = to_client(text.lines, line, character, encoding)
    end = to_client(text.lines, end_line, end_character, encoding)
    error = types.DiagnosticSeverity.Error
    unused = finding["code"] in _UNUSED
    return types.Diagnostic(
        range=types.Range(start, end),
        message=finding["message"],
        severity=error if finding["error"] else types.DiagnosticSeverity.Information,
        code=finding["code"],
        source=SOURCE,
        tags=[types.DiagnosticTag.Unnecessary] if unused else None,
    )


def _failure(failure: dict[str, Any], text: Text, encoding: str) -> types.Diagnostic:
    number = min(failure["line"], max(len(text.lines) - 1, 0))
    shown = text.lines[number].text if text.lines else ""
    first = len(shown) - len(shown.lstrip())
    return types.Diagnostic(
        range=types.Range(
            to_client(text.lines, number, first, encoding),
            to_client(text.lines, number, len(shown), encoding),
        ),
        message=failure["message"],
        severity=types.DiagnosticSeverity.Error,
        code=failure["code"],
        source=SOURCE,
    )
