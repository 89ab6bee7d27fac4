"""One fix from a target to a result: the job's steps, its progress, its report and its edit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server.documents import Text
from lsp_server.edits import Hunk, shift, workspace_edit
from lsp_server.jobs import Job, JobCancelled
from lsp_server.progress import WorkDone
from lsp_server.reports import Report, Status
from lsp_server.settings import Settings
from lsp_server.targets import Target
from lsp_server.wire import FixJob
from lsp_server.workers import WorkerDied, WorkerError

if TYPE_CHECKING:
    from lsp_server.server import EditloopServer


@dataclass(frozen=True, slots=True)
class Fix:
    """One verified edit of a text, in code points."""

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


class Stale(Exception):
    """The document was changed where the edit is; the message says so."""


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
        if document.text is text and result.fixes:
            document.results[target.key] = result
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
    started = time.monotonic()
    try:
        level, note = await server.trust.level(text.uri, settings)
        row = await _one(server, job, progress, fix_job(target, text, settings, level), settings)
        result = _result(server, target, text, row, note)
    except WorkerDied as error:
        model = server.model_name
        reason = f"{error} and is started again; the model ({model}) may be damaged"
        result = _failed(target, text, "error", reason)
    except WorkerError as error:
        result = _failed(target, text, "error", str(error))
    finally:
        progress.end(job.reason or f"{time.monotonic() - started:.1f} s")
    return result


async def _one(
    server: EditloopServer, job: Job, progress: WorkDone, order: FixJob, settings: Settings
) -> Mapping[str, Any]:
    """One step: the search of one place, when it is its turn."""
    started = time.monotonic()

    def show(now: dict[str, Any]) -> None:
        words = f"turn {now['turn']}, {now['candidates']} candidates, {now['best']}"
        job.progress = {**now, "message": words}
        progress.report(words, 100 * (time.monotonic() - started) / settings.budget)
        server.status.changed()

    async with server.jobs.turn():
        started = time.monotonic()
        row = await server.fixer.request("fix", order, show)
    assert isinstance(row, Mapping)
    return row


def title(target: Target) -> str:
    """The action's title."""
    match target.kind:
        case "diagnostic":
            return f"Fix: {target.message} (editloop)"
        case "all":
            return "Fix all verified (editloop)"
        case "tests":
            return "Fix until the tests pass (editloop)"
        case _:
            return f"Fix this code: {target.kind} (editloop)"


def fix_job(target: Target, text: Text, settings: Settings, level: str | None) -> FixJob:
    """The job of a target; places past the end of the document are moved to its end."""
    last = max(len(text.lines) - 1, 0)
    line: int | None = None
    lines: tuple[int, int] | None = None
    if target.kind in ("diagnostic", "function") and text.lines:
        line = min(target.place[0], last)
    if target.kind == "selection" and text.lines:
        first, stop = target.lines
        lines = min(first, last), min(stop, last + 1)
    path = text.path
    return FixJob(
        text.name,
        text.text,
        str(path) if path else None,
        line,
        lines,
        settings.budget,
        settings.alternatives + 1,
        settings.model,
        settings.check_static and not text.cell,
        settings.check_tests,
        level,
    )


def _result(
    server: EditloopServer, target: Target, text: Text, row: Mapping[str, Any], note: str
) -> FixResult:
    status: Status = "not found" if row["status"] == "not fixed" else row["status"]
    found = [row, *row["alternatives"]] if row["edits"] else []
    _, _, finding = str(row["before"]).partition("\n")
    report = Report(
        uri=text.uri,
        name=text.name,
        title=title(target),
        status=status,
        reason=str(row["reason"]),
        diff=str(row["diff"]),
        before=tuple(row["before_checks"]),
        after=tuple(row["checks"][0]) if found else (),
        finding=finding,
        commands=tuple(row["commands"]),
        candidates=int(row["candidates"]),
        turns=int(row["turns"]),
        seconds=float(row["seconds"]),
        sandbox=f"level {row['sandbox']}",
        model=server.model_name,
        notes=(*row["notes"], *([note] if note else [])),
        alternatives=max(len(found) - 1, 0),
    )
    fixes = tuple(
        _fix(one, checks, report) for one, checks in zip(found, row["checks"], strict=True)
    )
    return FixResult(target, text, report, fixes)


def _fix(row: Mapping[str, Any], checks: Sequence[Mapping[str, Any]], report: Report) -> Fix:
    label = replace(report, after=tuple(checks)).label
    return Fix(tuple(row["edits"]), tuple(row["region"]), row["diff"], label)


def _failed(target: Target, text: Text, status: Status, reason: str) -> FixResult:
    return FixResult(target, text, Report(text.uri, text.name, title(target), status, reason))
