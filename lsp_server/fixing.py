"""One fix from a target to a result: the job's steps, its progress, its report and its edit."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from editloop.models import NO_MODEL
from editloop.report import Fix, FixReport
from lsp_server.documents import Text
from lsp_server.edits import shift, workspace_edit
from lsp_server.fixall import fix_all
from lsp_server.jobs import Job, JobCancelled
from lsp_server.orders import fix_job, note
from lsp_server.progress import WorkDone
from lsp_server.reports import Report, Status
from lsp_server.targets import Target
from lsp_server.weighing import weigh_fixes
from lsp_server.wire import FixJob
from lsp_server.workers import WorkerDied, WorkerError

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer


@dataclass(frozen=True, slots=True)
class FixResult:
    """How a target of a text came out."""

    target: Target
    text: Text
    report: Report
    level: str = ""
    """Of the sandbox in which code may be run, "" where none may."""

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The best is first."""
        return self.report.found.fixes


class Stale(Exception):
    """The document was changed where the edit is; the message says so."""


def stale_line(result: FixResult, stale: Stale) -> str:
    """One line for a person."""
    return f"{result.text.name}: the fix was not applied: {stale}"


async def find_fix(
    server: EditloopServer, target: Target, token: types.ProgressToken | None = None
) -> FixResult:
    """Run the job of a target, or join it. Every outcome is a result; CancelledError passes."""
    document = server.documents.get(target.uri)
    if document is None:
        text = Text(target.uri, 0, "")
        return _failed(target, text, "error", "the document is not open")
    text = document.text
    if target.version is not None and target.version != text.version:
        return _failed(target, text, "stale", "the document has changed since the action was shown")
    if text.too_large:
        return _failed(target, text, "error", "the file is larger than 4 million characters")
    known = document.results.get(target.key)
    if known is not None:
        return known

    async def work(job: Job) -> FixResult:
        return await _work(server, job, target, text, token)

    try:
        result = await server.jobs.run(target.uri, target.key, work)
    except JobCancelled as cancelled:
        result = _failed(target, text, "cancelled", str(cancelled))
    document = server.documents.get(target.uri)
    if document is not None:
        document.last = result
        document.weighing = None
        if document.text is text and result.fixes:
            document.results[target.key] = result
            document.weighing = server.spawn(weigh_fixes(server, result))
    server.last = result
    return result


def edit_of(server: EditloopServer, result: FixResult, index: int = 0) -> types.WorkspaceEdit:
    """The edit for the document as it is now. Raises Stale, IndexError."""
    fix = result.fixes[index]
    document = server.documents.get(result.text.uri)
    if document is None:
        raise Stale("the document was closed meanwhile")
    moved: tuple[Text, int] | None = None
    if document.text is not result.text:
        lines = shift(result.text.lines, document.text.lines, *fix.region)
        if lines is None:
            raise Stale("the document changed meanwhile where the fix is")
        moved = document.text, lines
    return workspace_edit(
        result.text,
        fix.edits,
        server.client,
        encoding=server.encoding,
        label=fix.label,
        moved=moved,
    )


async def _work(
    server: EditloopServer,
    job: Job,
    target: Target,
    text: Text,
    token: types.ProgressToken | None,
) -> FixResult:
    progress = WorkDone(server, token)
    job.token = progress.token
    settings = await server.configuration.of(text.uri)
    progress.begin(title(target))
    try:
        level, why = await server.trust.level(text.uri, settings)
        failing = server.documents.failing_lines(text.uri)
        order = fix_job(target, text, failing, settings, level)
        refusal = await server.consent.refusal(order.server)
        if refusal:
            order = replace(order, server="", model=NO_MODEL)

        async def step(order: FixJob) -> FixReport:
            return await _step(server, job, progress, order)

        if target.kind == "all":
            found = await fix_all(order, step, server.checker)
        else:
            found = await step(order)
        found = replace(found, notes=(*found.notes, *filter(None, [refusal])))
        result = _result(server, target, text, found, note(text, why))
    except WorkerDied as error:
        reason = f"{error} and is started again (model: {server.model_name})"
        result = _failed(target, text, "error", reason)
    except WorkerError as error:
        result = _failed(target, text, "error", str(error))
    except asyncio.CancelledError:
        progress.end(job.reason)
        raise
    progress.end(result.report.line)
    return result


async def _step(server: EditloopServer, job: Job, progress: WorkDone, order: FixJob) -> FixReport:
    """One search, when it is its turn."""

    def show(now: dict[str, Any]) -> None:
        where = f"{now['place']}, " if now["place"] else ""
        words = f"{where}turn {now['turn']}, {now['candidates']} candidates, {now['best']}"
        job.progress = {**now, "message": words}
        progress.report(words, 100 * (time.monotonic() - started) / order.budget)
        server.status.changed()

    async with server.jobs.turn():
        started = time.monotonic()
        return FixReport.decode(await server.fixer.request("fix", order, show))


def shorten(text: str, length: int = 100) -> str:
    """A text cut to ``length`` characters, for a menu, which shows one line."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def title(target: Target) -> str:
    """The action's title."""
    match target.kind:
        case "diagnostic":
            return f"Fix: {shorten(target.message)} (editloop)"
        case "all":
            return "Fix all verified (editloop)"
        case "tests":
            return "Fix until the tests pass (editloop)"
        case "run":
            return "Fix the error of the last run (editloop)"
        case _:
            return f"Fix this code: {target.kind} (editloop)"


def _result(
    server: EditloopServer, target: Target, text: Text, found: FixReport, missing: str
) -> FixResult:
    """``missing``: what was not looked at, "" for nothing."""
    status: Status = "not found" if found.status == "not fixed" else found.status
    reason = found.reason
    if status == "nothing wrong":
        if target.kind == "diagnostic":
            reason = "every check of editloop passes; it cannot check this diagnostic itself"
        if missing:
            reason += f" ({missing})"
    shown = replace(
        found,
        reason=reason,
        next="" if missing and status != "not found" else found.next,
        notes=(*found.notes, *filter(None, [missing])),
    )
    sandbox = server.trust.describe(found.sandbox)
    report = Report(text.uri, title(target), status, shown, sandbox, server.model_name)
    return FixResult(target, text, report, "" if missing else found.sandbox)


def _failed(target: Target, text: Text, status: Status, reason: str) -> FixResult:
    found = FixReport(text.name, "not fixed", reason)
    return FixResult(target, text, Report(text.uri, title(target), status, found))
