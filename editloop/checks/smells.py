"""What is suspicious, as hints where a model should look. Proves nothing and fails nothing.

Ruff's rules for likely mistakes, those of flake8-bugbear first, and `likely_mistakes`: much of it
is meant, so a candidate is never judged by them.
"""

from __future__ import annotations

import json
import logging
import subprocess
from typing import Final

from editloop.checks.likely import likely_mistakes
from editloop.checks.static import StaticCheckError, find_ruff
from editloop.document.text import split_lines

log = logging.getLogger(__name__)

SMELLS: Final = (
    *("B00", "B01", "B02", "B03", "ASYNC", "F402", "F404", "F407", "F6", "PLE"),
    *("PLW0127", "PLW0128", "PLW0129", "PLW0133", "PLW0642", "PLW0711", "PLW1501", "PLW2901"),
    *("RUF006", "RUF008", "RUF009"),
)
MEANT: Final = ("B007", "B008", "B009", "B010", "B011", "B028")
"""Rules that SMELLS would take in and that are about style."""
_SECONDS = 5.0


def smells(source: str) -> dict[str, str]:
    """What is suspicious about a line, by its text."""
    lines = split_lines(source)
    found = [*_linted(source), *likely_mistakes(source)]
    return {lines[line].text: text for line, text in found if line < len(lines)}


def _linted(source: str) -> list[tuple[int, str]]:
    """Lines (0-based) with what ruff says; empty where it cannot."""
    try:
        rules = ("--select", ",".join(SMELLS), "--ignore", ",".join(MEANT))
        done = subprocess.run(
            [find_ruff(), "check", "--isolated", "--no-cache", "--output-format=json", *rules, "-"],
            input=source,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
        return [
            (int(row["location"]["row"]) - 1, str(row["message"]))
            for row in json.loads(done.stdout)
            if str(row["code"]).startswith(SMELLS)  # a syntax error is no rule of these
        ]
    except (StaticCheckError, OSError, ValueError, LookupError, TypeError) as error:
        log.debug("no smells: %s", error)
    except subprocess.TimeoutExpired:
        log.debug("no smells within %g s", _SECONDS)
    return []
