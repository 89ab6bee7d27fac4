"""Which lines of the candidate each answer took, for a run that is traced."""

from __future__ import annotations

import sys
import threading
from typing import Any

_lines: set[int] = set()


def begin(file: str) -> None:
    """Note the lines of a code object's file that are run, from now on and for good."""

    def on_line(frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            _lines.add(frame.f_lineno - 1)
        return on_line

    def on_call(frame: Any, event: str, argument: Any) -> Any:
        return on_line if frame.f_code.co_filename == file else None

    threading.settrace(on_call)
    sys.settrace(on_call)


def taken() -> dict[str, Any]:
    """``lines``, 0-based, that were run since the last time; {} in a run that is not traced."""
    if not _lines:
        return {}
    found = sorted(_lines)
    _lines.clear()
    return {"lines": found}
