"""What a pytest suite told of one run, line by line: read here, believed nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_LAST_LINE = 1_000_000
"""No file is longer; also keeps what is hashed small, as big ints can be made to collide."""
_TEXT_CAP = 2000


@dataclass(frozen=True, slots=True)
class SuiteTrace:
    """One test's way through the module under repair; lines are 0-based.

    ``test``: its id, or that of a file that cannot be collected. ``lines``: those that it ran,
    empty where the run was not traced. ``frames``: those of its exception, the innermost last.
    ``error``: type and message, with pytest's explanation of an assertion, "" for a pass. All of it
    is untrusted.
    """

    test: str
    passed: bool
    lines: frozenset[int] = frozenset()
    frames: tuple[int, ...] = ()
    error: str = ""


@dataclass(slots=True)
class Told:
    """What was told so far. ``outcomes`` by test id; ``details``: pytest's own text on failed
    tests; ``broken``: ids of files that cannot be collected; ``at``: where each exception was
    raised, such as ``mod.py:3``; ``own``: ids of what the module under repair itself raised in, or
    lacks a name for; ``stopped``: tests were left out as none of the first ones passed; ``code``:
    pytest's exit code."""

    ids: tuple[str, ...] = ()
    outcomes: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    missing: str = ""
    own: set[str] = field(default_factory=set)
    stopped: bool = False
    at: dict[str, str] = field(default_factory=dict)
    code: Any = None
    texts: list[str] = field(default_factory=list)
    _lines: dict[str, frozenset[int]] = field(default_factory=dict)
    _raised: dict[str, dict[str, Any]] = field(default_factory=dict)

    def hear(self, line: Any) -> None:
        """One line; what is not of the expected form is passed over."""
        if not isinstance(line, dict):
            return
        self.code = line.get("exit", self.code)
        self.stopped = self.stopped or line.get("stopped") is True
        self.missing = self.missing or str(line.get("missing", ""))[:_TEXT_CAP]
        if isinstance(line.get("ids"), list) and not self.ids:
            self.ids = tuple(str(name) for name in line["ids"])
        self.texts += [str(line[key]) for key in ("text", "missing") if line.get(key)]
        if "id" in line:
            self._outcome(str(line["id"]), str(line.get("outcome")), line.get("text"))
        if "broken" in line:
            self.broken.append(str(line["broken"]))
        if "ran" in line:
            self._lines[str(line["ran"])] = frozenset(numbers(line.get("lines")))
        if "raised" in line:
            self._raised.setdefault(str(line["raised"]), line)
            if line.get("own") is True:
                self.own.add(str(line["raised"]))
            self.at.setdefault(str(line["raised"]), str(line.get("at", "")))

    def _outcome(self, name: str, outcome: str, text: Any) -> None:
        if self.outcomes.get(name) != "failed":
            self.outcomes[name] = outcome
        if outcome == "failed" and isinstance(text, str):
            self.details.setdefault(name, text)

    def error(self, name: str) -> str:
        """Type and message of what a test or a file raised, "" where nothing is known."""
        return str(self._raised.get(name, {}).get("error", ""))[:_TEXT_CAP]

    def traces(self) -> tuple[SuiteTrace, ...]:
        """One for each file that cannot be collected and each test that was run."""
        names = dict.fromkeys([*self.broken, *self.outcomes, *self._lines])
        return tuple(self._trace(name) for name in names)

    def _trace(self, name: str) -> SuiteTrace:
        passed = self.outcomes.get(name) in ("passed", "skipped") and name not in self.broken
        raised = {} if passed else self._raised.get(name, {})
        return SuiteTrace(
            name,
            passed,
            self._lines.get(name, frozenset()),
            tuple(numbers(raised.get("frames"))),
            "" if passed else self.error(name) or "failed",
        )


def heard(lines: Iterable[Any]) -> Told:
    """What all lines of a run told."""
    told = Told()
    for line in lines:
        told.hear(line)
    return told


def numbers(value: Any) -> Iterable[int]:
    """The line numbers in what was told, nothing where it is no list of them."""
    for number in value if isinstance(value, list) else ():
        if type(number) is int and 0 <= number < _LAST_LINE:
            yield number
