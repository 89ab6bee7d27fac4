"""How a fix came out, as the command line and the language server tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from editloop.edits import minimal_hunks, unified_diff
from editloop.repair import Repair
from editloop.sandbox import LevelReport
from editloop.solutions import Solution
from editloop.text import Snapshot
from editloop.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """A repair of ``document``, with what the output needs.

    ``evidence``: what a fix rests on where that proves nothing, "" where it was verified.
    """

    name: str
    document: Snapshot
    repair: Repair
    level: LevelReport
    notes: tuple[str, ...] = ()
    evidence: str = ""

    @property
    def solutions(self) -> tuple[Solution, ...]:
        result = self.repair.result
        return result.solutions if result else ()

    @property
    def best(self) -> Solution | None:
        return self.solutions[0] if self.solutions else None

    @property
    def diff(self) -> str:
        return self.diff_of(self.best) if self.best else ""

    @property
    def before_line(self) -> str:
        return describe(self.repair.before)

    @property
    def after_line(self) -> str:
        return describe(self.best.verdict) if self.best else ""

    @property
    def sandbox(self) -> str:
        return f"level {self.level.level.name}, {self.level.level.value}"

    def diff_of(self, solution: Solution) -> str:
        return unified_diff(self.document, solution.state.document, self.name)

    def row(self, seconds: float) -> dict[str, Any]:
        """The JSON object; an alternative has the keys of the best fix."""
        result = self.repair.result
        found = [self._fix_row(solution) for solution in self.solutions]
        nothing = {"diff": "", "edits": [], "verified_by": [], "weak": [], "commands": []}
        return {
            "status": self.repair.status,
            **(found[0] if found else nothing),
            "turns": result.turns if result else 0,
            "candidates": result.candidates if result else 0,
            "seconds": round(seconds, 3),
            "sandbox": self.level.level.name,
            "alternatives": found[1:],
            "reason": self.repair.reason,
            "before": self.before_line,
            "notes": list(self.notes),
            "evidence": self.evidence,
        }

    def _fix_row(self, solution: Solution) -> dict[str, Any]:
        return {
            "diff": self.diff_of(solution),
            "edits": edit_rows(self.document, solution.state.document),
            "verified_by": [check.summary for check in solution.verdict.checks],
            "weak": list(solution.verdict.weak),
            "commands": [str(command) for command in solution.commands],
        }


def edit_rows(before: Snapshot, after: Snapshot) -> list[dict[str, Any]]:
    """Minimal edits as JSON data; lines and characters are 0-based, in code points."""
    return [
        {
            "start": {"line": e.start_line, "character": e.start_character},
            "end": {"line": e.end_line, "character": e.end_character},
            "new_text": e.new_text,
        }
        for e in minimal_hunks(before, after)
    ]


def describe(verdict: Verdict) -> str:
    """``syntax 1/1, static 2/2, doctests 1/2``, and the first finding of what failed."""
    text = ", ".join(check.summary for check in verdict.checks)
    first = next((f for f in verdict.findings), None)
    if first is None:
        return text
    place = "" if first.line is None else f"line {first.line + 1}: "
    return f"{text}\n{place}{first.text}"
