"""What a worker tells of changed texts and of fixes that were compared, as JSON data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from editloop.reporting import change
from editloop.text import Snapshot
from editloop.trust.weighing import Change, Difference, Weighed
from editloop_lsp.wire import ChangeJob


def change_row(job: ChangeJob) -> dict[str, Any]:
    """``edits``, ``region`` and ``diff`` between two texts."""
    return change(job.name, Snapshot.from_text(job.before), Snapshot.from_text(job.after))


def weighed_row(found: Weighed) -> dict[str, Any]:
    """``Weighed`` as JSON data, with ``line`` for each difference and change."""
    return {
        **found.row(),
        "differences": _with_lines(found.differences),
        "changes": _with_lines(found.changes),
    }


def _with_lines(parts: Sequence[Difference | Change]) -> list[dict[str, Any]]:
    return [{**asdict(part), "line": part.line} for part in parts]
