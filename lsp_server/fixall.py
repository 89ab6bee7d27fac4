"""Fixing all that is wrong in a document, one place after the other, each verified by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lsp_server.reports import merged
from lsp_server.wire import ChangeJob, FixJob, SuspectsJob
from lsp_server.workers import WorkerProcess

Row = Mapping[str, Any]
Step = Callable[[FixJob], Awaitable[Row]]


@dataclass(slots=True)
class _Sum:
    """The text after all steps so far, their rows, and a note on each."""

    text: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def fix_all(order: FixJob, step: Step, checker: WorkerProcess) -> Row:
    """One row for all fixes together, with the keys of a single fix's. Raises WorkerError.

    ``step`` runs a search when it is its turn. A place that could not be fixed is not tried again;
    what is only a possible fix is none here, since nobody looks at each.
    """
    done = _Sum(order.text)
    tried: set[tuple[str, ...]] = set()
    while True:
        asked = SuspectsJob(done.text, order.static, order.level)
        found = await checker.request("suspects", asked)
        new = next((s for s in found if tried.isdisjoint(_keys(s))), None)
        if new is None:
            break
        row = await step(replace(order, text=done.text, line=new["line"]))
        done.rows.append(row)
        where = "" if new["line"] is None else f"line {new['line'] + 1}: "
        if row["status"] == "fixed":
            done.text = row["text"]
            done.notes.append(f"{where}{new['text']}: fixed by {'; '.join(row['commands'])}")
        else:
            kind = "left out, a possible fix: " if row["status"] == "possible fix" else ""
            done.notes.append(f"{where}{new['text']}: {kind}{row['reason']}")
        scope, place = _keys(new)
        tried.add(place if row["status"] == "fixed" else scope)
    return await _sum(order, done, checker)


def _keys(suspect: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is not tried again: all of a scope after a failure, this very suspect after a fix."""
    return (suspect["scope"],), (suspect["scope"], suspect["text"])


async def _sum(order: FixJob, done: _Sum, checker: WorkerProcess) -> Row:
    fixed = [row for row in done.rows if row["status"] == "fixed"]
    change = await checker.request("change", ChangeJob(order.name, order.text, done.text))
    searched = sum(row["candidates"] for row in done.rows)
    missed = len(done.rows) - len(fixed)
    if fixed:
        status, reason = "fixed", f"{len(fixed)} fixed, {missed} not" if missed else "all fixed"
    elif missed:
        possible = done.rows[0]["status"] == "possible fix"
        hint = "only a possible fix, to be looked at by itself: " if possible else ""
        status, reason = "not fixed", f"{hint}{done.rows[0]['reason']}"
    else:
        ran = "; no code was run" if order.level is None else ", no example fails"
        status, reason = "nothing wrong", f"it parses, no findings{ran}"
    first = done.rows[0] if done.rows else {}
    return {
        **first,
        "status": status,
        "reason": reason,
        "verified": "; ".join(dict.fromkeys(row["verified"] for row in fixed)),
        "possible": "",
        "next": "" if fixed or not done.rows else done.rows[0]["next"],
        "sandbox": first.get("sandbox", order.level or "F"),
        "edits": change["edits"],
        "region": change["region"],
        "diff": change["diff"],
        "alternatives": [],
        "compared": [],
        "before": first.get("before", ""),
        "before_checks": first.get("before_checks", []),
        "checks": [merged([check for row in fixed for check in row["checks"][0]])] if fixed else [],
        "commands": [command for row in fixed for command in row["commands"]],
        "candidates": searched,
        "wants_model": not fixed and any(row["wants_model"] for row in done.rows),
        "turns": max((row["turns"] for row in done.rows), default=0),
        "seconds": sum(row["seconds"] for row in done.rows),
        "notes": [*dict.fromkeys(note for row in done.rows for note in row["notes"]), *done.notes],
    }
