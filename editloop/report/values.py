"""How a fix came out, as data: the command line prints it, a worker answers it, editors show it.

Nothing heavy is imported: the process that talks to an editor has it too. ``building`` makes it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from editloop.checks.verdict import CODELESS
from editloop.trust.share import Share
from editloop.trust.weighed import Weighed

Status = Literal["fixed", "possible fix", "nothing wrong", "not fixed"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fix:
    """One fix: the ``text`` with it, and the ``edits`` that make it (0-based, in code points).

    ``region``: first line, and the one after the last, of the edits and of the functions that they
    are in. By what it is ``verified``, in words, or what speaks for and against it where it is only
    ``possible``.
    ``checks``: ``name``, ``good`` and ``total`` of each. ``weak``: how it may only hide a failure.
    """

    text: str
    diff: str
    edits: tuple[Row, ...]
    region: tuple[int, int]
    verified: str
    possible: str
    verified_by: tuple[str, ...]
    weak: tuple[str, ...]
    commands: tuple[str, ...]
    checks: tuple[Row, ...]
    after: str
    """What was checked with it, for a person."""
    candidates: int
    """Candidates that were tried until it was found."""

    @property
    def label(self) -> str:
        """A label for the undo list: by what it is verified, or that it is only possible."""
        words = f"possible fix: {self.possible}" if self.possible else self.verified
        return f"editloop: {words}" if words else "editloop"


@dataclass(frozen=True, slots=True)
class FixReport:
    """The one form of a result, found or not; ``fixes`` are those that are offered, best first.

    ``evidence``: what a fix rests on where that proves nothing, "" where it was verified.
    ``before``: what was checked of the document, for a person; ``before_checks``: as in ``Fix``.
    """

    name: str
    status: Status
    """``fixed`` only where the best fix was verified."""
    reason: str
    """One sentence, to follow the status."""
    next: str = ""
    """What to do next, "" where there is nothing to do."""
    fixes: tuple[Fix, ...] = ()
    before: str = ""
    before_checks: tuple[Row, ...] = ()
    candidates: int = 0
    turns: int = 0
    seconds: float = 0.0
    sandbox: str = "F"
    notes: tuple[str, ...] = ()
    evidence: str = ""
    weighed: Weighed | None = None
    """How the fixes compare; None where that was not looked at."""
    wants_model: bool = False
    """Whether no fix was found, no model took part, and nobody said that none should."""

    @property
    def best(self) -> Fix | None:
        return self.fixes[0] if self.fixes else None

    @property
    def diff(self) -> str:
        return self.best.diff if self.best else ""

    @property
    def line(self) -> str:
        """One line for a person."""
        word = "nothing wrong found" if self.status == "nothing wrong" else self.status
        return f"{self.name}: {word}: {self.reason}"

    @property
    def trust(self) -> str:
        """How far the best fix can be trusted, in one line: what it satisfies, how others compare,
        and where it was counted how many like it were right; "" where that was not looked at."""
        if self.weighed is None or self.best is None:
            return ""
        counted = self.share.words if self.share else ""
        return "; ".join(filter(None, [self.reason, self.weighed.words, counted]))

    @property
    def share(self) -> Share | None:
        """How many fixes like the best one were right; None where more than examples or tests
        failed before, it was not compared, or too few like it were counted."""
        if self.weighed is None or self.best is None or self.status != "fixed":
            return None
        if any(c["good"] < c["total"] for c in self.before_checks if c["name"] in CODELESS):
            return None
        ran = [check for check in self.best.checks if check["name"] in ("doctests", "tests")]
        examples = sum(check["total"] for check in ran)
        return self.weighed.share(examples) if examples else None

    @property
    def compared(self) -> Row | None:
        """How the fixes compare, as JSON data, with ``trust`` as its ``line``; None: unknown."""
        return {"line": self.trust, **self.weighed.row()} if self.weighed else None

    def encode(self) -> Row:
        """The report as JSON data, of which ``decode`` makes it again."""
        return asdict(self)

    @staticmethod
    def decode(row: Row) -> FixReport:
        """Raises KeyError and TypeError for what is no report."""
        weighed = row["weighed"] and Weighed.decode(row["weighed"])
        fixes = tuple(Fix(**_tuples(fix)) for fix in row["fixes"])
        return FixReport(**{**_tuples(row), "fixes": fixes, "weighed": weighed})

    def shown(self) -> Row:
        """What ``--json`` prints; an alternative has the keys of the best fix."""
        row = self.encode()
        best, *others = [{key: fix[key] for key in _OF_A_FIX} for fix in row["fixes"]] or [_NONE]
        return {
            "status": self.status,
            **best,
            **{key: row[key] for key in ("turns", "candidates", "seconds", "sandbox")},
            "alternatives": others,
            **{key: row[key] for key in ("reason", "next", "before", "notes", "evidence")},
            "trust": self.compared,
        }


_OF_A_FIX = ("diff", "edits", "verified", "possible", "verified_by", "weak", "commands")
_NONE: Row = {key: "" if key in ("diff", "verified", "possible") else [] for key in _OF_A_FIX}


def _tuples(row: Row) -> Row:
    """A row of JSON data with tuples in place of lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
