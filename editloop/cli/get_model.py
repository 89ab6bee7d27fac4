"""``editloop models get``: which model, from where, how far."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from editloop.budget import Cancelled
from editloop.cli import CliError
from editloop.model.catalogue import Entry, find_entry
from editloop.model.download import NOTE, fetched_bytes, get, is_there
from editloop.model.offers import suitable
from editloop.model.store import chosen_default, store_folder

_INTERRUPTED = 130


def get_model(name: str | None) -> None:
    """Fetch the model of a name, or the one that suits this machine, and say what is done."""
    entry = find_entry(name) if name else _suitable()
    store = store_folder()
    if is_there(entry, store):
        get(entry, store)
        typer.echo(f"{entry.name} is there already: {store / entry.name}.gguf")
        return
    typer.echo(f"{entry.title}, {entry.quantization}, {entry.bytes / 1e6:,.0f} MB, {entry.licence}")
    begun = fetched_bytes(entry, store)
    if begun:
        typer.echo(f"going on after {begun / 1e6:,.0f} MB")
    try:
        with _progress() as show, _stoppable() as stop:
            path = get(entry, store, on_progress=show, cancel=stop)
    except (KeyboardInterrupt, Cancelled) as error:
        kept = f"{fetched_bytes(entry, store) / 1e6:,.0f} of {entry.bytes / 1e6:,.0f} MB"
        raise CliError(
            f"stopped; {kept} are kept: `editloop models get {entry.name}` goes on", _INTERRUPTED
        ) from error
    default = ", the default now" if chosen_default(store) == entry.name else ""
    typer.echo(f"{entry.name} is here{default}: {path}")


@contextlib.contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """What Ctrl-C sets. It is raised too, as a server may be silent; but what is raised while
    something is being destroyed is lost."""
    stop = threading.Event()

    def told(number: int, frame: object) -> None:
        stop.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, told)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _suitable() -> Entry:
    entry, why = suitable()
    typer.echo(f"{entry.name} suits this machine ({why})")
    return entry


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar where there is a terminal, else one line for each thing that is done."""
    console = Console(stderr=True, highlight=False, markup=False)
    told: set[str] = set()

    def tell(words: str) -> None:
        if words and words not in told:
            told.add(words)
            console.print(words, soft_wrap=True)

    if not console.is_terminal:
        yield lambda done, total, words: tell(words)
        return
    columns = (
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(done: int, total: int, words: str) -> None:
            if words.startswith(NOTE):
                tell(words)
            progress.update(task, completed=done, total=total, description=words)

        yield show
