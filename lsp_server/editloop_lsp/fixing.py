"""One fix from a target to a result: the job's steps, its progress, its report, and after it was
shown how far it can be trusted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Any

from lsprotocol import types

from editloop.report.values import FixReport
from editloop.trust import MOST_FIXES, WEIGHING_SECONDS
from editloop.trust.weighed import Weighed
from editloop_lsp.documents import Documents
from editloop_lsp.edits import FixResult
from editloop_lsp.fixall import fix_all
from editloop_lsp.jobs import Job, JobCancelled, Jobs, Spawn
from editloop_lsp.orders import Orders
from editloop_lsp.progress import WorkDone
from editloop_lsp.protocol import Protocol
from editloop_lsp.reports import Report, Status
from editloop_lsp.status import ServerStatus
from editloop_lsp.targets import Target
from editloop_lsp.text import Text
from editloop_lsp.wire import FixJob, WeighJob
from editloop_lsp.workers import WorkerDied, WorkerError, WorkerProcess

log = logging.getLogger(__name__)

_LONGEST_COMPARED = 200_000
"""Characters of a document whose fixes are compared; chosen."""


@dataclass(frozen=True, slots=True)
class Fixing:
    """Runs the jobs of targets; ``fixer`` searches, ``checker`` finds what is left to fix."""

    protocol: Protocol
    documents: Documents
    jobs: Jobs
    orders: Orders
    fixer: WorkerProcess
    checker: WorkerProcess
    status: ServerStatus
    spawn: Spawn

    async def find(self, target: Target, token: types.ProgressToken | None = None) -> FixResult:
        """Run the job of a target, or join it. Every outcome is a result; CancelledError passes."""
        document = self.documents.get(target.uri)
        if document is None:
            text = Text(target.uri, 0, "")
            return _failed(target, text, "error", "the document is not open")
        text = document.text
        if target.version is not None and target.version != text.version:
            reason = "the document has changed since the action was shown"
            return _failed(target, text, "stale", reason)
        if text.too_large:
            return _failed(target, text, "error", "the file is larger than 4 million characters")
        known = document.results.get(target.key)
        if known is not None:
            return known

        async def work(job: Job) -> FixResult:
            return await self._work(target, text, WorkDone(self.protocol, job, token), job)

        try:
            result = await self.jobs.run(target.uri, target.key, work)
        except JobCancelled as cancelled:
            result = _failed(target, text, "cancelled", str(cancelled))
        self._keep(result)
        return result

    def _keep(self, result: FixResult) -> None:
        document = self.documents.get(result.text.uri)
        if document is not None:
            document.last = result
            document.weighing = None
            if document.text is result.text and result.fixes:
                document.results[result.target.key] = result
                document.weighing = self.spawn(self._weigh(result))
        self.documents.last = result

    async def _weigh(self, result: FixResult) -> None:
        """Put into the document's results how the fixes compare; where some differ, say it once.

        A search that begins meanwhile goes first: what is not known then stays unknown.
        """
        text = result.text
        if result.target.kind == "all" or not result.level:
            return
        found = await self._weighed(text, result.report.found, result.level)
        document = self.documents.get(text.uri)
        if document is None or document.last is not result:
            return
        known = replace(result, report=replace(result.report, found=found))
        document.last = known
        if self.documents.last is result:
            self.documents.last = known
        if document.results.get(result.target.key) is result:
            document.results[result.target.key] = known
        question = known.report.question
        if question is not None and not self.protocol.client.status:
            # a client that knows of us asks itself
            self.protocol.show(f"{text.name}: {question.line}")

    async def _weighed(self, text: Text, found: FixReport, level: str) -> FixReport:
        """The report with how its fixes compare, as far as that can be known."""
        texts = _compared(found)
        if not texts or len(text.text) > _LONGEST_COMPARED:
            return found
        job = WeighJob(text.text, texts, level, text.file, WEIGHING_SECONDS)
        try:
            return replace(found, weighed=Weighed.decode(await self.fixer.request("weigh", job)))
        except WorkerError as error:
            log.info("how the fixes compare is not known: %s", error)
            return found

    async def _work(self, target: Target, text: Text, progress: WorkDone, job: Job) -> FixResult:
        progress.begin(target.title)
        try:
            order, missing, refusal = await self.orders.job(target, text)

            async def step(order: FixJob) -> FixReport:
                found = await self._step(progress, order)
                if found.status == "fixed" and order.level is not None:
                    changed = Text(text.uri, text.version, order.text)
                    found = await self._weighed(changed, found, order.level)
                return found

            if target.kind == "all":
                found = await fix_all(order, step, self.checker, await self._least(target.uri))
            else:
                found = await self._step(progress, order)
            found = replace(found, notes=(*found.notes, *filter(None, [refusal])))
            result = self._result(target, text, found, missing)
        except WorkerDied as error:
            reason = f"{error} and is started again (model: {self.status.model_name})"
            result = _failed(target, text, "error", reason)
        except WorkerError as error:
            result = _failed(target, text, "error", str(error))
        except asyncio.CancelledError:
            progress.end(job.reason)
            raise
        progress.end(result.report.line)
        return result

    async def _least(self, uri: str) -> float:
        """The share of right ones that fixes need which nobody looks at one by one."""
        return (await self.orders.configuration.of(uri)).prefer_from

    async def _step(self, progress: WorkDone, order: FixJob) -> FixReport:
        """One search, when it is its turn."""

        def show(now: dict[str, Any]) -> None:
            where = f"{now['place']}, " if now["place"] else ""
            words = f"{where}turn {now['turn']}, {now['candidates']} candidates, {now['best']}"
            progress.report(words, 100 * (time.monotonic() - started) / order.budget, **now)

        async with self.jobs.turn:
            started = time.monotonic()
            return FixReport.decode(await self.fixer.request("fix", order, show))

    def _result(self, target: Target, text: Text, found: FixReport, missing: str) -> FixResult:
        """``missing``: what was not looked at, "" for nothing."""
        status: Status = "not found" if found.status == "not fixed" else found.status
        shown = replace(
            found,
            reason=_reason(target, found, missing),
            next="" if missing and status != "not found" else found.next,
            notes=(*found.notes, *filter(None, [missing])),
        )
        sandbox = self.status.level_name(found.sandbox)
        report = Report(text.uri, target.title, status, shown, sandbox, self.status.model_name)
        return FixResult(target, text, report, "" if missing else found.sandbox)


def _compared(found: FixReport) -> list[str]:
    """The texts of fixes that are worth comparing; what only hides a failure is no rival of what
    does not."""
    fixes = found.fixes
    honest = takewhile(lambda fix: fix is fixes[0] or not fix.weak, fixes)
    return [fix.text for fix in islice(honest, MOST_FIXES)]


def _reason(target: Target, found: FixReport, missing: str) -> str:
    """One line; where nothing seems wrong, what was not looked at."""
    reason = found.reason
    if found.status == "nothing wrong":
        if target.kind == "diagnostic":
            reason = "every check of editloop passes; it cannot check this diagnostic itself"
        if missing:
            reason += f" ({missing})"
    return reason


def _failed(target: Target, text: Text, status: Status, reason: str) -> FixResult:
    found = FixReport(text.name, "not fixed", reason)
    return FixResult(target, text, Report(text.uri, target.title, status, found))
