"""What a person is told about a fix: one line, a label for the undo list, and the whole report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal[
    "fixed", "possible fix", "nothing wrong", "not found", "cancelled", "stale", "error"
]
Check = Mapping[str, Any]
"""How a check came out: ``{"name", "good", "total"}``."""


@dataclass(frozen=True, slots=True)
class Report:
    """One fix, found or not. ``before`` and ``after`` are checks; empty where none ran."""

    uri: str
    name: str
    title: str
    status: Status
    reason: str
    diff: str = ""
    before: tuple[Check, ...] = ()
    after: tuple[Check, ...] = ()
    finding: str = ""
    """The first thing that was wrong, in words."""
    commands: tuple[str, ...] = ()
    candidates: int = 0
    turns: int = 0
    seconds: float = 0.0
    sandbox: str = ""
    model: str = ""
    notes: tuple[str, ...] = ()
    alternatives: int = 0
    verified: str = ""
    """By what the fix is verified, in words, "" where it is only possible."""
    possible: str = ""
    """What speaks for and against a fix that was not verified, in words."""
    next: str = ""
    """What to do next, "" where there is nothing to do."""
    trust: Mapping[str, Any] = field(default_factory=dict)
    """How the fixes compare (``Weighed`` as JSON data), empty until that is known."""
    wants_model: bool = False
    """Whether no fix was found, no model took part, and nobody said that none should."""

    @property
    def question(self) -> Mapping[str, Any] | None:
        """The first call on which the fixes that were compared differ: ``call``, ``answers`` (one a
        fix, "" where none came), ``line``; None where none is known."""
        found: Sequence[Mapping[str, Any]] = self.trust.get("differences", ())
        return found[0] if found else None

    @property
    def proven(self) -> bool:
        """Whether a doctest or test failed before, and all pass now."""
        broken = not passed(self.before)
        ran = {check["name"] for check in self.after} & {"doctests", "tests", "pytest"}
        failed = {c["name"] for c in self.before if c["good"] < c["total"]}
        return self.status == "fixed" and broken and bool(ran & failed)

    @property
    def label(self) -> str:
        """A label for the undo list: by what the fix is verified, or that it is only possible."""
        words = f"possible fix: {self.possible}" if self.possible else self.verified
        return f"editloop: {words}" if words else "editloop"

    @property
    def line(self) -> str:
        """One line for a person."""
        if self.status in ("fixed", "possible fix"):
            words = self.verified or self.possible
            return f"{self.name}: {self.status}: {words} ({self.seconds:.1f} s)"
        hint = f"; {self.next}" if self.next else ""
        if self.status == "nothing wrong":
            return f"{self.name}: nothing wrong found: {self.reason}{hint}"
        if self.status == "not found":
            return f"{self.name}: not fixed: {self.reason}{hint}"
        if self.status == "stale":
            return f"{self.name}: the fix was not applied: {self.reason}"
        return f"{self.name}: {self.reason}"

    def data(self) -> dict[str, Any]:
        return {**asdict(self), "line": self.line, "proven": self.proven}


def passed(checks: Sequence[Check]) -> bool:
    return all(check["good"] == check["total"] for check in checks)


def summary(checks: Sequence[Check]) -> str:
    """``syntax, static, doctests 3/3``: counts only where they say something."""
    words = []
    for check in merged(checks):
        counted = check["name"] not in ("syntax", "static") or check["good"] < check["total"]
        words.append(
            f"{check['name']} {check['good']}/{check['total']}" if counted else check["name"]
        )
    return ", ".join(words)


def merged(checks: Sequence[Check]) -> list[Check]:
    """Checks of one name as one, in order of their first."""
    sums: dict[str, dict[str, Any]] = {}
    for check in checks:
        one = sums.setdefault(check["name"], {"name": check["name"], "good": 0, "total": 0})
        one["good"] += check["good"]
        one["total"] += check["total"]
    return list(sums.values())


def markdown(report: Report) -> str:
    """The report to read."""
    parts = [f"# {report.name}: {report.status}", "", report.line, ""]
    if report.diff:
        parts += ["```diff", report.diff.rstrip("\n"), "```", ""]
    rows = [
        ("asked for", report.title),
        ("checks before", summary(report.before)),
        ("first finding", report.finding),
        ("checks after", summary(report.after)),
        ("commands", "; ".join(f"`{command}`" for command in report.commands)),
        ("search", f"{report.candidates} candidates tried, depth {report.turns}"),
        ("alternatives", str(report.alternatives) if report.alternatives else ""),
        ("trust", str(report.trust.get("words", ""))),
        *(("differs", one["line"]) for one in report.trust.get("differences", ())),
        *(("changes", one["line"]) for one in report.trust.get("changes", ())),
        ("seconds", f"{report.seconds:.2f}"),
        ("next", report.next),
        ("sandbox", report.sandbox),
        ("model", report.model),
        *(("note", note) for note in report.notes),
    ]
    parts += ["| | |", "|---|---|"]
    parts += [f"| {name} | {_cell(text)} |" for name, text in rows if text]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
