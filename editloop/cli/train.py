"""``editloop train``: the training commands, mounted from ``trainer``; needs the [train] extra."""

from __future__ import annotations

from importlib import import_module

import typer

COMMANDS = {
    "corpus": "trainer.cli_data",
    "record": "trainer.cli_data",
    "demos": "trainer.cli_data",
    "tasks": "trainer.cli_data",
    "validate": "trainer.cli_data",
    "benchset": "trainer.cli_data",
    "faulty": "trainer.cli_faulty",
    "repairs": "trainer.cli_faulty",
    "base": "export.cli_base",
    "tokenizer": "trainer.cli_model",
    "rows": "trainer.cli_model",
    "scratch": "trainer.cli_model",
    "average": "trainer.cli_model",
    "prior": "trainer.cli_model",
    "sft": "trainer.cli_sft",
    "rlvr": "trainer.cli_rlvr",
    "plot": "trainer.cli_sft",
    "eval": "trainer.cli_eval:evaluate",
}
"""In the order in which they are used; a command is the function of its name, or of the one given,
in that module."""


def make_app() -> typer.Typer:
    """The group with every command. Raises ModuleNotFoundError when the extra is not installed."""
    made = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
    made.callback(help="Corpus, tasks, demonstrations, training.")(lambda: None)
    for name, target in COMMANDS.items():
        module, _, function = target.partition(":")
        made.command(name)(getattr(import_module(module), function or name))
    return made


app = make_app()
