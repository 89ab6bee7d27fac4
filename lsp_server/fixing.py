"""One fix from a target to a result: the job's steps, its progress, its report and its edit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from editloop.models import NO_MODEL
from lsp_server.documents import Text
from lsp_server.edits import Hunk, shift, workspace_edit
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
class Fix:
    """One edit of a text that passes its checks, in code points."""

    hunks: tuple[Hunk, ...]
    region: tuple[int, int]
    """Lines that have to be unchanged for the edit to be still right."""
    diff: str
    label: str


@dataclass(frozen=True, slots=True)
class FixResult:
    """How a target came out; the best fix is first."""

    target: Target
    text: Text
    report: Report
    fixes: tuple[Fix, ...] = ()
    compared: tuple[str, ...] = ()
    """Texts after the first of the fixes, as far as they can be compared."""
    level: str = ""
    """Of the sandbox in which code may be run, "" where none may."""


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
        fix.hunks,
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

        async def step(order: FixJob) -> Mapping[str, Any]:
            return await _step(server, job, progress, order)

        if target.kind == "all":
            row = await fix_all(order, step, server.checker)
        else:
            row = await step(order)
        notes = (*row["notes"], *filter(None, [refusal]))
        result = _result(server, target, text, {**row, "notes": notes}, note(text, why))
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


async def _step(
    server: EditloopServer, job: Job, progress: WorkDone, order: FixJob
) -> Mapping[str, Any]:
    """One search, when it is its turn."""

    def show(now: dict[str, Any]) -> None:
        where = f"{now['place']}, " if now["place"] else ""
        words = f"{where}turn {now['turn']}, {now['candidates']} candidates, {now['best']}"
        job.progress = {**now, "message": words}
        progress.report(words, 100 * (time.monotonic() - started) / order.budget)
        server.status.changed()

    async with server.jobs.turn():
        started = time.monotonic()
        row = await server.fixer.request("fix", order, show)
    assert isinstance(row, Mapping)
    return row


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
    server: EditloopServer, target: Target, text: Text, row: Mapping[str, Any], missing: str
) -> FixResult:
    status: Status = "not found" if row["status"] == "not fixed" else row["status"]
    found = [row, *row["alternatives"]] if row["edits"] else []
    _, _, finding = str(row["before"]).partition("\n")
    report = Report(
        uri=text.uri,
        name=text.name,
        title=title(target),
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
        sandbox=server.trust.describe(str(row["sandbox"])),
        model=server.model_name,
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
    return FixResult(target, text, Report(text.uri, text.name, title(target), status, reason))
