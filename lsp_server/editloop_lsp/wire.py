"""What the server and its workers say to each other: one JSON object a line.

Server to worker: ``{"id", "method", "params"}``, and ``{"cancel": id}``. Worker to server:
``{"id", "result"}``, ``{"id", "error", "kind"}``, ``{"id", "progress"}``, ``{"event": ...}``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from editloop.budget import SECONDS


@dataclass(frozen=True, slots=True)
class FixJob:
    """A job: one fix. Lines are 0-based; without ``line`` and ``lines`` the place is looked for."""

    name: str
    text: str
    path: str | None = None
    """The module's file, None where there is none: no test files are looked for then."""
    line: int | None = None
    narrow: bool = False
    """Whether what fails outside of the function around ``line`` is tolerated."""
    asked: str = ""
    """The code of the diagnostic on ``line`` that was asked about."""
    checker: str = ""
    """The type checker that reported it, "" for none: it has to say that its finding is gone."""
    importers: dict[str, str] = field(default_factory=dict)
    """Texts of open files that may import this one, by path: it must find nothing new there."""
    lines: tuple[int, int] | None = None
    """First line, and the line after the last."""
    budget: float = SECONDS
    alternatives: int = 3
    model: str = ""
    server: str = ""
    """Address of a server that runs the model in place of ``model``, "" for none."""
    static: bool = True
    tests: bool = True
    tests_may_fail: bool = False
    """Whether tests that failed before may fail: the fix is not about them."""
    level: str | None = None
    """The sandbox's level; None where no code may be run."""
    traceback: str = ""
    """What a run printed, "" for none."""
    run: str = ""
    """A command that fails, "" for none; it is typed in the folder of the project."""


@dataclass(frozen=True, slots=True)
class WeighJob:
    """A job: to say on which calls fixes differ; ``fixes`` are texts, the one offered first."""

    text: str
    fixes: list[str]
    level: str
    path: str | None = None
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class KeepJob:
    """A job: to write the right answer to a call down as a doctest of a text."""

    text: str
    call: str
    answer: str


@dataclass(frozen=True, slots=True)
class CheckJob:
    """A job: syntax and static checks of a text."""

    text: str
    static: bool = True


@dataclass(frozen=True, slots=True)
class SuspectsJob:
    """A job: to say where something is wrong in a text."""

    text: str
    static: bool = True
    level: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeJob:
    """A job: to say what was changed from one text to another."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TestsJob:
    """A job: to run the doctests of a text, and the test files of its module."""

    __test__ = False

    text: str
    level: str
    path: str | None = None
    suites: bool = True
