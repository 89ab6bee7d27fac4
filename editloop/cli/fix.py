"""``editloop fix``: find a fix for a file and print it, or write it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.syntax import Syntax

from editloop.checks.verdict import TYPE_CHECKERS
from editloop.cli import CliError
from editloop.cli.server import SERVER_HELP
from editloop.cli.terminal import Terminal, echo

NOT_FIXED = 1


def fix(
    file: Annotated[Path, typer.Argument(help="The Python file to fix.")],
    function: Annotated[
        str | None, typer.Option(help="Only this function or class: f, or Class.method.")
    ] = None,
    line: Annotated[int | None, typer.Option(min=1, help="Only what is around this line.")] = None,
    tests: Annotated[
        list[str] | None,
        typer.Option(help="A pytest file or folder, or an expression that has to be true."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="A command that fails, such as 'python FILE args'.")
    ] = None,
    stdin: Annotated[
        Path | None, typer.Option(help="With --run: a file for its standard input.")
    ] = None,
    expect: Annotated[
        Path | None, typer.Option(help="With --run: a file with the output that is right.")
    ] = None,
    exit_code: Annotated[
        int | None, typer.Option(help="With --run: the exit code that is right, 0 if not given.")
    ] = None,
    traceback: Annotated[
        Path | None, typer.Option(help="A file with a traceback, or - for standard input.")
    ] = None,
    checker: Annotated[
        str | None,
        typer.Option(help=f"A type checker whose findings are to go: {', '.join(TYPE_CHECKERS)}."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds for all of it; 10, with a model 60.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A GGUF file, a name in the store, or none for moves alone."),
    ] = None,
    server: Annotated[str | None, typer.Option(help=SERVER_HELP)] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Print the diff and nothing else.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Change the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    alternatives: Annotated[int, typer.Option(min=1, max=3, help="Fixes to look for.")] = 3,
    ask: Annotated[
        bool, typer.Option("--ask", help="Where fixes differ, ask which answer is right.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
) -> None:
    """Repair a file, or one function or line of it.

    Verified is what failed before and holds now; what rests on less is called a possible fix.

    Without --tests, --run and --traceback it goes by doctests, tests found for the module,
    diagnostics, and whether the file can be imported. Exit code 0:
    fixed, a possible fix or nothing wrong, 1: no fix found, 2: wrong usage or input.
    """
    started = time.monotonic()  # a person's seconds go on while this program's parts are loaded
    if diff + write + as_json > 1:
        raise CliError("choose one of --diff, --write and --json")
    if ask and (diff or as_json):
        raise CliError("--ask prints and reads: it goes without --diff and --json")
    if function is not None and line is not None:
        raise CliError("choose one of --function and --line")
    from editloop.budget import Budget
    from editloop.cli.fix_run import Options, run_fix
    from editloop.model.store import default_seconds

    if write:
        refuse_unwritable(file)
    seconds_for_all = budget or default_seconds(model, server)
    quiet = diff or as_json or not Console(stderr=True).is_terminal
    options = Options(
        path=file,
        function=function,
        line=None if line is None else line - 1,
        tests=tuple(tests or ()),
        budget=Budget(seconds=seconds_for_all),
        model=model,
        server=server,
        alternatives=alternatives,
        seed=seed,
        started=started,
        wanted=_wanted(run, stdin, expect, exit_code, traceback),
        checker=checker or "",
    )
    cancel = threading.Event()
    told = not (diff or as_json)
    with _interruptible(cancel), _progress(seconds_for_all, quiet) as (on_progress, done):

        def on_found(report: Any) -> None:
            done()
            if told:
                _show_fix(report)

        finished = run_fix(options, cancel=cancel, on_progress=on_progress, on_found=on_found)
    report = finished.report
    if as_json:
        echo(json.dumps(report.shown(), ensure_ascii=False))
    elif diff:
        echo(report.diff, end="")
    else:
        _report(report)
    if ask:
        report = _asked(finished)
    if write and report.best is not None:
        write_atomically(file, finished.document.encode(), finished.encoded(report.best.text))
        typer.echo(f"wrote {file}")
    if report.status == "not fixed":
        raise typer.Exit(NOT_FIXED)


def _asked(finished: Any) -> Any:
    """What a person's answers leave of the fixes; shown where the first is another one now."""
    from editloop.cli.asking import asked

    left = asked(finished)
    if left.diff != finished.report.diff:
        _show_fix(left)
    return left


def refuse_unwritable(path: Path) -> None:
    """Raises CliError for a file that is read-only, also where who runs this may write it."""
    if path.is_file() and not (path.stat().st_mode & 0o222 and os.access(path, os.W_OK)):
        raise CliError(f"{path} is read-only: nothing is written to it")


