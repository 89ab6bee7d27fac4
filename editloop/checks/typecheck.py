"""A type checker as a check: a finding of it is gone, and no new one came, in this file and in
those that import it, as far as they are open in an editor.

The checker runs in the sandbox, wherever it is from: pyright starts the project's interpreter, and
one of the project's environment is the project's code itself.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from editloop.checks.checkers import Checker, CheckerError, find
from editloop.checks.diagnostic import Diagnostic
from editloop.checks.kinds import kind_of, told
from editloop.checks.langserver import Greeting, LanguageServer, LanguageServerError
from editloop.checks.project import project_root
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.verdict import CheckerName, CheckResult
from editloop.checks.weak import weak_ways
from editloop.document.text import Line, split_lines
from editloop.document.transcript import Finding
from editloop.python.syntax import check_syntax
from editloop.sandbox import Level
from editloop.sandbox.interpreters import interpreters
from editloop.sandbox.served import served

_WARNING = 2
_SILENCED = re.compile(r"#[^\n]*\b(?:type:\s*ignore|ty:\s*ignore|pyright:|mypy:|noqa)")
_UNTYPED = re.compile(r"\bAny\b|\bcast\(")
GIVES_UP = "gives up the type instead of repairing it"
_NUMBERS = re.compile(r"\bline \d+")
_LEAST_SECONDS, _PATIENCE = 10.0, 5.0
"""The time for a candidate's answer, at least, and in times that the original took with the start
of the checker: after a hang it starts anew. Both are chosen.
"""
_LAST_NAME = re.compile(r"(\w+)\W*$")


class Server(Protocol):
    """What is asked: a ``LanguageServer``, or a test's."""

    def check(
        self, source: str, stop: threading.Event | None = None, seconds: float = 120.0
    ) -> list[Diagnostic]: ...


@dataclass(frozen=True, slots=True)
class Aim:
    """Which findings have to be gone: all errors; of some lines (0-based) all errors and warnings;
    with a ``rule`` those of it alone.
    """

    lines: range | None = None
    rule: str = ""

    def wants(self, found: Diagnostic) -> bool:
        if found.file:
            return False
        if self.lines is None:
            return found.severity < _WARNING
        here = found.line in self.lines and found.severity <= _WARNING
        return found.code == self.rule and found.line in self.lines if self.rule else here


@dataclass(slots=True)
class TypeCheck:
    """A Check: none of ``asked`` is left, and nothing is found that ``original`` did not have."""

    name: CheckerName
    server: Server
    original: str
    asked: tuple[Diagnostic, ...] = ()
    before: Sequence[Diagnostic] | None = None
    seconds: float = 120.0
    """How long the server may take over a candidate."""

    def calibrated(self, aim: Aim, cancel: threading.Event | None = None) -> TypeCheck:
        """The check that knows what the type checker says of the original.

        Raises Cancelled, LanguageServerError.
        """
        started = time.monotonic()
        self.before = self.server.check(self.original, cancel)
        self.seconds = max(_LEAST_SECONDS, _PATIENCE * (time.monotonic() - started))
        self.asked = tuple(d for d in self.before if aim.wants(d))
        return self

    @property
    def line(self) -> int | None:
        """Line (0-based) of the first finding that was asked about, None where there is none."""
        return min((d.line for d in self.asked), default=None)

    def run(self, source: str, cancel: threading.Event | None) -> CheckResult:
        """An item for each finding that was asked about, and one for "no new one". A candidate over
        which the checker fails passes none; what it says then is the finding.
        """
        before = self.before or ()
        same = self.before is not None and source == self.original
        try:
            found = before if same else self.server.check(source, cancel, self.seconds)
        except LanguageServerError as error:
            return CheckResult(self.name, 0, len(self.asked) + 1, (Finding(str(error)),))
        asked = Counter(map(_key, self.asked))
        allowed = Counter(map(_key, before)) - asked
        left, new = list[Diagnostic](), list[Diagnostic]()
        for diagnostic in found:
            key = _key(diagnostic)
            if allowed[key] > 0:
                allowed[key] -= 1
            elif asked[key] > 0:
                asked[key] -= 1
                left.append(diagnostic)
            elif diagnostic.severity <= _WARNING:
                new.append(diagnostic)
        lines = split_lines(source)
        findings = [_finding(diagnostic, lines) for diagnostic in (*left, *new)]
        if _count(_SILENCED, source) > _count(_SILENCED, self.original):
            findings.append(Finding("a comment would silence the checker"))
        good = len(self.asked) - len(left) + int(len(findings) == len(left))
        hides = () if findings else self._hides(source)
        return CheckResult(self.name, good, len(self.asked) + 1, tuple(findings), hides=hides)

    def traces(self, source: str, cancel: threading.Event | None) -> tuple[SuiteTrace, ...]:
        """Where to look: what was asked about, whatever the source is."""
        return tuple(
            SuiteTrace(self.name, False, frames=(d.line,), error=d.message) for d in self.asked
        )

    def _hides(self, source: str) -> tuple[str, ...]:
        gives_up = _count(_UNTYPED, source) > _count(_UNTYPED, self.original)
        ways = weak_ways(self.original, source, self.traces(source, None))
        return (*ways, *([GIVES_UP] if gives_up else []))


