"""A real verifier for trusted test sources: compile, run in this process, compare values.

Loops end because a trace function counts the lines that run.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from editloop.checks.verdict import CheckResult, Verdict
from editloop.document.state import EditState
from editloop.document.transcript import Finding
from editloop.python.syntax import check_syntax

MAX_EVENTS = 1000
SOURCES = ("<module>", "<call>")


class TooLong(BaseException):
    """The candidate ran for more lines than it may."""


def make_verify(
    cases: Sequence[tuple[str, Any]], seen: list[str] | None = None
) -> Callable[[EditState], Verdict]:
    """A verify over (expression, expected value); every source is appended to ``seen``."""

    def verify(state: EditState) -> Verdict:
        if seen is not None:
            seen.append(state.text)
        broken = check_syntax(state.text)
        if broken is not None:
            return Verdict((CheckResult("syntax", 0, 1, (broken,)),), complete=False)
        results = [run(state.text, call, expected) for call, expected in cases]
        findings = tuple(Finding(text) for text in results if text is not None)
        tests = CheckResult("tests", len(cases) - len(findings), len(cases), findings)
        return Verdict((CheckResult("syntax", 1, 1), tests), complete=True)

    return verify


def run(source: str, call: str, expected: Any) -> str | None:
    """None where the call gives what is expected, else the finding's text."""
    events = 0

    def count(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal events
        if frame.f_code.co_filename not in SOURCES:
            return None  # not the candidate's: a collector's callback may run at any line
        events += 1
        if events > MAX_EVENTS:
            raise TooLong
        return count

    space: dict[str, Any] = {}
    before = sys.gettrace()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(source, SOURCES[0], "exec")
        asked = compile(call, SOURCES[1], "eval")
    sys.settrace(count)
    try:
        exec(code, space)
        got = eval(asked, space)
    except TooLong:
        return f"{call} -> no answer in time"
    except Exception as error:  # noqa: BLE001
        return f"{call} -> {type(error).__name__}: {error}"
    finally:
        sys.settrace(before)
    if got == expected and type(got) is type(expected):
        return None
    return f"{call} -> {got!r}, expected {expected!r}"
