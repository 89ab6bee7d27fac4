"""What a probe of ``editloop doctor`` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OK: Literal["OK"] = "OK"
MISSING: Literal["--"] = "--"
BROKEN: Literal["!!"] = "!!"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. ``!!``: fix cannot work; ``--``: something optional is missing."""

    mark: Literal["OK", "--", "!!"]
    name: str
    text: str