@contextmanager
def type_check(
    checker: Checker,
    path: Path,
    source: str,
    level: Level,
    aim: Aim,
    cancel: threading.Event | None = None,
    importers: Mapping[str, str] | None = None,
) -> Iterator[TypeCheck]:
    """The check of a file, whose text is ``source``. ``importers``: the texts, by path, of files
    that import it, in which no new finding may come; those that do not parse are left out, and all
    where the checker cannot take them together.

    Raises CheckerError where that cannot be asked, Cancelled, LanguageServerError.
    """
    if level not in (Level.A, Level.B):
        raise CheckerError("it runs where code may be run, in a sandbox of level A or B")
    if check_syntax(source) is not None:
        raise CheckerError(f"the file does not parse, so {checker.name} is not asked")
    path = path.resolve()
    root = project_root(path)
    found = find(checker, root)
    if found is None:
        raise CheckerError(
            f"{checker.name} is installed neither beside editloop nor in the project's "
            f"environment: pip install {checker.name}"
        )
    program, home = found
    python = next(interpreters(root), home)
    greeting = Greeting(
        path.as_uri(),
        root.as_uri(),
        settings=checker.settings(python),
        registers=checker.registers,
    )
    environment = {"VIRTUAL_ENV": str(Path(python.program).parent.parent)}
    # Where it may not be read, node does not start.
    environment["OPENSSL_CONF"] = "/dev/null"
    with (
        served(
            checker.command(program, python),
            root,
            level,
            shown=[*home.readable, *python.readable, _behind(program)],
            environment=environment,
        ) as start,
        ExitStack() as stack,
    ):
        beside = {
            Path(place).resolve().as_uri(): text
            for place, text in (importers or {}).items()
            if check_syntax(text) is None
        }
        # mypy refuses files that together lead to one of them by two names: then without them.
        for others in [beside, {}] if beside else [{}]:
            server = LanguageServer(checker.name, start, replace(greeting, beside=others))
            stack.enter_context(closing(server))
            try:
                check = TypeCheck(checker.name, server, source).calibrated(aim, cancel)
                break
            except LanguageServerError:
                if not others:
                    raise
        yield check


def _behind(program: Path) -> str:
    """What a link to a program needs: the environment that the program is in, else itself."""
    real = program.resolve()
    home = real.parent.parent
    return str(home if (home / "pyvenv.cfg").is_file() else real)


def _key(diagnostic: Diagnostic) -> tuple[str, str, str]:
    """What stays of a finding that moved: lines may be counted in its words."""
    return diagnostic.file, diagnostic.code, _NUMBERS.sub("line", diagnostic.message)


def _finding(diagnostic: Diagnostic, lines: Sequence[Line]) -> Finding:
    line = diagnostic.line
    if diagnostic.file:
        return Finding(f"{diagnostic.file}, line {line + 1}: {diagnostic.message}")
    text = lines[line].text if line < len(lines) else ""
    stop = diagnostic.end_column if diagnostic.end_line == line else None
    name = _LAST_NAME.search(text[diagnostic.column : stop])
    kind = kind_of(diagnostic.code)
    words = told(diagnostic.code, diagnostic.message)
    return Finding(words, line, kind, name[1] if name else "")


def _count(pattern: re.Pattern[str], text: str) -> int:
    return len(pattern.findall(text))
