"""What tells the fixes apart that satisfy the same evidence, and what the first of them changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from editloop.budget import Cancelled, Stop
from editloop.repair import Repair
from editloop.sandbox import SandboxError, SandboxPool
from editloop.solutions import Solution
from editloop.trust import MOST_FIXES
from editloop.trust.answers import Answer, ask
from editloop.trust.inputs import inputs
from editloop.trust.share import group_of, share

_MOST_CHANGES = 3

Answers = tuple[Answer | None, ...]


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

    def share(self, examples: int) -> str:
        """How many of the fixes were right, of those counted that satisfy as many examples and
        compare likewise, in words; "" where too few were counted."""
        return share(group_of(examples, self.fixes - 1, self.differing)) if self.calls else ""

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
        return {**asdict(self), "words": self.words}

    @staticmethod
    def decode(row: Mapping[str, Any]) -> Weighed:
        """What was compared, of its fields as JSON data."""
        told = (Difference(one["call"], tuple(one["answers"])) for one in row["differences"])
        changes = (Change(**one) for one in row["changes"])
        return Weighed(row["fixes"], row["calls"], tuple(told), tuple(changes))


def is_error(text: str) -> bool:
    """Whether an answer's text tells of an exception."""
    return text.startswith("raises ")


def _gives(text: str) -> str:
    return text if is_error(text) else f"gives {text}"


def compared(repair: Repair) -> tuple[Solution, ...]:
    """The fixes that are worth comparing, the best first, at most MOST_FIXES: what only hides a
    failure is no rival of what does not."""
    best = repair.passing[:1]
    honest = [one for one in repair.passing[1:] if not one.verdict.hides]
    return (*best, *honest)[:MOST_FIXES]


def weigh(
    original: str, fixes: Sequence[str], tests: Sequence[str], pool: SandboxPool, stop: Stop
) -> Weighed:
    """Compare versions of a module on calls like those of its ``tests``; ``fixes`` are sources, the
    one that is offered first. What is not known when ``stop`` is set is left out.
    """
    try:
        return _weigh(original, fixes, tests, pool, stop)
    except (SandboxError, Cancelled):
        return Weighed(len(fixes))


def _weigh(
    original: str, fixes: Sequence[str], tests: Sequence[str], pool: SandboxPool, stop: Stop
) -> Weighed:
    found = inputs(fixes[0], tests)
    calls = found.made
    if not calls or stop.is_set():
        return Weighed(len(fixes))
    tables = [ask(pool, source, calls, stop) for source in fixes]
    differing = _telling(_sorted(calls, tables))
    before = ask(pool, original, calls, stop)
    changed = [
        (call, old.text, new.text)
        for call, old, new in zip(calls, before, tables[0], strict=True)
        if old is not None and new is not None and not old.raised and old.differs(new)
    ]
    changed.sort(key=lambda one: (is_error(one[2]), len(one[0])))
    sure = _repeated(pool, fixes, differing, stop) if differing else ()
    changes = tuple(Change(*one) for one in changed[:_MOST_CHANGES])
    return Weighed(len(fixes), len(calls), sure, changes)


def _sorted(calls: Sequence[str], tables: Sequence[Answers]) -> list[Difference]:
    """Calls to which the first fix answers other than some fix, the plainest first."""
    found = []
    for number, call in enumerate(calls):
        answers = [table[number] for table in tables]
        mine = answers[0]
        if mine is not None and any(a is not None and a.differs(mine) for a in answers):
            found.append(Difference(call, _texts(answers)))
    return sorted(found, key=lambda one: (any(map(is_error, one.answers)), len(one.call)))


def _telling(found: Sequence[Difference]) -> list[Difference]:
    """The first differences that each tell fixes apart which those before them do not."""
    kept: list[Difference] = []
    groups = 1
    for one in found:
        columns = zip(*(k.answers for k in (*kept, one)), strict=True)
        if (number := len(set(columns))) > groups:
            kept.append(one)
            groups = number
    return kept


def _texts(answers: Sequence[Answer | None]) -> tuple[str, ...]:
    """Answers as texts, where what does not differ has one text."""
    texts: list[str] = []
    for number, answer in enumerate(answers):
        before = zip(answers[:number], texts, strict=True)
        same = (text for one, text in before if one and answer and not one.differs(answer))
        texts.append(next(same, answer.text if answer else ""))
    return tuple(texts)


def _repeated(
    pool: SandboxPool, fixes: Sequence[str], found: Sequence[Difference], stop: Stop
) -> tuple[Difference, ...]:
    """Differences that come out the same once more: chance and the clock are none."""
    calls = [one.call for one in found]
    tables = [ask(pool, source, calls, stop) for source in fixes]
    again = (_texts([table[n] for table in tables]) for n in range(len(calls)))
    return tuple(one for one, answers in zip(found, again, strict=True) if one.answers == answers)
