"""One fix from a target to a result: the job's steps, its progress, its report, and after it was
shown how far it can be trusted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lsprotocol import types

from editloop.trust import WEIGHING_SECONDS
from lsp_server.documents import Documents
from lsp_server.edits import Fix, FixResult
from lsp_server.fixall import fix_all
from lsp_server.jobs import Job, JobCancelled, Jobs, Spawn
from lsp_server.orders import Orders
from lsp_server.progress import WorkDone
from lsp_server.protocol import Protocol
from lsp_server.reports import Report, Status
from lsp_server.status import ServerStatus
from lsp_server.targets import Target
from lsp_server.text import Text
from lsp_server.wire import FixJob, WeighJob
from lsp_server.workers import WorkerDied, WorkerError, WorkerProcess

log = logging.getLogger(__name__)


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
        if not result.compared or not result.level:
            return
        text, texts = result.text, list(result.compared)
        job = WeighJob(text.text, texts, result.level, text.file, WEIGHING_SECONDS)
        try:
            row = await self.fixer.request("weigh", job)
        except WorkerError as error:
            log.info("how the fixes compare is not known: %s", error)
            return
        assert isinstance(row, dict)
        document = self.documents.get(text.uri)
        if document is None or document.last is not result:
            return
        known = replace(result, report=replace(result.report, trust=row))
        document.last = known
        if self.documents.last is result:
            self.documents.last = known
        if document.results.get(result.target.key) is result:
            document.results[result.target.key] = known
        question = known.report.question
        if question is not None and not self.protocol.client.status:
            # a client that knows of us asks itself
            self.protocol.show(f"{text.name}: {question['line']}")

    async def _work(self, target: Target, text: Text, progress: WorkDone, job: Job) -> FixResult:
        progress.begin(target.title)
        try:
            order, missing, refusal = await self.orders.job(target, text)

            async def step(order: FixJob) -> Mapping[str, Any]:
                return await self._step(progress, order)

            if target.kind == "all":
                row = await fix_all(order, step, self.checker)
            else:
                row = await step(order)
            notes = (*row["notes"], *filter(None, [refusal]))
            result = self._result(target, text, {**row, "notes": notes}, missing)
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

    async def _step(self, progress: WorkDone, order: FixJob) -> Mapping[str, Any]:
        """One search, when it is its turn."""

        def show(now: dict[str, Any]) -> None:
            where = f"{now['place']}, " if now["place"] else ""
            words = f"{where}turn {now['turn']}, {now['candidates']} candidates, {now['best']}"
            progress.report(words, 100 * (time.monotonic() - started) / order.budget, **now)

        async with self.jobs.turn:
            started = time.monotonic()
            row = await self.fixer.request("fix", order, show)
        assert isinstance(row, Mapping)
        return row

    def _result(
        self, target: Target, text: Text, row: Mapping[str, Any], missing: str
    ) -> FixResult:
        status: Status = "not found" if row["status"] == "not fixed" else row["status"]
        found = [row, *row["alternatives"]] if row["edits"] else []
        _, _, finding = str(row["before"]).partition("\n")
        report = Report(
            uri=text.uri,
            name=text.name,
            title=target.title,
            status=status,
            reason=_reason(target, row, missing),
            diff=str(row["diff"]),
            before=tuple(row["before_checks"]),
            after=tuple(row["checks"][0]) if found else (),
            finding=finding,
            commands=tuple(row["commands"]),
            candidates=int(row["candidates"]),
            turns=int(row["turns"]),
            seconds=float(row["seconds"]),
            sandbox=self.status.level_name(str(row["sandbox"])),
            model=self.status.model_name,
            notes=(*row["notes"], *([missing] if missing else [])),
            alternatives=max(len(found) - 1, 0),
            verified=str(row["verified"]),
            possible=str(row["possible"]),
            next="" if missing and status != "not found" else str(row["next"]),
            wants_model=bool(row["wants_model"]),
        )
        fixes = tuple(_fix(one, report) for one in found)
        level = "" if missing else str(row["sandbox"])
        return FixResult(target, text, report, fixes, tuple(row["compared"]), level)


def _reason(target: Target, row: Mapping[str, Any], missing: str) -> str:
    """One line; where nothing seems wrong, what was not looked at."""
    reason = str(row["reason"])
    if row["status"] == "nothing wrong":
        if target.kind == "diagnostic":
            reason = "every check of editloop passes; it cannot check this diagnostic itself"
        if missing:
            reason += f" ({missing})"
    return reason


def _fix(row: Mapping[str, Any], report: Report) -> Fix:
    one = replace(report, verified=str(row["verified"]), possible=str(row["possible"]))
    return Fix(tuple(row["edits"]), tuple(row["region"]), row["diff"], one.label)


def _failed(target: Target, text: Text, status: Status, reason: str) -> FixResult:
    return FixResult(target, text, Report(text.uri, text.name, target.title, status, reason))
