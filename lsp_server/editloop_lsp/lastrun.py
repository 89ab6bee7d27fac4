"""Finds in texts of an editor what a run printed, and the file that it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from editloop.checks.traceback import NONE, innermost, read


def locate(texts: Iterable[str], folders: Sequence[Path]) -> dict[str, Any]:
    """``{"traceback", "uri", "reason"}``: the first text that has a traceback, and the innermost
    file in it that is here, in one of the ``folders`` if there is such.

    Where there is none ``uri`` is None, and ``reason`` says what is missing.
    """
    for text in texts:
        names = innermost(read(text))
        if not names:
            continue
        here = [path for path in (_file(name, folders) for name in names) if path]
        inside = [path for path in here if any(path.is_relative_to(f) for f in folders)]
        chosen = next(iter([*inside, *here]), None)
        uri = chosen.as_uri() if chosen else None
        reason = "" if chosen else f"no file of the traceback is here: {', '.join(names[:5])}"
        return {"traceback": text, "uri": uri, "reason": reason}
    return {"traceback": "", "uri": None, "reason": NONE}


def _file(name: str, folders: Sequence[Path]) -> Path | None:
    """A name as it was printed, which may begin in one of the folders."""
    paths = [Path(name)] if Path(name).is_absolute() else [folder / name for folder in folders]
    try:
        return next((path.resolve() for path in paths if path.is_file()), None)
    except (OSError, ValueError):
        return None
