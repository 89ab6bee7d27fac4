"""What a person is told about a repair: what a fix satisfies, what was checked, where was
searched, and one next step. Command line, JSON and editors take their words from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from editloop.checks.verdict import CODELESS, TYPE_CHECKERS, CheckResult, Verdict
from editloop.repair.run import Repair
from editloop.trust.strength import NO_CODE, doubt

_SAID = {
    "command": ("the command holds", "the command fails"),
    "import": ("it can be imported", "it cannot be imported"),
}
_NOUNS = {"doctests": "example", "tests": "test", "pytest": "pytest test"}
_SLOW = 5.0
"""Candidates a second: what is slower is mostly the start of pytest."""
_MOST_RANGES = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """The way in which a fix was asked for; it decides which next step is named."""

    editor: bool = False
    """In an editor, where there are no options."""
    place: bool = False
    """Whether a line, lines or a function were named."""
    seconds: float = 10.0
    no_code: str = ""
    """Why no code may be run, "" where it may."""
    model: bool = True
    """Whether a model took part."""


def without_model(problem: str) -> str:
    """Why the model did not take part to the end."""
    return f"without the model from then on: {problem}"


def satisfied(verdict: Verdict, left: str = "") -> str:
    """What a fix satisfies, and the doubt that is ``left``: ``2 examples pass``, ``no findings; no
    code was run``, ``the command holds; it removes a statement``."""
    told = _satisfied(verdict)
    return told if left in ("", NO_CODE) else f"{told}; {left}"


def _satisfied(verdict: Verdict) -> str:
    asked = [_of_checker(check) for check in verdict.checks if check.name in TYPE_CHECKERS]
    ran = [_counted(check) for check in _running(verdict)]
    if asked and not ran:
        return f"{_listed(asked)}; {NO_CODE}"
    if asked or ran:
        return _listed([*asked, *ran])
    if any(check.name == "static" for check in verdict.checks):
        return f"no findings; {NO_CODE}"
    return "it parses; nothing else was checked"


def checked(verdict: Verdict) -> str:
    """What was checked and came of it: ``it parses, no findings, 1 of 2 examples passes``."""
    told = []
    for check in verdict.checks:
        if check.name == "syntax":
            told.append("it parses" if check.passed else "it does not parse")
        elif check.name == "static":
            told.append("no findings" if check.passed else "with findings")
        elif check.name in TYPE_CHECKERS:
            told.append(_of_checker(check))
    told += [_counted(check) for check in _running(verdict)]
    return ", ".join(told) or "no check came to its end"


def reason(repair: Repair, lines: int, asked: Asked) -> str:
    """One sentence on a repair, to follow its status; ``lines``: how many the document has."""
    if not lines:
        return "the file is empty"
    if repair.result is None:
        ran = any(_running(repair.before))
        return checked(repair.before) + ("" if ran else f"; {NO_CODE}")
    result = repair.result
    if result.solutions:
        after = result.solutions[0].verdict
        return satisfied(after, doubt(repair.before, after))
    why = {"no move left": "none of the edits that it knows helps"}.get(
        result.reason, result.reason
    )
    if result.reason == "out of time":
        why += f" after {asked.seconds:g} s"
    if not result.candidates:
        return f"{why}, before any edit was tried"
    where = _places(repair.view, lines)
    rate = result.candidates / max(result.seconds, 0.001)
    shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
    tried = f"{_count(result.candidates, 'candidate')}, {shown} a second"
    return "; ".join(part for part in (why, where, tried) if part)


def next_step(repair: Repair, lines: int, asked: Asked) -> str:
    """What to do next, "" where there is nothing to do."""
    if not lines:
        return ""
    if repair.result is None:
        return "" if _is_called(repair.before) else _to_run(asked)
    result = repair.result
    if result.solutions:
        return "" if _is_called(result.solutions[0].verdict) else _to_run(asked)
    if result.reason == "cancelled":
        return ""
    more = f"{'editloop.budget' if asked.editor else '--budget'} {2 * asked.seconds:g}"
    if not result.candidates:
        return f"give it more seconds: {more}"
    failed = [check for check in repair.before.checks if not check.passed]
    told = any(finding.line is not None for check in failed for finding in check.findings)
    if len(repair.view) < lines and not (asked.place or told):
        if asked.editor:
            return "put the cursor into the function that is wrong and fix that one"
        return "name the function that is wrong: --function NAME"
    slow = result.candidates < _SLOW * result.seconds
    if slow and any(check.name == "pytest" for check in repair.before.checks) and not asked.editor:
        return "say in one line what should hold, which is checked faster: --tests 'f(2) == 3'"
    if result.reason == "out of time":
        return f"give it more seconds: {more}"
    if asked.editor:
        return (
            "choose another model" if asked.model else "get a model, which may write what it lacks"
        )
    if not asked.model:
        return "a model may write what is missing: `editloop models get`"
    return "another model may write what is missing: --model FILE (see `editloop models list`)"


def _is_called(verdict: Verdict) -> bool:
    """Whether anything was called; an import calls little."""
    return any(check.name != "import" for check in _running(verdict))


def _to_run(asked: Asked) -> str:
    """What would have the code run."""
    if asked.no_code:
        return asked.no_code
    if asked.editor:
        return "a doctest, or a test file named for the module, would have the code run"
    return (
        "to have the code run: --run 'python FILE', --tests 'f(2) == 3', a doctest, "
        "or a file test_NAME.py"
    )


def _running(verdict: Verdict) -> Iterator[CheckResult]:
    """The checks that ran code; those of one name as one."""
    ran = [check for check in verdict.checks if check.name not in CODELESS]
    for name, same in groupby(ran, key=lambda check: check.name):
        group = list(same)
        yield CheckResult(name, sum(c.good for c in group), sum(c.total for c in group))


def _counted(check: CheckResult) -> str:
    if check.name in _SAID:
        return _SAID[check.name][0 if check.passed else 1]
    noun = _NOUNS.get(check.name, check.name)
    if check.passed:
        return f"{_count(check.total, noun)} {'passes' if check.total == 1 else 'pass'}"
    passes = "passes" if check.good == 1 else "pass"
    return f"{check.good} of {check.total} {noun}s {passes}"


def _of_checker(check: CheckResult) -> str:
    """A type checker's result: an item for each finding, one for that no new one came."""
    asked = check.total - 1
    if not asked and check.passed:
        return f"{check.name}: no findings"
    if check.passed:
        gone = "its finding is gone" if asked == 1 else f"its {asked} findings are gone"
        return f"{check.name}: {gone}, no new one came"
    return f"{check.name}: {_count(len(check.findings), 'finding')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _places(view: Sequence[int], lines: int) -> str:
    """The lines that were looked at, 1-based: ``lines 3 to 20 and 41 of 400``."""
    if not view:
        return ""
    if len(view) == lines:
        return "it looked at all lines"
    ranges: list[list[int]] = []
    for i in view:
        if ranges and ranges[-1][1] == i - 1:
            ranges[-1][1] = i
        else:
            ranges.append([i, i])
    told = [f"{a + 1}" if a == b else f"{a + 1} to {b + 1}" for a, b in ranges]
    if len(told) > _MOST_RANGES:
        longest = sorted(ranges, key=lambda pair: pair[0] - pair[1])[:1]
        first, last = longest[0]
        others = len(view) - (last - first + 1)
        return f"it looked at lines {first + 1} to {last + 1} of {lines} and {others} others"
    word = "line" if len(view) == 1 else "lines"
    return f"it looked at {word} {_listed(told)} of {lines}"
