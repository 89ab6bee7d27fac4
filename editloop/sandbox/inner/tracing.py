"""Notes which lines of some files are run; for any Python from 3.8 on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any


def tracer(is_ours: Callable[[str], bool], lines: set[int]) -> Callable[..., Any]:
    """A function for sys.settrace that adds the lines (0-based) that run of the code objects whose
    file ``is_ours``."""

    def on_line(frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            lines.add(frame.f_lineno - 1)
        return on_line

    def on_call(frame: Any, event: str, argument: Any) -> Any:
        return on_line if is_ours(frame.f_code.co_filename) else None

    return on_call


def record(file: str, lines: set[int]) -> None:
    """Add the lines (0-based) of one file that run in any thread, from now on."""
    found = tracer(file.__eq__, lines)
    threading.settrace(found)
    sys.settrace(found)
