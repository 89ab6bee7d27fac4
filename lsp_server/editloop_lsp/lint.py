"""Syntax and static findings of a text, with their ranges. Runs in the worker process."""

from __future__ import annotations

from typing import Any

from editloop.checks.static import StaticChecker
from editloop.document.text import split_lines
from editloop.python.syntax import check_syntax


def lint(text: str, static: StaticChecker | None) -> list[dict[str, Any]]:
    """Objects with ``check`` ("syntax" or "static"), ``code``, ``message``, ``error`` and a range
    (0-based, code points)."""
    broken = check_syntax(text)
    if broken is not None:
        lines = split_lines(text)
        line = min(broken.line or 0, max(len(lines) - 1, 0))
        shown = lines[line].text if lines else ""
        start = len(shown) - len(shown.lstrip())
        kind, _, message = broken.text.partition(": ")
        return [_finding("syntax", kind, message, True, (line, start, line, len(shown)))]
    if static is None:
        return []
    return [
        _finding(
            "static", d.code, d.message, d.is_error, (d.line, d.column, d.end_line, d.end_column)
        )
        for d in static.check(text)
    ]


def _finding(
    check: str, code: str, message: str, error: bool, place: tuple[int, int, int, int]
) -> dict[str, Any]:
    return {
        "check": check,
        "code": code,
        "message": message,
        "error": error,
        "start": place[:2],
        "end": place[2:],
    }
