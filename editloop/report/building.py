"""Makes the report of a repair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from editloop.checks.verdict import Verdict
from editloop.document.edits import minimal_hunks, unified_diff
from editloop.document.text import Snapshot
from editloop.python.definitions import definitions
from editloop.repair.run import Repair
from editloop.repair.solutions import Solution
from editloop.report.values import Fix, FixReport, Row, Status
from editloop.report.wording import Asked, checked, next_step, reason, satisfied
from editloop.trust.strength import doubt


def fix_report(
    name: str, document: Snapshot, repair: Repair, asked: Asked, **known: Any
) -> FixReport:
    """The report of a repair of ``document``, a file ``name``; ``known``: further fields of it."""
    result, lines = repair.result, len(document.lines)
    fixes = [_fix(name, document, repair, found) for found in result.solutions] if result else []
    status: Status = "possible fix" if fixes and fixes[0].possible else repair.status
    return FixReport(
        name=name,
        status=status,
        reason=reason(repair, lines, asked),
        next=next_step(repair, lines, asked),
        fixes=tuple(fixes),
        before=describe(repair.before),
        before_checks=_checks(repair.before),
        candidates=result.candidates if result else 0,
        turns=result.turns if result else 0,
        **known,
    )


def _fix(name: str, document: Snapshot, repair: Repair, found: Solution) -> Fix:
    doubted = doubt(repair.before, found.verdict)
    words = satisfied(found.verdict, doubted)
    return Fix(
        text=found.state.text,
        **change(name, document, found.state.document),
        verified="" if doubted else words,
        possible=words if doubted else "",
        verified_by=tuple(check.summary for check in found.verdict.checks),
        weak=found.verdict.hides,
        commands=tuple(map(str, found.commands)),
        checks=_checks(found.verdict),
        after=describe(found.verdict),
        candidates=found.candidates,
    )


def change(name: str, before: Snapshot, after: Snapshot) -> Row:
    """``diff``, ``edits`` and ``region`` between two versions of a file, as ``Fix`` has them."""
    edits = edit_rows(before, after)
    return {
        "diff": unified_diff(before, after, name),
        "edits": edits,
        "region": _region(edits, before),
    }


def edit_rows(before: Snapshot, after: Snapshot) -> tuple[Row, ...]:
    """Minimal edits as JSON data; lines and characters are 0-based, in code points."""
    return tuple(
        {
            "start": {"line": e.start_line, "character": e.start_character},
            "end": {"line": e.end_line, "character": e.end_character},
            "new_text": e.new_text,
        }
        for e in minimal_hunks(before, after)
    )


def _region(edits: Sequence[Row], document: Snapshot) -> tuple[int, int]:
    """The lines of the edits, and of the functions that they are in."""
    if not edits:
        return 0, 0
    first = min(edit["start"]["line"] for edit in edits)
    stop = max(edit["end"]["line"] for edit in edits) + 1
    functions = (d for d in definitions(document) if d.kind == "function")
    around = [d for d in functions if d.start < stop and first < d.stop]
    return min([first, *(d.start for d in around)]), max([stop, *(d.stop for d in around)])


def _checks(verdict: Verdict) -> tuple[Row, ...]:
    return tuple({"name": c.name, "good": c.good, "total": c.total} for c in verdict.checks)


def describe(verdict: Verdict) -> str:
    """``it parses, no findings, 1 of 2 examples passes``, and the first finding of what failed."""
    text = checked(verdict)
    first = next((f for f in verdict.findings), None)
    if first is None:
        return text
    place = "" if first.line is None else f"line {first.line + 1}: "
    return f"{text}\n{place}{first.text}"
