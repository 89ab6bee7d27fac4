"""The command line: one lazy entry for each subcommand, and one place that words errors.

Importing it loads typer alone; a subcommand's module is imported when the subcommand runs.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

USAGE_ERROR: Final = 2
_GROUP: Final = "editloop.commands"

_EXTRA_OF: Final = {
    "torch": "train",
    "transformers": "train",
    "gguf": "export",
    "safetensors": "export",
    "tokenizers": "export",
}

COMMANDS: Final[dict[str, tuple[str | None, str]]] = {
    "serve": (None, "The language server, for editors."),
    "fix": ("editloop.cli.fix:fix", "Repair a file, or one function or line of it."),
    "bench": ("editloop.cli.bench:bench", "Repair every task of a task file and report."),
    "models": ("editloop.cli.models:app", "The models on this machine."),
    "doctor": ("editloop.cli.doctor:doctor", "What works here, and what to do about the rest."),
    "train": (None, "Corpus, tasks, demonstrations, training."),
    "export": (None, "Write a checkpoint as GGUF files, and compare."),
    "train-and-export": (None, "From your source to a model in the store."),
}
"""Name: (module:attribute, line of help). The attribute is a function or a ``typer.Typer``.

None: another package has it, and registers it as an entry point of the group ``editloop.commands``.
"""


class CliError(Exception):
    """Ends the command: one line on stderr, and this exit code."""

    def __init__(self, message: str, exit_code: int = USAGE_ERROR) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class LazyGroup(TyperGroup):
    """Shows help from the table above; imports a subcommand only to run it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (_, text) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, help=text)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in COMMANDS:
            return args[0], load_command(args[0]), args[1:]
        return super().resolve_command(ctx, args)


def registered(group: str, name: str) -> Any:
    """The object of an entry point, imported. Raises CliError where no package registers it."""
    from importlib.metadata import entry_points

    for point in entry_points(group=group, name=name):
        return point.load()
    raise CliError(f"{name} is not part of this installation of editloop: install it again")


def load_command(name: str) -> Any:
    """The click command of a subcommand. Raises CliError where it is not installed."""
    target, _ = COMMANDS[name]
    if target is None:
        found = registered(_GROUP, name)
    else:
        module, _, attribute = target.partition(":")
        found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = found
    else:
        group = typer.Typer(add_completion=False, rich_markup_mode=None)
        group.command(name)(found)
    command = typer.main.get_command(group)
    command.name = name
    return command


app = typer.Typer(cls=LazyGroup, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


def _version(value: bool) -> None:
    if value:
        from editloop import __version__

        typer.echo(f"editloop {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Fixes Python with a small local model; every fix is verified."""


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; what nobody expected propagates."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold anything
    command = typer.main.get_command(app)
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = command.main(arguments, prog_name="editloop", standalone_mode=False)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _mute_stdout()
        return 1
    except Exception as error:  # the boundary: known errors are worded, others are raised again
        told = explain(error)
        if told is None:
            raise
        message, code = told
        if message:
            from editloop.cli.terminal import visible

            print(f"editloop: {visible(message)}", file=sys.stderr)
        return code
    return code if isinstance(code, int) else 0


def main() -> NoReturn:
    """The entry point ``editloop``. No process that it starts imports from the current folder,
    which may be a stranger's; that holds for those, too, that `multiprocessing` starts by itself.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    code = run()
    gc.freeze()  # to look through all that a long search leaves behind takes most of a second
    raise SystemExit(code)


def explain(error: BaseException) -> tuple[str, int] | None:
    """One line and the exit code for an expected error, None for a fault of the program.

    Expected are wrong usage, a missing extra, OSError, and every error class of editloop and of the
    packages that register commands: their messages are written for the person. Classes are known by
    their home, so that nothing is imported.
    """
    if isinstance(error, CliError):
        return str(error), error.exit_code
    if hasattr(error, "format_message"):  # click's own: usage
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return "", USAGE_ERROR
        hint = f" (see `{context.command_path} --help`)" if context else ""
        return " ".join(error.format_message().split()) + hint, USAGE_ERROR
    if type(error).__name__ == "Abort":
        return "aborted", 130
    if isinstance(error, ModuleNotFoundError) and error.name in _EXTRA_OF:
        extra = _EXTRA_OF[error.name]
        return f"this needs {error.name}: pip install 'editloop[{extra}]'", USAGE_ERROR
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}", USAGE_ERROR
    ours = _packages()
    if any(home.__module__.partition(".")[0] in ours for home in type(error).__mro__):
        return " ".join(str(error).split()) or type(error).__name__, USAGE_ERROR
    return None


def _packages() -> set[str]:
    from importlib.metadata import entry_points

    return {"editloop", *(p.module.partition(".")[0] for p in entry_points(group=_GROUP))}


def _mute_stdout() -> None:
    """Nobody reads any more: keep the interpreter's last flush from complaining."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
