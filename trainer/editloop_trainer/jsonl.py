"""Files of training data: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class JsonlError(ValueError):
    """A line cannot be used; the message names file and line."""


def read_jsonl(path: Path, *keys: str) -> Iterator[dict[str, Any]]:
    """The objects of a file. Raises JsonlError for a line that is none or that lacks a key."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield parse_row(line, f"{path}:{number}", *keys)


def parse_row(line: str | bytes, where: str, *keys: str) -> dict[str, Any]:
    """The object of one line. Raises JsonlError, which begins with ``where``."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise JsonlError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise JsonlError(f"{where}: not a JSON object")
    if lacking := [key for key in keys if key not in row]:
        raise JsonlError(f"{where}: no {lacking[0]!r}: is it another kind of file?")
    return row


def read_mbpp(path: Path, *splits: str) -> Iterator[dict[str, Any]]:
    """The programs of some splits of MBPP, in its own format. Raises JsonlError."""
    for row in read_jsonl(path, "task_id", "split", "code", "test_list", "test_setup_code"):
        if row["split"] in splits:
            yield row
