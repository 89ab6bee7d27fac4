"""What a worker tells of a fix, as JSON data: lines are 0-based, characters code points.

``region`` are the first of the lines that a fix is right for as they are, and the line after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from editloop.definitions import Definition, definitions
from editloop.edits import unified_diff
from editloop.outcome import Outcome, edit_rows
from editloop.text import Snapshot
from editloop.trust.weighing import Change, Difference, Weighed, compared
from editloop.verdict import CheckResult
from lsp_server.wire import ChangeJob

_LONGEST_COMPARED = 200_000
"""Characters of a document whose fixes are compared; chosen."""


def fix_row(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The row of ``editloop fix --json``, the ``region`` of each fix, the ``text`` after the best
    one, and ``compared``: the texts of all fixes that are offered and worth comparing."""
    row = outcome.row(seconds)
    row["before_checks"] = _checks(outcome.repair.before.checks)
    row["checks"] = [_checks(solution.verdict.checks) for solution in outcome.solutions]
    found = definitions(outcome.document) if outcome.solutions else []
    for one in [row, *row["alternatives"]]:
        one["region"] = _region(one["edits"], found)
    row["text"] = outcome.best.state.text if outcome.best else outcome.document.text
    row["compared"] = _compared(outcome)
    return row


def change_row(job: ChangeJob) -> dict[str, Any]:
    """``edits``, ``region`` and ``diff`` between two texts."""
    before, after = Snapshot.from_text(job.before), Snapshot.from_text(job.after)
    edits = edit_rows(before, after)
    return {
        "edits": edits,
        "region": _region(edits, definitions(before)),
        "diff": unified_diff(before, after, job.name),
    }


def weighed_row(found: Weighed) -> dict[str, Any]:
    """``Weighed`` as JSON data, with ``line`` for each difference and change."""
    return {
        **found.row(),
        "differences": _with_lines(found.differences),
        "changes": _with_lines(found.changes),
    }


def _with_lines(parts: Sequence[Difference | Change]) -> list[dict[str, Any]]:
    return [{**asdict(part), "line": part.line} for part in parts]


def _compared(outcome: Outcome) -> list[str]:
    """The texts of fixes that are worth comparing; none of a very long document."""
    if len(outcome.document.text) > _LONGEST_COMPARED:
        return []
    worth = set(compared(outcome.repair))
    texts = (solution.state.text for solution in outcome.solutions)
    return list(takewhile(worth.__contains__, texts))


def _checks(checks: Iterable[CheckResult]) -> list[dict[str, Any]]:
    return [{"name": c.name, "good": c.good, "total": c.total} for c in checks]


def _region(edits: Sequence[Mapping[str, Any]], found: Sequence[Definition]) -> tuple[int, int]:
    """The lines of the edits, and of the functions that they are in."""
    if not edits:
        return 0, 0
    first = min(edit["start"]["line"] for edit in edits)
    stop = max(edit["end"]["line"] for edit in edits) + 1
    around = [d for d in found if d.kind == "function" and d.start < stop and first < d.stop]
    return min([first, *(d.start for d in around)]), max([stop, *(d.stop for d in around)])
