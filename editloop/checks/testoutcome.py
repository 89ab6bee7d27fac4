"""How a test went: its outcome, the limits of the child that ran it, and the text for an answer
that is an error, is malformed or never came. Runs and compares nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from editloop.checks.suitetrace import numbers
from editloop.sandbox.inner.show import CAP
from editloop.sandbox.inner.wire import ANSWER_CAP
from editloop.sandbox.job import Answers, Job

Status = Literal["pass", "fail", "error", "timeout"]
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one test went, in deterministic text: no addresses or paths.

    ``lines`` (0-based): those of the module that it ran, where the run was traced and the host
    compares; ``load``, ``seconds``: wall time of loading the module, and of the test after that.
    """

    __test__ = False

    name: str
    status: Status
    call: str = ""
    expected: str = ""
    got: str = ""
    line: int | None = None
    weak: str = ""
    """Why a pass is weaker evidence than others: what can be talked into it. "" where nothing."""
    lines: frozenset[int] = field(default=frozenset(), compare=False)
    load: float = field(default=0.0, compare=False)
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one child. ``warm``: others may have run in it; ``traced``: it tells the lines that
    each answer took."""

    cpu_seconds: float
    wall_seconds: float
    warm: bool
    traced: bool = False

    def job(
        self, message: dict[str, Any], cap: int = ANSWER_CAP, answers: int | None = None
    ) -> Job:
        """The job of a child with these limits."""
        return Job(message, self.cpu_seconds, self.wall_seconds, cap, self.warm, answers)


def noted(outcome: TestOutcome, answers: Answers, first: int, count: int) -> TestOutcome:
    """The outcome with the lines and times of ``count`` answers, of which ``first`` is the number
    of the first."""
    mine = answers.frames[first + 1 : first + 1 + count]
    lines = frozenset(n for f in mine if isinstance(f, dict) for n in numbers(f.get("lines")))
    seconds = answers.seconds(first, first + count)
    return replace(outcome, lines=lines, load=answers.seconds(-1, 0), seconds=seconds)


def load_error(
    answers: Answers, ended: Answers | None = None
) -> tuple[Status, str, int | None] | None:
    """Status, text and line when the module could not be loaded. ``ended``: what tells why where
    nothing came, if it is another child than this."""
    first = answers.frames[0] if answers.frames else None
    if first is None:
        status, text = ending(ended or answers)
        return status, text, None
    if not isinstance(first, dict) or first.get("n") != -1:
        return "error", "malformed answer", None
    if "exc" in first:
        return "error", *error_text(first["exc"])
    return None


def ending(answers: Answers) -> tuple[Status, str]:
    """Status and text of a test whose answer never came, by how the child ended."""
    if answers.timed_out:
        return "timeout", ""
    text = {
        "crash": f"crashed ({answers.signal})",
        "flood": "answered more than 1 MB",
        "cancelled": "cancelled",
        "stopped": NOT_RUN,
        "lost": "the sandbox was lost",
    }.get(answers.end, "ended without an answer")
    return "error", text


def error_text(told: Any) -> tuple[str, int | None]:
    """`ValueError: message` and the candidate's line, from an untrusted frame."""
    try:
        name, message, line = str(told["mro"][0])[:80], str(told["msg"]), told["line"]
        message = message[: 4 * CAP]
    except (KeyError, IndexError, TypeError):
        return "malformed answer", None
    text = f"{name}: {clean(message)}" if message else name
    return short(text), line if type(line) is int else None


def short(text: str) -> str:
    """At most CAP characters, all of which can be written: a lone surrogate is shown escaped."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= CAP else text[: CAP - 3] + "..."


def clean(text: str) -> str:
    """Without addresses and paths, which differ between runs."""
    text = re.sub(r"\b0x[0-9a-fA-F]{6,}", "0x...", text)
    return re.sub(r"(/[\w.@~-]+){2,}/", ".../", text)
