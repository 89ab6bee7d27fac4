"""A pytest plugin that tells, line by line, what each test did: for any Python from 3.8 and any
pytest from 6 on.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

import pytest

from editloop.sandbox.inner import tracing, wire

TEXT_CAP = 2000
FRAMES = 50
"""At most so many frames of an exception are told."""


class Recorder:
    """Writes ids, outcomes, errors and frames to a descriptor. ``module``: the file whose frames
    count; ``traced``: lines as well.
    """

    def __init__(self, out: int, module: str, traced: bool = False) -> None:
        self.out = out
        self.module = os.path.realpath(module) if module else ""
        self.traced = traced
        self.leaves = False
        self.first: list[str] = []
        self.helped = False
        self.ours: dict[str, bool] = {}

    def tell(self, **what: Any) -> None:
        """One line."""
        wire.write(self.out, json.dumps(what).encode() + b"\n")

    def in_module(self, filename: str) -> bool:
        """Whether a code object's file is the module."""
        known = self.ours.get(filename)
        if known is None:
            known = self.ours[filename] = os.path.realpath(filename) == self.module
        return known

    def pytest_collection_finish(self, session: Any) -> None:
        """The ids, in order; then those of ``first`` come first."""
        self.tell(ids=[item.nodeid for item in session.items])
        ahead = set(self.first)
        if ahead:
            session.items.sort(key=lambda item: item.nodeid not in ahead)
        self.first = [item.nodeid for item in session.items if item.nodeid in ahead]

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """The end of a fork where none of the first tests passed."""
        if self.first and nodeid == self.first[-1] and not self.helped:
            self.tell(stopped=True, exit=1)
            os._exit(0)

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be collected."""
        if report.failed:
            self.tell(broken=report.nodeid, text=str(report.longrepr)[-TEXT_CAP:])

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The call, or a set-up or tear-down that did not pass."""
        if report.when == "call" or not report.passed:
            text = report.longreprtext[-TEXT_CAP:] if report.failed else ""
            self.tell(id=report.nodeid, outcome=report.outcome, text=text)
        if report.when == "call" and report.passed and report.nodeid in self.first:
            self.helped = True

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        """What a test or a collection raised."""
        self.tell(raised=node.nodeid, **self.describe(call.excinfo.value))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The end of a fork: nobody reads the summaries that follow."""
        if self.leaves:
            self.tell(exit=int(exitstatus))
            os._exit(0)

    def describe(self, error: BaseException) -> dict[str, Any]:
        """An exception: its text, and its frames in the module (0-based lines, innermost last)."""
        error = _root(error)
        lines: list[int] = []
        place = ""
        trace = error.__traceback__
        while trace is not None:
            filename = trace.tb_frame.f_code.co_filename
            place = f"{os.path.basename(filename)}:{trace.tb_lineno}"
            # A recursion is one.
            if self.in_module(filename) and lines[-1:] != [trace.tb_lineno - 1]:
                lines.append(trace.tb_lineno - 1)
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{os.path.basename(error.filename)}:{error.lineno or 0}"
            if self.in_module(error.filename):
                lines.append((error.lineno or 1) - 1)
        return {
            "error": _text(error),
            "at": place,
            "frames": lines[-FRAMES:],
            "own": bool(lines) or self.lacks(error),
        }

    def lacks(self, error: BaseException) -> bool:
        """Whether an exception says that the module has no such name."""
        place = getattr(error, "path", None) if isinstance(error, ImportError) else None
        if isinstance(error, AttributeError):
            place = getattr(getattr(error, "obj", None), "__file__", None)
        return isinstance(place, str) and self.in_module(place)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Set-up, call and tear-down, and the lines that they ran."""
        if not self.traced:
            yield
            return
        lines: set[int] = set()
        tracer = tracing.tracer(self.in_module, lines)
        before = sys.gettrace()
        threading.settrace(tracer)
        sys.settrace(tracer)
        try:
            yield
        finally:
            sys.settrace(before)
            threading.settrace(before)
            self.tell(ran=item.nodeid, lines=sorted(lines))


def _root(error: BaseException) -> BaseException:
    """What pytest's own error at collection is about."""
    for _ in range(20):
        if type(error).__name__ not in ("CollectError", "ConftestImportFailure"):
            break
        found = error.__cause__ or error.__context__
        if found is None:
            break
        error = found
    return error


def _text(error: BaseException) -> str:
    """Type and message, in which pytest has put its explanation of an assertion."""
    try:
        return f"{type(error).__name__}: {error}".rstrip(": ")[:TEXT_CAP]
    except BaseException:  # noqa: BLE001
        return type(error).__name__
