"""What is to be run of a person's command, and how it went. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

How = Literal["file", "module", "import", "exec"]


@dataclass(frozen=True, slots=True)
class Job:
    """One run. ``argv[0]`` is the program of ``how`` "exec", else what ``sys.argv[0]`` shall be.

    ``name``: the file or module to run, ``path``: the first entry of ``sys.path``; paths are those
    of the project itself. ``stdin``: a file, None for an empty input.
    """

    how: How
    argv: tuple[str, ...]
    name: str = ""
    path: str = ""
    cwd: str = ""
    stdin: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    traced: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended: "exit", "cpu", "wall", "flood", "cancelled" or "lost"; its exit code
    (negative: a signal), its output, and what the program told of itself (untrusted; {} where it
    told nothing).
    """

    end: str
    status: int
    out: str
    errors: str
    told: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
