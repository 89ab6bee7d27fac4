"""How well untrusted code can be isolated on this machine: the levels, and the self-test that
chooses one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    """Levels of isolation, best first; the value is what a person is shown."""

    A = "bubblewrap, Landlock and seccomp"
    B = "Landlock and seccomp"
    C = "macOS sandbox-exec and a memory watchdog"
    D = "inside WSL or a development container"
    E = "Windows job object, after explicit consent"
    F = "untrusted code is not run"


@dataclass(frozen=True, slots=True)
class LevelReport:
    """What was chosen, why in one line, and what was tried."""

    level: Level
    reason: str
    details: tuple[str, ...] = ()
