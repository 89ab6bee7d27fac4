"""How an editor shows a report: one line, a label for the undo list, and the whole report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from editloop.report.values import FixReport
from editloop.trust.weighed import Difference

Status = Literal[
    "fixed", "possible fix", "nothing wrong", "not found", "cancelled", "stale", "error"
]
Check = Mapping[str, Any]
"""How a check came out: ``{"name", "good", "total"}``."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one target in an editor: ``found``, or why there is nothing."""

    uri: str
    title: str
    status: Status
    found: FixReport
    sandbox: str = ""
    """In words."""
    model: str = ""

    @property
    def question(self) -> Difference | None:
        """The first call on which the fixes that were compared differ; None where none is known."""
        weighed = self.found.weighed
        return weighed.differences[0] if weighed and weighed.differences else None

    def preferred(self, least: float) -> bool:
        """Whether nobody has to be asked: proven, no other fix is known to differ, and at least the
        share ``least`` of fixes like this was right, where that is known."""
        share = self.found.share
        return self.proven and not self.question and not (share and share.value < least)

    @property
    def after(self) -> tuple[Check, ...]:
        """The checks of the best fix."""
        return self.found.best.checks if self.found.best else ()

    @property
    def finding(self) -> str:
        """The first thing that was wrong, in words."""
        return self.found.before.partition("\n")[2]

    @property
    def proven(self) -> bool:
        """Whether a doctest or test failed before, and all pass now."""
        ran = {check["name"] for check in self.after} & {"doctests", "tests", "pytest"}
        failed = {c["name"] for c in self.found.before_checks if c["good"] < c["total"]}
        return self.status == "fixed" and bool(ran & failed)

    @property
    def line(self) -> str:
        """One line for a person."""
        found = self.found
        if found.best is not None:
            words = found.best.verified or found.best.possible
            return f"{found.name}: {self.status}: {words} ({found.seconds:.1f} s)"
        hint = f"; {found.next}" if found.next else ""
        told = {
            "nothing wrong": f"nothing wrong found: {found.reason}{hint}",
            "not found": f"not fixed: {found.reason}{hint}",
            "stale": f"the fix was not applied: {found.reason}",
        }
        return f"{found.name}: {told.get(self.status, found.reason)}"

    def data(self) -> dict[str, Any]:
        """The object that clients get (docs/lsp.md)."""
        row, best = self.found.encode(), self.found.best
        return {
            "uri": self.uri,
            "title": self.title,
            "status": self.status,
            **{key: row[key] for key in _SAME},
            "diff": self.found.diff,
            "before": row["before_checks"],
            "after": self.after,
            "finding": self.finding,
            "commands": best.commands if best else (),
            "sandbox": self.sandbox,
            "model": self.model,
            "alternatives": max(len(self.found.fixes) - 1, 0),
            "verified": best.verified if best else "",
            "possible": best.possible if best else "",
            "trust": self.found.compared,
            "line": self.line,
            "proven": self.proven,
        }


_SAME = ("name", "reason", "candidates", "turns", "seconds", "notes", "next", "wants_model")


def summary(checks: Sequence[Check]) -> str:
    """``syntax, static, doctests 3/3``: counts only where they say something."""
    words = []
    for check in merged(checks):
        counted = check["name"] not in ("syntax", "static") or check["good"] < check["total"]
        words.append(
            f"{check['name']} {check['good']}/{check['total']}" if counted else check["name"]
        )
    return ", ".join(words)


def merged(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Checks of one name as one, in order of their first."""
    sums: dict[str, dict[str, Any]] = {}
    for check in checks:
        one = sums.setdefault(check["name"], {"name": check["name"], "good": 0, "total": 0})
        one["good"] += check["good"]
        one["total"] += check["total"]
    return list(sums.values())


def markdown(report: Report) -> str:
    """The report to read."""
    found, weighed = report.found, report.found.weighed
    parts = [f"# {found.name}: {report.status}", "", report.line, ""]
    if found.diff:
        parts += ["```diff", found.diff.rstrip("\n"), "```", ""]
    rows = [
        ("asked for", report.title),
        ("checks before", summary(found.before_checks)),
        ("first finding", report.finding),
        ("checks after", summary(report.after)),
        ("commands", "; ".join(f"`{one}`" for one in found.best.commands) if found.best else ""),
        ("search", f"{found.candidates} candidates tried, depth {found.turns}"),
        ("alternatives", str(len(found.fixes) - 1) if len(found.fixes) > 1 else ""),
        ("trust", found.trust),
        *(("differs", one.line) for one in (weighed.differences if weighed else ())),
        *(("changes", one.line) for one in (weighed.changes if weighed else ())),
        ("seconds", f"{found.seconds:.2f}"),
        ("next", found.next),
        ("sandbox", report.sandbox),
        ("model", report.model),
        *(("note", note) for note in found.notes),
    ]
    parts += ["| | |", "|---|---|"]
    parts += [f"| {name} | {_cell(text)} |" for name, text in rows if text]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
