"""``editloop export``: the ``export`` package's own command line; needs the [export] extra."""

from __future__ import annotations

import typer


def export(context: typer.Context) -> None:
    """Write a checkpoint as GGUF files and compare them with it (arguments: see --help)."""
    from export.cli import main

    raise typer.Exit(main(context.args))


export.context_settings = {  # type: ignore[attr-defined]
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
