"""The levels at which untrusted code is isolated, and the report on the one that is used."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    """Levels of isolation, best first; the value is what a person is shown."""

    A = "bubblewrap, Landlock and seccomp"
    B = "Landlock and seccomp"
    F = "untrusted code is not run"


@dataclass(frozen=True, slots=True)
class LevelReport:
    """What was chosen, why in one line, and what was tried."""

    level: Level
    reason: str
    details: tuple[str, ...] = ()
