"""What the files of a work folder say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def score(summary: Path) -> dict[str, Any]:
    """Share of the held-out tasks that the search and one plain episode solve; {} if unknown."""
    row = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
    done = row.get("done", 0)
    if not done:
        return {}
    found = {"tasks": done, "search": round(row["solved"] / done, 4), "pass_at_1": row["pass_at_1"]}
    return {key: value for key, value in found.items() if value is not None}


def context_of(base: Path) -> int:
    """Tokens that a base was made for: a folder or a GGUF."""
    if base.is_file():
        from editloop.engine import read_info

        return read_info(base).context_length
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    return int(config["max_position_embeddings"])


def count_rows(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)


def base_name(base: Path) -> str:
    """How an adapter's file names its base: as it is called in the store, or the path of a file
    elsewhere; a folder by its name."""
    from editloop.models import in_store, store_folder

    if base.is_dir():
        return base.name
    store = store_folder()
    return base.stem if in_store(base, store) and base.parent == store else str(base)
