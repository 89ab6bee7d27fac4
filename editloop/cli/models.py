"""``editloop models``: what is in the store, and changes to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from editloop.model.store import StoredModel

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The models on this machine.",
)


@app.callback()
def _models() -> None:
    """The models on this machine."""


@app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List the models that are here, * marks the default, and those that can be fetched."""
    from editloop.engine.gguf_info import printable
    from editloop.model.store import list_models, store_folder

    models = list_models()
    if as_json:
        typer.echo(json.dumps([model_row(model) for model in models], ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False, markup=False, emoji=False)
    if models:
        console.print(_table(models))
        for model in models:
            told = model.error or _scores(model)
            if told:
                console.print(f"{printable(model.name)}: {told}", soft_wrap=True)
    else:
        console.print("no models")
    for line in _offers({model.name for model in models}):
        console.print(line, soft_wrap=True)
    console.print(f"store: {store_folder()}", soft_wrap=True)


@app.command()
def get(
    name: Annotated[
        str | None, typer.Argument(help="One of the list; default: what suits this machine.")
    ] = None,
) -> None:
    """Fetch a model; go on with a download that was broken off. The first one is the default."""
    from editloop.cli.get_model import get_model

    get_model(name)


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A GGUF file.")],
    name: Annotated[str | None, typer.Option(help="Its name here; default: the file's.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace one of this name.")] = False,
) -> None:
    """Check a GGUF and copy it into the store."""
    from editloop.model.storing import add_model

    target = add_model(path, name, replace=replace)
    typer.echo(f"{target.stem} added: {target}")


@app.command()
def use(
    name: Annotated[str, typer.Argument(help="A name in the list, a GGUF file, or `none`.")],
) -> None:
    """Make a model the default of commands and servers; `none`: repair without one."""
    from editloop.model.storing import use_model

    typer.echo(f"default: {use_model(name) or name}")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A name in the store.")]) -> None:
    """Delete a model from the store."""
    from editloop.model.storing import remove_model

    was_default = remove_model(name)
    typer.echo(f"{name} removed{'; no model is the default now' if was_default else ''}")


def model_row(model: StoredModel) -> dict[str, Any]:
    """The JSON object of a model; what the file does not say is null."""
    info = model.info
    return {
        "name": model.name,
        "path": str(model.path),
        "source": model.source,
        "default": model.default,
        "file_size": info.file_size if info else None,
        "parameters": info.parameters if info else None,
        "quantization": info.quantization if info else None,
        "architecture": info.architecture if info else None,
        "transcript_version": info.transcript_version if info else None,
        "rendering": info.rendering if info else None,
        "base_model": info.base_model if info else None,
        "eval": info.eval if info else {},
        "error": model.error,
    }


def _offers(here: set[str]) -> Iterator[str]:
    """A line for each model of the catalogue that is not here."""
    from editloop.model.offers import offers
    from editloop.model.store import store_folder

    for offer in offers(store_folder()):
        entry = offer.entry
        if entry.name in here:
            continue
        size = f"{entry.bytes / 1e6:,.0f} MB"
        told = f"{offer.fetched / 1e6:,.0f} of {size}" if offer.fetched else size
        yield f"{entry.name}: not here, {told}, {entry.licence}: editloop models get {entry.name}"


def _table(models: list[StoredModel]) -> Table:
    from editloop.engine.gguf_info import printable

    table = Table(box=None, pad_edge=False)
    for name in ("", "name", "from", "size", "parameters", "quant", "transcript", "rendering"):
        table.add_column(name, justify="right" if name in ("size", "parameters") else "left")
    for model in models:
        mark = "*" if model.default else ""
        info = model.info
        if info is None:
            table.add_row(mark, printable(model.name), model.source, "unreadable")
            continue
        table.add_row(
            mark,
            printable(model.name),
            model.source,
            f"{info.file_size / 1e6:.1f} MB",
            f"{info.parameters / 1e6:.1f} M",
            info.quantization,
            "-" if info.transcript_version is None else str(info.transcript_version),
            info.rendering,
        )
    return table


def _scores(model: StoredModel) -> str:
    """What its file says that it solves; empty where it says nothing."""
    scores = model.info.eval if model.info else {}
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in scores.items()
    )
