"""A person's command as evidence: it fails before a fix and holds after it.

Candidates are tried in forks of a process that has the imports done; one that passes is run again
by a program of its own. The exit code and the output are taken outside of the candidate's process,
but what it prints and returns is its own doing: a pass is shown to a person and never a reward.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from editloop.checks import traceback
from editloop.checks.commandline import CommandLine
from editloop.checks.missing import missing
from editloop.checks.suitetrace import SuiteTrace, numbers
from editloop.checks.verdict import CheckName, CheckResult
from editloop.checks.weak import weak_ways
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.sandbox import Level
from editloop.sandbox.command import CommandRunner
from editloop.sandbox.commandjob import Job, Run

_HEADROOM, _LEAST_CPU, _MOST_CPU = 4.0, 2.0, 30.0
"""CPU of a candidate: so many times what the original takes, within these seconds. Chosen: a test
has less, as a program starts an interpreter and imports."""
_FIRST_CPU = 10.0
"""Seconds for the first run, of which nobody knows what it needs. Chosen."""
_ENDLESS_CPU = 2.0
"""Where the program does not end: seconds that a fix of it gets."""
_UNSEEN = re.compile(r"^(Exception in thread|Exception ignored in|Task exception was never)", re.M)
_CAP = 200
_NOT_COMPARED: dict[CheckName, str] = {
    "command": "nothing says what it should print",
    "import": "that it can be imported says little",
}
"""Why a pass is weak where nothing but the end of the program is known to be right."""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """How a run went. ``got`` and ``expected`` are short texts, ``expected`` "" for no failure;
    ``line``: where in the module it raised (0-based); ``missing``: what the sandbox lacked;
    ``ended_well``: whether only the output is wrong.
    """

    passed: bool
    got: str = ""
    expected: str = ""
    line: int | None = None
    missing: str = ""
    timed_out: bool = False
    ended_well: bool = False

    @property
    def failure(self) -> str:
        """The whole of it in one line, such as ``KeyError: 'x'``."""
        return f"{self.got}, expected {self.expected}" if self.expected else self.got


@dataclass(slots=True)
class CommandCheck:
    """A Check: ``command`` with the candidate in the place of ``module``.

    ``expect``: the output that is right, None for any; ``exit_code``: the right one, None for any
    that comes without an exception. ``error``: an exception that may not be printed again either.
    ``before``: how the original did, ``known``: its traces; both are found by ``calibrated``.
    """

    name: Literal["command", "import"]
    command: CommandLine
    module: Path
    level: Level
    expect: str | None = None
    exit_code: int | None = 0
    error: str = ""
    cpu_seconds: float = _FIRST_CPU
    wall_seconds: float = 2 * _FIRST_CPU
    original: str = ""
    before: CommandOutcome | None = None
    known: tuple[SuiteTrace, ...] = ()
    _waited: int = 0
    _runner: CommandRunner | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to have a check like this one, with a sandbox of its own."""
        names = [name for name in self.__dataclass_fields__ if name not in ("_runner", "_lock")]
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._runner, self._lock = None, threading.Lock()

    def calibrated(self, source: str, cancel: threading.Event | None = None) -> CommandCheck:
        """The check with limits that fit how ``source`` runs. Raises SandboxError."""
        first = self._run(source, cancel, self.command.job)
        self.before, self.original = self._judged(first, source), source
        self.known = self.traces(source, cancel)
        warm = self.command.warm
        if warm is not None and self.name == "command":
            again = self._judged(self._run(source, cancel, warm), source)
            if (again.got, again.line) != (self.before.got, self.before.line):
                self.command = replace(self.command, warm=None)  # it is not the same there
        if self.before.timed_out:
            self.cpu_seconds, self.wall_seconds = _ENDLESS_CPU, 2 * _ENDLESS_CPU
        else:
            cpu = min(max(_HEADROOM * first.cpu_seconds, _LEAST_CPU), _MOST_CPU)
            self.cpu_seconds, self.wall_seconds = cpu, max(2 * cpu, _HEADROOM * first.seconds)
        self._waited = int(self.before.timed_out)
        return self

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        """The command's result with ``source``, by a fork; a new process confirms a pass."""
        if self.before is not None and source == self.original:
            outcome = self.before
        else:
            outcome = self._outcome(source, cancel, self.command.warm or self.command.job)
            if outcome.passed and self.command.warm not in (None, self.command.job):
                outcome = self._outcome(source, cancel, self.command.job)
        total = 1 if self.expect is None else 2
        if self._goes_on(outcome):
            words = f"runs only up to where it needs {outcome.missing}"
            return CheckResult(self.name, total, total, hides=(words, *self._hides(source)))
        if outcome.passed:
            kept = self.before is not None and self.before.passed
            weak = (_NOT_COMPARED[self.name],) if self.expect is None else ()
            hides = self._hides(source)
            return CheckResult(self.name, total, total, weak=weak, hides=hides, kept=kept)
        finding = Finding(f"{self.command.text} -> {outcome.failure}", outcome.line)
        return CheckResult(self.name, int(outcome.ended_well), total, (finding,))

    def traces(self, source: str, cancel: threading.Event | None) -> tuple[SuiteTrace, ...]:
        """One trace: lines that ran, and frames of what was raised."""
        job = self.command.warm or self.command.job
        run = self._run(source, cancel, replace(job, traced=self.command.warm is not None))
        outcome = self._judged(run, source)
        error = run.told.get("error")
        if isinstance(error, dict):
            frames = tuple(numbers(error.get("frames")))
        else:
            found = traceback.place(self._read(run), self.module, Snapshot.from_text(source))
            frames = found.lines[::-1] if found else ()
        lines = frozenset(numbers(run.told.get("lines")))
        text = "" if outcome.passed else outcome.failure
        return (SuiteTrace(self.command.text, outcome.passed, lines, frames, text),)

    def close(self) -> None:
        """End the sandbox."""
        with self._lock:
            if self._runner is not None:
                self._runner.close()
                self._runner = None

    def _hides(self, source: str) -> tuple[str, ...]:
        if source == self.original:
            return ()
        return weak_ways(self.original, source, self.known, self.traces(source, None))

    def _goes_on(self, outcome: CommandOutcome) -> bool:
        """Whether it fails for what the sandbox lacks alone, which it did not get to before."""
        return bool(outcome.missing and self.before and not self.before.missing)

    def _outcome(self, source: str, cancel: threading.Event | None, job: Job) -> CommandOutcome:
        outcome = self._judged(self._run(source, cancel, job), source)
        self._waited += outcome.timed_out
        return outcome

    def _run(self, source: str, cancel: threading.Event | None, job: Job) -> Run:
        with self._lock:
            if self._runner is None:
                command = self.command
                self._runner = CommandRunner(
                    command.root,
                    self.module,
                    command.python,
                    self.level,
                    preload=command.preload,
                    extra=command.extra,
                )
            runner = self._runner
        # Each endless candidate costs the whole limit, so those after it get less.
        cpu = max(self.cpu_seconds / (1 + self._waited / 2), min(_LEAST_CPU / 4, self.cpu_seconds))
        wall = max(self.wall_seconds / (1 + self._waited / 2), 2 * cpu)
        return runner.run(job, source, cpu_seconds=cpu, wall_seconds=wall, cancel=cancel)

    def _read(self, run: Run) -> tuple[traceback.Traceback, ...]:
        """What was printed, by pytest as output."""
        return traceback.read(run.errors) or traceback.read(run.out)

    def _judged(self, run: Run, source: str) -> CommandOutcome:
        if run.end in ("cpu", "wall", "cancelled"):
            return CommandOutcome(False, "no answer in time", timed_out=True)
        if run.end != "exit":
            words = {"flood": "prints without end"}
            return CommandOutcome(False, words.get(run.end, "the sandbox was lost"))
        error, line = self._raised(run, source)
        code = self.exit_code
        wrong = bool(error) if code is None else run.status != code
        if not wrong and (self.error not in (error, "") or not error):
            wrong = bool(self._repeated(run))
            error = error or self._repeated(run)
        if not wrong:
            return self._compared(run)
        has_input = self.command.job.stdin is not None
        what = missing(error, run.errors, self.command.root, has_input=has_input)
        got = _short(error or _ending(run))
        expected = f"exit code {code}" if code and not error else ""
        return CommandOutcome(False, got, expected, line, what)

    def _repeated(self, run: Run) -> str:
        """An exception that did not end the program: of a thread, or the one asked about."""
        for one in traceback.read(run.errors):
            if one.error == self.error or _UNSEEN.search(run.errors):
                return one.error
        return ""

    def _raised(self, run: Run, source: str) -> tuple[str, int | None]:
        """Type and message, and the innermost line of the module (0-based)."""
        error = run.told.get("error")
        if isinstance(error, dict):
            lines = tuple(numbers(error.get("frames")))
            return _text(error), lines[-1] if lines else None
        if self.name == "import" or run.status == 0:
            return "", None
        found = self._read(run)
        place = traceback.place(found, self.module, Snapshot.from_text(source))
        if place is not None:
            return place.error, place.line
        return (found[-1].error, None) if found else ("", None)

    def _compared(self, run: Run) -> CommandOutcome:
        """The first line of the output that differs; a missing end of line at its end does not."""
        if self.expect is None:
            return CommandOutcome(True)
        got = run.out.replace("\r\n", "\n").rstrip("\n").split("\n")
        wanted = self.expect.replace("\r\n", "\n").rstrip("\n").split("\n")
        if got == wanted:
            return CommandOutcome(True)
        for number in range(max(len(got), len(wanted))):
            a = repr(got[number]) if number < len(got) else "nothing"
            b = repr(wanted[number]) if number < len(wanted) else "nothing"
            if a != b:
                return CommandOutcome(False, _short(a), _short(b), ended_well=True)
        raise AssertionError("two lists that differ have a first difference")


def _ending(run: Run) -> str:
    last = run.errors.strip().splitlines()[-1:]
    how = f"ends by signal {-run.status}" if run.status < 0 else f"exit code {run.status}"
    return f"{how} ({last[0].strip()})" if last else how


def _short(text: str) -> str:
    first = text.split("\n")[0]
    return first if len(first) <= _CAP else first[: _CAP - 3] + "..."


def _text(error: Mapping[str, Any]) -> str:
    """Type and message of an untrusted description."""
    kinds, message = error.get("mro"), str(error.get("msg", ""))
    kind = str(kinds[0]) if isinstance(kinds, list) and kinds else "Exception"
    return f"{kind}: {message}" if message else kind
