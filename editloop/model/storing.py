"""Changes to the user's store of models: add, choose, remove; each in one atomic step.

``model.store`` reads it. A reader sees the state before or after a change, never one between.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from editloop.document.transcript import TRANSCRIPT_VERSION
from editloop.model.replacing import replacing
from editloop.model.store import (
    CHOICE,
    NO_MODEL,
    chosen_default,
    find_model,
    in_store,
    store_folder,
)

if TYPE_CHECKING:
    from editloop.engine.gguf_info import ModelInfo

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = (NO_MODEL, CHOICE)


class StoreError(Exception):
    """A change that the store refuses; the message says what to do instead."""


def add_model(
    path: Path, name: str | None = None, *, replace: bool = False, store: Path | None = None
) -> Path:
    """Copy a GGUF into the store under ``name`` (default: the file's own); returns its place.

    It is checked before it gets its name: a whole GGUF of this transcript version, or a model of
    somebody else's that can be asked for a repair and that llama.cpp loads here.

    Raises StoreError, EngineError, OSError; the store is unchanged then.
    """
    from editloop.engine.gguf_info import read_info

    store = store or store_folder()
    name = check_name(path.name.removesuffix(".gguf") if name is None else name)
    target = store / f"{name}.gguf"
    if target.exists() and not replace:
        raise StoreError(f"{name} is in the store already: choose another --name, or --replace it")
    info = read_info(path)
    _check(info)
    if info.transcript_version is None or info.is_adapter:
        _try(path)
    with replacing(target) as file:
        with path.open("rb") as original:
            shutil.copyfileobj(original, file, 1 << 20)
        file.flush()
        _check(read_info(file.name))
    return target


def use_model(name_or_path: str, store: Path | None = None) -> Path | None:
    """Make a model the default, or none for ``none``; returns its file.

    Raises ModelNotFound, EngineError, OSError.
    """
    from editloop.engine.gguf_info import read_info

    store = store or store_folder()
    if name_or_path == NO_MODEL:
        _choose(NO_MODEL, store)
        return None
    path = find_model(name_or_path, store=store)
    _check(read_info(path))
    inside = in_store(path, store)
    _choose(f"{name_or_path if inside else path.resolve()}", store)
    return path


def _choose(choice: str, store: Path) -> None:
    with replacing(store / CHOICE) as file:
        file.write(f"{choice}\n".encode())


def remove_model(name: str, store: Path | None = None) -> bool:
    """Delete a model of the store; True where it was the default; there is none then.

    What an unfinished download of the name left behind goes too. A server that has the model loaded
    keeps its memory of it. Raises StoreError, ModelNotFound, OSError.
    """
    from editloop.model.partial import partial_path

    store = store or store_folder()
    path = store / f"{name}.gguf"
    unfinished = partial_path(path)
    if in_store(unfinished, store) and unfinished.is_file():
        unfinished.unlink()
        if not os.path.lexists(path):
            return False
    if not os.path.lexists(path):  # a link that leads nowhere is there, and can go
        path = find_model(name, store=store)
    if not in_store(path, store):
        raise StoreError(f"{path} is not in the store: delete the file yourself")
    if path.suffix != ".gguf":
        raise StoreError(f"{path} is no model")
    chosen = _is_default(path, store)
    if chosen:  # first, so that a default never names what is gone
        (store / CHOICE).unlink()
    path.unlink()
    return chosen


def _check(info: ModelInfo) -> None:
    """Raises EngineError unless the model is one for this tool."""
    from editloop.engine.checks import check_kind, check_version

    check_version(info, TRANSCRIPT_VERSION)
    check_kind(info)


def _try(path: Path) -> None:
    """Load a model once, in a process of its own. Raises StoreError where that fails."""
    from editloop.model.backend import ModelError
    from editloop.model.child import open_model

    model = open_model(path.absolute(), n_ctx=512)
    try:
        _ = model.fills  # waits until it is loaded
    except ModelError as error:
        raise StoreError(f"{path.name} does not load here: {error}") from error
    finally:
        model.close()


def check_name(name: str) -> str:
    """The name itself. Raises StoreError where it cannot be a file's name in the store."""
    if name in _RESERVED:
        raise StoreError(f"the name {name!r} is taken by editloop itself: choose another")
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"{name!r} cannot name a model: use letters, digits, dots, dashes and underscores"
        )
    return name


def _is_default(path: Path, store: Path) -> bool:
    from editloop.engine.errors import ModelNotFound

    try:
        return chosen_default(store) is not None and find_model(store=store) == path
    except ModelNotFound:
        return False
