"""``editloop train-and-export``: source in, a model in the store out."""

from __future__ import annotations

import enum
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from editloop_trainer.workflow.plan import Plan


class ProgressKind(enum.StrEnum):
    """A bar for a person, or JSON lines for a program."""

    bar = "bar"
    json = "json"


def train_and_export(
    name: Annotated[str, typer.Option(help="Of the model in the store.")],
    corpus: Annotated[
        list[str],
        typer.Option(help="A folder of source or the name of an installed package; repeatable."),
    ] = ["."],  # noqa: B006 - typer copies it
    base: Annotated[
        str,
        typer.Option(help="A pretrained instruct model: its folder, GGUF or store name."),
    ] = "qwen2.5-coder-0.5b",
    minutes: Annotated[float, typer.Option(help="For all steps together.")] = 20.0,
    work: Annotated[
        Path | None, typer.Option(help="Where the steps leave their files; default: a cache.")
    ] = None,
    library: Annotated[
        bool, typer.Option(help="Add the standard library to a corpus below 3 MB.")
    ] = True,
    use: Annotated[bool, typer.Option("--use", help="Make it the default model.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a model of this name.")
    ] = False,
    progress: Annotated[ProgressKind, typer.Option(help="Where it stands.")] = ProgressKind.bar,
) -> None:
    """Train a model on your source, export it, compare it with before, and add it to the store.

    Every step goes on where it was stopped or killed: give the same command again. Exit code 0: the
    model is in the store, 1: a step failed, 2: wrong usage or input, 130: interrupted.
    """
    from editloop_trainer.workflow.options import check_machine, make_options
    from editloop_trainer.workflow.plan import Plan
    from editloop_trainer.workflow.runner import run_plan, stop_on_signals
    from editloop_trainer.workflow.show import BarShow, JsonShow

    with _told(progress):
        check_machine()
        options = make_options(corpus, base, minutes, name, work, library=library)
        plan = Plan(options)
        _check_name_is_free(plan, replace)
        show = JsonShow() if progress is ProgressKind.json else BarShow()
        try:
            with stop_on_signals() as stop:
                run_plan(plan, minutes, show, stop)
        finally:
            show.close()
        path = _register(plan)
        if use:
            from editloop.model.storing import use_model

            use_model(name)
        _tell(_summary(plan, path), progress)


@contextmanager
def _told(progress: ProgressKind) -> Iterator[None]:
    """A program is told in its own language what ended the run."""
    from editloop.cli import explain

    try:
        yield
    except Exception as error:
        told = explain(error)
        if progress is ProgressKind.json and told is not None:
            typer.echo(json.dumps({"error": told[0]}, ensure_ascii=False))
        raise


def _check_name_is_free(plan: Plan, replace: bool) -> None:
    """Raises StoreError for a name that another model has; this run's own may have it."""
    from editloop.model.store import store_folder
    from editloop.model.storing import StoreError
    from editloop_trainer.workflow.ledger import Ledger

    taken = (store_folder() / f"{plan.options.name}.gguf").exists()
    if taken and not replace and not Ledger(plan.work).started:
        raise StoreError(
            f"{plan.options.name} is in the store already: choose another --name, or --replace it"
        )


def _register(plan: Plan) -> Path:
    """The file in the store, which is the one that was exported."""
    from editloop.model.store import store_folder
    from editloop.model.storing import add_model
    from editloop_trainer.workflow.ledger import file_digest

    path = store_folder() / f"{plan.options.name}.gguf"
    if file_digest(path) != file_digest(plan.result):
        add_model(plan.result, plan.options.name, replace=True)
    return path


def _summary(plan: Plan, path: Path) -> dict[str, Any]:
    from editloop_trainer.workflow.results import score

    return {
        "done": True,
        "name": plan.options.name,
        "path": str(path),
        "size": path.stat().st_size,
        "before": score(plan.before),
        "after": score(plan.after),
    }


def _tell(summary: dict[str, Any], progress: ProgressKind) -> None:
    if progress is ProgressKind.json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for title in ("held-out tasks of the corpus", "before", "after"):
        table.add_column(title, justify="left" if title.startswith("held") else "right")
    for label, key in (("solved by the search", "search"), ("by one plain episode", "pass_at_1")):
        shares = (summary[when].get(key) for when in ("before", "after"))
        table.add_row(label, *("-" if share is None else f"{share:.0%}" for share in shares))
    console.print(table)
    console.print(
        f"{summary['name']}: {summary['size'] / 2**20:.1f} MB, {summary['path']}", markup=False
    )
    name = shlex.quote(summary["name"])
    console.print(f"editloop fix FILE --model {name}; `editloop models use {name}` makes it yours")
