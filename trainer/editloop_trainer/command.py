"""``editloop train``: the training commands; needs the [train] extra."""

from __future__ import annotations

from importlib import import_module

import typer

from editloop.cli import registered
from editloop_trainer import GROUP

COMMANDS: dict[str, str | None] = {
    "corpus": "editloop_trainer.cli_data",
    "record": "editloop_trainer.cli_data",
    "demos": "editloop_trainer.cli_data",
    "tasks": "editloop_trainer.cli_data",
    "validate": "editloop_trainer.cli_data",
    "benchset": "editloop_trainer.cli_data",
    "faulty": "editloop_trainer.cli_faulty",
    "repairs": "editloop_trainer.cli_faulty",
    "base": None,
    "prior": "editloop_trainer.cli_model",
    "sft": "editloop_trainer.cli_sft",
    "rlvr": "editloop_trainer.cli_rlvr",
    "plot": "editloop_trainer.cli_sft",
}
"""In the order in which they are used; a command is the function of its name in that module.

None: registered by another package, as an entry point of the group ``editloop.training``.
"""


def make_app() -> typer.Typer:
    """The group with every command. Raises ModuleNotFoundError when the extra is not installed."""
    made = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    made.callback(help="Corpus, tasks, demonstrations, training.")(lambda: None)
    for name, module in COMMANDS.items():
        found = getattr(import_module(module), name) if module else registered(GROUP, name)
        made.command(name)(found)
    return made


app = make_app()
