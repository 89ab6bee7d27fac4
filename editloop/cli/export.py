"""``editloop export``: the ``export`` package's own command line; needs the [export] extra."""

from __future__ import annotations

import typer

from editloop.cli import missing_extra


def export(context: typer.Context) -> None:
    """Write a checkpoint as a GGUF file (arguments: see --help)."""
    try:
        from export.cli import main
    except ModuleNotFoundError as error:
        raise missing_extra(error, "editloop export", "export") from error
    try:
        code = main(context.args)
    except ModuleNotFoundError as error:
        raise missing_extra(error, "editloop export", "export") from error
    raise typer.Exit(code)


export.context_settings = {  # type: ignore[attr-defined]
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
