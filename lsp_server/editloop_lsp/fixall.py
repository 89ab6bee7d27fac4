"""Fixing all that is wrong in a document, one place after the other, each verified by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from editloop.report.values import Fix, FixReport, Status
from editloop_lsp.reports import merged
from editloop_lsp.wire import ChangeJob, FixJob, SuspectsJob
from editloop_lsp.workers import WorkerProcess

Step = Callable[[FixJob], Awaitable[FixReport]]


@dataclass(slots=True)
class _Sum:
    """The text after all steps so far, their reports, and a note on each."""

    text: str
    reports: list[FixReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def fix_all(
    order: FixJob, step: Step, checker: WorkerProcess, least: float = 0.0
) -> FixReport:
    """One report on all fixes together, like that of a single one. Raises WorkerError.

    ``step`` runs a search when it is its turn. A place that could not be fixed is not tried again;
    what is only a possible fix is none here, since nobody looks at each, and neither is a fix of
    which less than ``least`` of those like it were right, where that is known.
    """
    done = _Sum(order.text)
    tried: set[tuple[str, ...]] = set()
    while True:
        asked = SuspectsJob(done.text, order.static, order.level)
        found = await checker.request("suspects", asked)
        new = next((s for s in found if tried.isdisjoint(_keys(s))), None)
        if new is None:
            break
        report = _believed(await step(replace(order, text=done.text, line=new["line"])), least)
        done.reports.append(report)
        where = "" if new["line"] is None else f"line {new['line'] + 1}: "
        if report.status == "fixed":
            done.text = report.fixes[0].text
            commands = "; ".join(report.fixes[0].commands)
            done.notes.append(f"{where}{new['text']}: fixed by {commands}")
        else:
            kind = "left out, a possible fix: " if report.status == "possible fix" else ""
            done.notes.append(f"{where}{new['text']}: {kind}{report.reason}")
        scope, place = _keys(new)
        tried.add(place if report.status == "fixed" else scope)
    return await _sum(order, done, checker)


def _believed(report: FixReport, least: float) -> FixReport:
    """The report; only a possible fix where too few like it were right."""
    share = report.share
    if share is None or share.value >= least:
        return report
    return replace(report, status="possible fix", reason=f"{report.reason}; {share.words}")


def _keys(suspect: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is not tried again: all of a scope after a failure, this very suspect after a fix."""
    return (suspect["scope"],), (suspect["scope"], suspect["text"])


async def _sum(order: FixJob, done: _Sum, checker: WorkerProcess) -> FixReport:
    fixed = [report.fixes[0] for report in done.reports if report.status == "fixed"]
    missed = len(done.reports) - len(fixed)
    status: Status = "nothing wrong"
    ran = "; no code was run" if order.level is None else ", no example fails"
    reason = f"it parses, no findings{ran}"
    first = FixReport(order.name, status, reason, sandbox=order.level or "F")
    if done.reports:
        first = done.reports[0]
        possible = first.status == "possible fix"
        hint = "only a possible fix, to be looked at by itself: " if possible else ""
        status, reason = "not fixed", f"{hint}{first.reason}"
    if fixed:
        status, reason = "fixed", f"{len(fixed)} fixed, {missed} not" if missed else "all fixed"
    notes = dict.fromkeys(note for report in done.reports for note in report.notes)
    return replace(
        first,
        status=status,
        reason=reason,
        next="" if fixed else first.next,
        fixes=(await _together(order, done, fixed, checker),) if fixed else (),
        candidates=sum(report.candidates for report in done.reports),
        turns=max((report.turns for report in done.reports), default=0),
        seconds=sum(report.seconds for report in done.reports),
        notes=(*notes, *done.notes),
        wants_model=not fixed and any(report.wants_model for report in done.reports),
    )


async def _together(order: FixJob, done: _Sum, fixed: Sequence[Fix], checker: WorkerProcess) -> Fix:
    """All fixes as one."""
    change = await checker.request("change", ChangeJob(order.name, order.text, done.text))
    return replace(
        fixed[-1],
        text=done.text,
        diff=change["diff"],
        edits=tuple(change["edits"]),
        region=tuple(change["region"]),
        verified="; ".join(dict.fromkeys(fix.verified for fix in fixed)),
        commands=tuple(command for fix in fixed for command in fix.commands),
        checks=tuple(merged([check for fix in fixed for check in fix.checks])),
    )
