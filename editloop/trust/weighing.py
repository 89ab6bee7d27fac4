"""What tells the fixes apart that satisfy the same evidence, and what the first of them changes."""

from __future__ import annotations

from collections.abc import Sequence

from editloop.budget import Cancelled, Stop
from editloop.repair.run import Repair
from editloop.repair.solutions import Solution
from editloop.sandbox import SandboxError, SandboxPool
from editloop.trust import MOST_FIXES
from editloop.trust.answers import Answer, ask
from editloop.trust.inputs import inputs
from editloop.trust.weighed import Change, Difference, Weighed, is_error

_MOST_CHANGES = 3

Answers = tuple[Answer | None, ...]


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
