"""How a fix came out, as the command line and the language server tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from editloop.edits import minimal_hunks, unified_diff
from editloop.repair import Repair
from editloop.sandbox import LevelReport
from editloop.solutions import Solution
from editloop.text import Snapshot
from editloop.trust.strength import doubt
from editloop.trust.weighing import Weighed, compared
from editloop.verdict import Verdict
from editloop.wording import Asked, checked, next_step, reason, satisfied

Status = Literal["fixed", "possible fix", "nothing wrong", "not fixed"]


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
    asked: Asked = field(default_factory=Asked)
    evidence: str = ""
    weighed: Weighed | None = None
    """How the fixes compare; None where that was not looked at."""

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
    def reason(self) -> str:
        """One sentence on the repair, to follow its status."""
        return reason(self.repair, len(self.document.lines), self.asked)

    @property
    def next(self) -> str:
        """What to do next, "" where there is nothing to do."""
        return next_step(self.repair, len(self.document.lines), self.asked)

    @property
    def line(self) -> str:
        """One line for a person."""
        word = "nothing wrong found" if self.status == "nothing wrong" else self.status
        return f"{self.name}: {word}: {self.reason}"

    @property
    def status(self) -> Status:
        """``fixed`` only where the best fix was verified."""
        doubted = self.best is not None and doubt(self.repair.before, self.best.verdict)
        return "possible fix" if doubted else self.repair.status

    @property
    def sandbox(self) -> str:
        return f"level {self.level.level.name}, {self.level.level.value}"

    @property
    def trust(self) -> str:
        """How far the best fix can be trusted, in one line: what it satisfies, how others compare,
        and where it was counted how many like it were right; "" where that was not looked at."""
        if self.weighed is None or self.best is None:
            return ""
        ran = [c for c in self.best.verdict.checks if c.name in ("doctests", "tests")]
        examples = sum(check.total for check in ran)
        sure = examples and self.status == "fixed"
        counted = self.weighed.share(examples) if sure else ""
        return "; ".join(filter(None, [self.reason, self.weighed.words, counted]))

    def diff_of(self, solution: Solution) -> str:
        return unified_diff(self.document, solution.state.document, self.name)

    def of_fixes(self, left: Sequence[int]) -> Outcome:
        """The outcome with some of the compared fixes alone, by their numbers."""
        by_text = {one.state.text: one for one in self.repair.passing}
        texts = compared(self.repair)
        kept = tuple(by_text[texts[number]] for number in left)
        return self._with_solutions(kept[: max(len(self.solutions), 1)])

    def without_fixes(self, call: str) -> Outcome:
        """Without any: a person said that all of them are wrong for a call."""
        told = f"no fix that was found is right for {call}"
        changed = self._with_solutions((), told)
        return replace(changed, repair=replace(changed.repair, status="not fixed"))

    def _with_solutions(self, solutions: tuple[Solution, ...], reason: str = "") -> Outcome:
        result = self.repair.result
        assert result is not None
        result = replace(result, solutions=solutions, reason=reason or result.reason)
        return replace(self, repair=replace(self.repair, result=result))

    def row(self, seconds: float) -> dict[str, Any]:
        """The JSON object; an alternative has the keys of the best fix."""
        result = self.repair.result
        found = [self._fix_row(solution) for solution in self.solutions]
        words = {"verified": "", "possible": ""}
        nothing = {"diff": "", "edits": [], **words, "verified_by": [], "weak": []}
        return {
            "status": self.status,
            **(found[0] if found else {**nothing, "commands": []}),
            "turns": result.turns if result else 0,
            "candidates": result.candidates if result else 0,
            "seconds": round(seconds, 3),
            "sandbox": self.level.level.name,
            "alternatives": found[1:],
            "reason": self.reason,
            "next": self.next,
            "before": self.before_line,
            "notes": list(self.notes),
            "evidence": self.evidence,
            "trust": {"line": self.trust, **self.weighed.row()} if self.weighed else None,
        }

    def _fix_row(self, solution: Solution) -> dict[str, Any]:
        doubted = doubt(self.repair.before, solution.verdict)
        words = satisfied(solution.verdict, doubted)
        return {
            "diff": self.diff_of(solution),
            "edits": edit_rows(self.document, solution.state.document),
            "verified": "" if doubted else words,
            "possible": words if doubted else "",
            "verified_by": [check.summary for check in solution.verdict.checks],
            "weak": list(solution.verdict.hides),
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
    """``it parses, no findings, 1 of 2 examples passes``, and the first finding of what failed."""
    text = checked(verdict)
    first = next((f for f in verdict.findings), None)
    if first is None:
        return text
    place = "" if first.line is None else f"line {first.line + 1}: "
    return f"{text}\n{place}{first.text}"