def _wanted(
    run: str | None,
    stdin: Path | None,
    expect: Path | None,
    exit_code: int | None,
    traceback: Path | None,
) -> Any:
    """The evidence of the options, with the texts of their files. Raises CliError, OSError."""
    from editloop.checks.evidence import Wanted

    options = {"stdin": stdin, "expect": expect, "exit-code": exit_code}
    for name, value in options.items():
        if run is None and value is not None:
            raise CliError(f"--{name} needs --run")
    texts = [None if path is None else _read(path) for path in (expect, traceback)]
    return Wanted(run, stdin, texts[0], exit_code, texts[1], Path.cwd())


def _read(path: Path) -> str:
    """The text of a file, or of standard input for -."""
    if str(path) == "-":
        return sys.stdin.read()
    return path.read_bytes().decode("utf-8", "replace")


def write_atomically(path: Path, expected: bytes, data: bytes) -> None:
    """Replace a file's content, keeping its owner and mode. Raises CliError where it changed
    meanwhile, is read-only, or belongs to somebody else whose file this user cannot make."""
    target = path.resolve()
    refuse_unwritable(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _keep_owner(path, target.stat(), name)
        shutil.copymode(target, name)
        if target.read_bytes() != expected:
            raise CliError(f"{path} changed meanwhile, nothing was written")
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _keep_owner(path: Path, before: os.stat_result, name: str) -> None:
    now = os.stat(name)
    if (now.st_uid, now.st_gid) == (before.st_uid, before.st_gid):
        return
    try:
        os.chown(name, before.st_uid, before.st_gid)
    except PermissionError:
        raise CliError(
            f"{path} belongs to another user or group, which writing it would change: "
            "nothing was written"
        ) from None


@contextlib.contextmanager
def _interruptible(cancel: threading.Event) -> Iterator[None]:
    """Ctrl-C ends the search and not the program, so that workers are cleaned up; SIGTERM the
    program after that."""
    import signal

    told: list[int] = []

    def stop(number: int, _: object) -> None:
        told.append(number)
        cancel.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGTERM in told:
        raise SystemExit(128 + signal.SIGTERM)


@contextlib.contextmanager
def _progress(budget: float, quiet: bool) -> Iterator[Any]:
    """What hears of the search, and what ends the bar."""
    if quiet:
        yield None, lambda: None
        return
    columns = (TextColumn("searching"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=budget)

        def show(now: Any) -> None:
            place = f"{now.place}, " if now.place else ""
            found = "a fix is found, a better one is looked for"
            best = found if now.solutions else f"best: {now.best}"
            text = f"{place}{now.candidates} candidates, {best}"
            progress.update(task, completed=min(now.seconds, budget), description=text)

        yield show, progress.stop


def _show_fix(report: Any) -> None:
    """The diff, and how far it goes in one line."""
    console = Terminal(highlight=False, soft_wrap=True)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    if report.best is not None and console.is_terminal:
        console.print(Syntax(report.diff, "diff", background_color="default"))
    elif report.best is not None:
        echo(report.diff)
    console.print(report.line, markup=False)


def _report(report: Any) -> None:
    """What else a person wants to know, in one row each."""
    from editloop.sandbox.level import Level

    console = Terminal(highlight=False, soft_wrap=True)
    best = report.best
    rows = [("trust", report.trust)] if report.trust else []
    rows += _differences(report.weighed) if report.weighed else []
    rows += [("next", report.next)] if report.next else []
    if report.status != "nothing wrong":
        rows.append(("before", report.before))
    if best is not None:
        rows += [("weak", f"it {words}") for words in best.weak]
        rows += [
            ("after", best.after),
            ("commands", "\n".join(best.commands)),
            ("search", f"found as candidate {best.candidates} of {report.candidates} tried"),
        ]
        if len(report.fixes) > 1:
            rows.append(("also", f"{len(report.fixes) - 1} other (see --json)"))
    sandbox = Level[report.sandbox]
    rows += [
        ("seconds", f"{report.seconds:.1f}"),
        ("sandbox", f"level {sandbox.name}, {sandbox.value}"),
    ]
    for name, value in rows:
        for number, text in enumerate(value.split("\n")):
            console.print(f"{name if number == 0 else '':<9} {text}", markup=False)


def _differences(weighed: Any) -> list[tuple[str, str]]:
    """What would tell the fix apart from others, and what else it changes."""
    rows = [("differs", one.line) for one in weighed.differences[:1]]
    return rows + [("changes", one.line) for one in weighed.changes]
