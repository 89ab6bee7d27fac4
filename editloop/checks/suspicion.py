"""A traceback that nobody can reproduce, as evidence: it says where to change something."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.traceback import Place
from editloop.checks.verdict import CheckResult
from editloop.checks.weak import weak_ways
from editloop.document.transcript import Finding
from editloop.python.statements import Changes, Statement, changes
from editloop.python.syntax import check_syntax


@dataclass(frozen=True, slots=True)
class TracebackCheck:
    """A Check: something changed in a function that the traceback goes through, at, above or around
    the line that failed, and not only so that the failure is hidden.

    Nothing is run: a pass proves nothing.
    """

    original: str
    place: Place

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        """One item; the finding is the exception, at the line that raised it."""
        if check_syntax(self.original) is not None or self._changes_it(source):
            return CheckResult("traceback", 1, 1)
        text = f"{self.place.function or 'the module'} -> {self.place.error}"
        return CheckResult("traceback", 0, 1, (Finding(text, self.place.line),))

    def traces(self, source: str, cancel: threading.Event | None) -> tuple[SuiteTrace, ...]:
        """The way that the traceback tells, whatever the source is."""
        frames = self.place.lines[::-1]
        return (SuiteTrace("traceback", False, frames=frames, error=self.place.error),)

    def _changes_it(self, source: str) -> bool:
        found = changes(self.original, source)
        if found is None or weak_ways(self.original, source, self.traces(source, None)):
            return False
        return any(_is_near(found, found.at(line)) for line in self.place.lines)


def _is_near(found: Changes, failed: Statement | None) -> bool:
    """Whether a statement of its function, not below it, is other than it was."""
    if failed is None:
        return False
    home, now = _home(failed), found.became[failed]
    if now is None:
        return False
    for old, new in found.became.items():
        above = (_home(old) is home or old is home) and old.node.lineno <= failed.node.lineno
        if above and (new is None or new.own != old.own):
            return True
    function = _home(now)
    return any(_home(new) is function and new.node.lineno <= now.node.lineno for new in found.new)


def _home(statement: Statement) -> Statement | None:
    """The function or class around a statement."""
    return next((above for above in reversed(statement.above) if hasattr(above.node, "name")), None)
