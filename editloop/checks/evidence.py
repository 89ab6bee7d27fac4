"""What a person has to show that something is wrong: a command that fails, a traceback, or a file
that raises when it is imported. Each becomes a check, and a place to look at.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from editloop.checks import traceback
from editloop.checks.command import CommandCheck
from editloop.checks.commandline import CommandLineError, import_command, parse_command
from editloop.checks.suspicion import TracebackCheck
from editloop.checks.verify import Check
from editloop.document.text import Snapshot
from editloop.python.syntax import check_syntax
from editloop.sandbox import Level, SandboxError

MAX_EXPECTED = 60_000
UNPROVEN = "traceback, not reproduced"


class EvidenceError(ValueError):
    """The evidence cannot be used; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was handed over: ``run``, a command that is typed in ``folder``, with a file for its
    input, its right output and exit code; ``traceback``, a text that has one.
    """

    run: str | None = None
    stdin: Path | None = None
    expect: str | None = None
    exit_code: int | None = None
    traceback: str | None = None
    folder: Path | None = None

    @property
    def is_given(self) -> bool:
        return self.run is not None or self.traceback is not None


@dataclass(frozen=True, slots=True)
class Evidence:
    """``checks`` in order of cost; ``line``: where to look (0-based); ``words``: what it is, where
    a fix by it is unproven; ``notes``: what a person should know.
    """

    checks: tuple[Check, ...] = ()
    line: int | None = None
    words: str = ""
    notes: tuple[str, ...] = ()


@contextmanager
def gathered(
    wanted: Wanted,
    path: Path,
    document: Snapshot,
    level: Level,
    cancel: threading.Event,
    *,
    tested: bool = False,
) -> Iterator[Evidence]:
    """The evidence that was handed over, or that the file itself gives: whether it can be imported,
    unless it is ``tested``, which shows that too. Raises EvidenceError.
    """
    given = wanted.traceback is not None
    place = _place(wanted.traceback, path, document) if wanted.traceback is not None else None
    check = _command(wanted, path, level, place) if wanted.run is not None else None
    if check is None and level in (Level.A, Level.B):
        if given:
            check = _itself(place, path, level)
        elif not tested:
            check = _import(path, document, level, cancel)
    try:
        yield _evidence(wanted, place, check, document, cancel)
    finally:
        if check is not None:
            check.close()


def _place(text: str, path: Path, document: Snapshot) -> traceback.Place:
    """Where a traceback leads in the document."""
    found = traceback.read(text)
    if not found:
        raise EvidenceError(traceback.NONE)
    place = traceback.place(found, path, document)
    if place is None:
        names = ", ".join(traceback.files(found)[:5])
        others = f" (it names {names})" if names else ""
        raise EvidenceError(f"no line of the traceback is in {path.name}{others}")
    return place


def _command(
    wanted: Wanted, path: Path, level: Level, place: traceback.Place | None
) -> CommandCheck:
    if level not in (Level.A, Level.B):
        raise EvidenceError(f"a command needs a sandbox of level A or B, this is {level.name}")
    assert wanted.run is not None
    if wanted.stdin is not None and not wanted.stdin.is_file():
        raise EvidenceError(f"{wanted.stdin}: no such file for the standard input")
    if wanted.expect is not None and len(wanted.expect) > MAX_EXPECTED:
        raise EvidenceError(f"the expected output is longer than {MAX_EXPECTED} characters")
    folder = wanted.folder or path.resolve().parent
    try:
        command = parse_command(wanted.run, path, folder, wanted.stdin)
    except CommandLineError as error:
        raise EvidenceError(str(error)) from None
    return CommandCheck(
        "command",
        command,
        path.resolve(),
        level,
        wanted.expect,
        wanted.exit_code or 0,
        place.error if place else "",
    )


def _itself(place: traceback.Place | None, path: Path, level: Level) -> CommandCheck | None:
    """Running the file, where the traceback may come from that."""
    if place is None or not place.is_program:
        return None
    try:
        command = parse_command(f"python {path.name}", path, path.resolve().parent)
    except CommandLineError:
        return None
    return CommandCheck("command", command, path.resolve(), level, error=place.error)


def _import(
    path: Path, document: Snapshot, level: Level, cancel: threading.Event
) -> CommandCheck | None:
    """Importing the file; of one that does not parse nobody knows what it should do."""
    if check_syntax(document.text) is not None or cancel.is_set():
        return None
    try:
        command = import_command(path)
    except CommandLineError:
        return None
    return CommandCheck("import", command, path.resolve(), level, exit_code=None)


def _evidence(
    wanted: Wanted,
    place: traceback.Place | None,
    check: CommandCheck | None,
    document: Snapshot,
    cancel: threading.Event,
) -> Evidence:
    notes = [_found(place)] if place is not None else []
    if check is not None and wanted.run is None:
        check = _tried(check, place, document, cancel)
    elif check is not None:
        check.calibrated(document.text, cancel)
    if check is not None and wanted.is_given:
        before = check.before
        assert before is not None
        if before.missing:
            own = before.missing.startswith(("arguments", "input"))
            needs = before.missing + ("" if own else ", which the sandbox does not have")
            raise EvidenceError(f"{check.command.text}: needs {needs}: {before.got}")
        if place is not None:
            again = before.failure == place.error
            notes.append("the traceback was reproduced" if again else _other(before.failure))
        return Evidence((check,), before.line if place is None else place.line, "", tuple(notes))
    if place is not None:
        return Evidence((TracebackCheck(document.text, place),), place.line, UNPROVEN, tuple(notes))
    if check is None:
        return Evidence()
    line = check.before.line if check.before else None
    return Evidence((check,), line)


def _tried(
    check: CommandCheck, place: traceback.Place | None, document: Snapshot, cancel: threading.Event
) -> CommandCheck | None:
    """A check that nobody asked for: it has to say something certain, else it is none."""
    try:
        check.calibrated(document.text, cancel)
    except (SandboxError, OSError):
        return None
    before = check.before
    assert before is not None
    if place is not None:
        return check if before.failure == place.error else None
    vague = before.missing or before.timed_out or (not before.passed and before.line is None)
    return None if vague or "FileNotFoundError" in before.got else check


def _found(place: traceback.Place) -> str:
    where = f" in {place.function}" if place.function not in ("", "<module>") else ""
    moved = "" if place.found else ", which reads differently now"
    return f"line {place.line + 1}{where} raised {place.error}{moved}"


def _other(failure: str) -> str:
    return f"the command fails otherwise: {failure}" if failure else "the command does not fail"
