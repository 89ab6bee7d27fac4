"""How the fixes compare that satisfy the same evidence, as values; ``weighing`` finds it out.

Imports nothing heavy: the process that talks to an editor has it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from editloop.trust.share import Group, Share, share


@dataclass(frozen=True, slots=True)
class Difference:
    """A call to which fixes answer differently; ``answers``: one for each fix, the first fix's
    first, "" where none came."""

    call: str
    answers: tuple[str, ...]

    @property
    def line(self) -> str:
        """``f([1, 2], 0.5): this fix gives 1, another 2``."""
        mine = self.answers[0]
        other = next(text for text in self.answers if text not in ("", mine))
        both = not (is_error(mine) or is_error(other))
        return f"{self.call}: this fix {_gives(mine)}, another {other if both else _gives(other)}"


@dataclass(frozen=True, slots=True)
class Change:
    """A call that did not fail before the fix and answers something else after it."""

    call: str
    before: str
    after: str

    @property
    def line(self) -> str:
        return f"{self.call}: {self.before} before, now {self.after}"


@dataclass(frozen=True, slots=True)
class Weighed:
    """``fixes``: how many were compared, the first included; ``calls``: to how many calls."""

    fixes: int
    calls: int = 0
    differences: tuple[Difference, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def differing(self) -> int:
        """How many of the other fixes answer some call differently than the first."""
        told = (enumerate(found.answers) for found in self.differences)
        firsts = (found.answers[0] for found in self.differences)
        pairs = zip(firsts, told, strict=True)
        return len({n for mine, one in pairs for n, text in one if text not in ("", mine)})

    def share(self, examples: int) -> Share | None:
        """How many fixes were right, of those counted that satisfy as many examples and compare
        likewise; None where too few were counted."""
        return share(Group.of(examples, self.differing)) if self.calls else None

    @property
    def words(self) -> str:
        """How other fixes compare: ``2 other fixes satisfy it too, 1 of them differs``."""
        others = self.fixes - 1
        if not others:
            return "no other fix was found that satisfies it"
        told = f"{others} other fix{'es satisfy' if others > 1 else ' satisfies'} it too"
        if not self.calls:
            return told
        if not self.differences:
            return f"{told}, no difference in {self.calls} calls"
        return f"{told}, {self.differing} of them differ{'s' if self.differing == 1 else ''}"

    def row(self) -> dict[str, Any]:
        """The fields as JSON data, with what they say to a person: ``words``, and a ``line`` for
        each difference and change."""
        return {
            **asdict(self),
            "differences": [{**asdict(one), "line": one.line} for one in self.differences],
            "changes": [{**asdict(one), "line": one.line} for one in self.changes],
            "words": self.words,
        }

    @staticmethod
    def decode(row: Mapping[str, Any]) -> Weighed:
        """What was compared, of its fields as JSON data."""
        told = (Difference(one["call"], tuple(one["answers"])) for one in row["differences"])
        changes = (Change(c["call"], c["before"], c["after"]) for c in row["changes"])
        return Weighed(row["fixes"], row["calls"], tuple(told), tuple(changes))


def is_error(text: str) -> bool:
    """Whether an answer's text tells of an exception."""
    return text.startswith("raises ")


def _gives(text: str) -> str:
    return text if is_error(text) else f"gives {text}"
