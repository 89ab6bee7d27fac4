"""What the files of a work folder say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def score(summary: Path) -> dict[str, Any]:
    """Shares of the held-out tasks that the search solves, and one greedy episode of the loop,
    which has a summary beside (`by_loop`); {} where they are unknown."""
    search, loop = (
        json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for path in (summary, by_loop(summary))
    )
    if not search.get("done") or not loop.get("done"):
        return {}
    return {
        "tasks": search["done"],
        "search": round(search["solved"] / search["done"], 4),
        "pass_at_1": round(loop["solved"] / loop["done"], 4),
    }


def by_loop(summary: Path) -> Path:
    """Beside the summary of a search, that of one greedy episode of the loop at the same tasks."""
    return summary.with_suffix(".loop.json")


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
    from editloop.model.store import in_store, store_folder

    if base.is_dir():
        return base.name
    store = store_folder()
    return base.stem if in_store(base, store) and base.parent == store else str(base)
