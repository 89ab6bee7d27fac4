"""What the modules of the standard library export: names only, nothing is imported."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def exports() -> dict[str, frozenset[str]]:
    """Names by module, the common modules first."""
    lines = files("editloop").joinpath("data/stdlib.txt").read_text("utf-8").splitlines()
    return {words[0]: frozenset(words[1:]) for words in map(str.split, lines)}
