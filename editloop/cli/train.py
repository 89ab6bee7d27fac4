"""``editloop train``: the training commands, mounted from ``trainer``; needs the [train] extra."""

from __future__ import annotations

from importlib import import_module

import typer

from editloop.cli import missing_extra

COMMANDS = {
    "corpus": "trainer.cli_data",
    "tasks": "trainer.cli_data",
    "demos": "trainer.cli_data",
    "benchset": "trainer.cli_data",
    "tokenizer": "trainer.cli_model",
    "rows": "trainer.cli_model",
    "scratch": "trainer.cli_model",
}
"""In the order in which they are used; a command is the function of its name in that module."""


def make_app() -> typer.Typer:
    """The group with every command. Raises CliError when the extra is not installed."""
    made = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    made.callback(help="Corpus, tasks, demonstrations, training.")(lambda: None)
    for name, module in COMMANDS.items():
        try:
            function = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.startswith("trainer"):
                continue  # an installation without this part
            raise missing_extra(error, "editloop train", "train") from error
        made.command(name)(function)
    return made


app = make_app()
