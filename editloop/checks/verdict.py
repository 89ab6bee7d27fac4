"""What was checked of one candidate, and how it came out. Values only; ``verify`` makes them.

Truth is kept apart from reward: what a verdict is worth in training is decided by the trainer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from editloop.document.transcript import Finding

CheckerName = Literal["ty", "basedpyright", "mypy"]
CheckName = (
    Literal["syntax", "static", "import", "traceback", "doctests", "tests", "command", "pytest"]
    | CheckerName
)
TYPE_CHECKERS: Final[tuple[CheckerName, ...]] = get_args(CheckerName)
CODELESS: Final = frozenset({"syntax", "static", "traceback", *TYPE_CHECKERS})
"""Checks that run no code of the candidate's."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: ``good`` of ``total`` items passed; findings are the feedback for the model.

    Of a pass, in words: ``weak``, why it is weaker evidence, once for each item that is (see
    docs/limits.md); ``hides``, how the edit may only hide the failure. ``kept``: it held before the
    edit too, so that it only says that nothing was lost.
    """

    name: CheckName
    good: int
    total: int
    findings: tuple[Finding, ...] = ()
    weak: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    kept: bool = False

    @property
    def passed(self) -> bool:
        return self.good == self.total

    @property
    def summary(self) -> str:
        """The line for a person, such as ``tests 2/3``, or ``tests 3/3 (1 self-judged)``."""
        judged = self.weak and self.name in ("doctests", "tests")
        weak = f" ({len(self.weak)} self-judged)" if judged else ""
        return f"{self.name} {self.good}/{self.total}{weak}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Checks in the order in which they ran; later ones are missing once a cheaper one failed."""

    checks: tuple[CheckResult, ...]
    complete: bool
    """Whether every check that was asked for ran."""
    hints: tuple[Finding, ...] = ()
    """What is no error but helps to find one; never counts against the candidate."""

    @property
    def passed(self) -> bool:
        return self.complete and all(check.passed for check in self.checks)

    @property
    def items(self) -> int:
        """How many tests and examples were run; of checks that run no code none counts."""
        return sum(check.total for check in self.checks if check.name not in CODELESS)

    @property
    def hides(self) -> tuple[str, ...]:
        """The ways, in words, in which the candidate may only hide what failed; () for none."""
        return tuple(dict.fromkeys(words for check in self.checks for words in check.hides))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The feedback for the model: empty when everything passed, hints come last."""
        if self.passed:
            return ()
        return (*(f for check in self.checks for f in check.findings), *self.hints)

    @property
    def progress(self) -> tuple[int, float]:
        """How far the candidate came: checks passed in a row, share of the next one's items."""
        for rank, check in enumerate(self.checks):
            if not check.passed:
                return rank, check.good / check.total if check.total else 0.0
        return len(self.checks), 0.0
