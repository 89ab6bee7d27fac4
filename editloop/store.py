"""Changes to the user's store of models: add, choose, remove; each in one atomic step.

``editloop.models`` reads it. A reader sees the state before or after a change, never one between.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from editloop.models import CHOICE, SHIPPED, SHIPPED_NAME, chosen_default, find_model, store_folder
from editloop.transcript import TRANSCRIPT_VERSION

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = (SHIPPED_NAME, CHOICE)


class StoreError(Exception):
    """A change that the store refuses; the message says what to do instead."""


def add_model(
    path: Path, name: str | None = None, *, replace: bool = False, store: Path | None = None
) -> Path:
    """Copy a GGUF into the store under ``name`` (default: the file's own); returns its place.

    The copy is checked before it gets its name: a whole GGUF of this transcript version or of none
    (an instruct model). Raises StoreError, EngineError, OSError; the store is unchanged then.
    """
    from editloop.engine.checks import check_version
    from editloop.engine.gguf_info import read_info

    store = store or store_folder()
    name = check_name(path.name.removesuffix(".gguf") if name is None else name)
    target = store / f"{name}.gguf"
    if target.exists() and not replace:
        raise StoreError(f"{name} is in the store already: choose another --name, or --replace it")
    check_version(read_info(path), TRANSCRIPT_VERSION)
    with _replacing(target) as file:
        with path.open("rb") as original:
            shutil.copyfileobj(original, file, 1 << 20)
        file.flush()
        check_version(read_info(file.name), TRANSCRIPT_VERSION)
    return target


def use_model(name_or_path: str, store: Path | None = None) -> Path:
    """Make a model the default; returns its file. Raises ModelNotFound, EngineError, OSError."""
    from editloop.engine.checks import check_version
    from editloop.engine.gguf_info import read_info

    store = store or store_folder()
    path = find_model(name_or_path, store=store)
    check_version(read_info(path), TRANSCRIPT_VERSION)
    inside = path == SHIPPED or path.is_relative_to(store)
    with _replacing(store / CHOICE) as file:
        file.write(f"{name_or_path if inside else path.resolve()}\n".encode())
    return path


def remove_model(name: str, store: Path | None = None) -> bool:
    """Delete a model of the store; True where it was the default, which is the shipped one then.

    A server that has it loaded keeps its memory of it. Raises StoreError, ModelNotFound, OSError.
    """
    store = store or store_folder()
    path = find_model(name, store=store)
    if path == SHIPPED:
        raise StoreError("the shipped model is part of the installation and stays")
    if not path.is_relative_to(store):
        raise StoreError(f"{path} is not in the store: delete the file yourself")
    chosen = _is_default(path, store)
    if chosen:  # first, so that a default never names what is gone
        (store / CHOICE).unlink()
    path.unlink()
    return chosen


def check_name(name: str) -> str:
    """The name itself. Raises StoreError where it cannot be a file's name in the store."""
    if name in _RESERVED:
        raise StoreError(f"the name {name!r} is taken by editloop itself: choose another")
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"{name!r} cannot name a model: use letters, digits, dots, dashes and underscores"
        )
    return name


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file in the folder of ``target`` that takes its name when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=".part", dir=target.parent
    )
    try:
        with open(part, "wb") as file:
            os.close(descriptor)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _is_default(path: Path, store: Path) -> bool:
    from editloop.engine.errors import ModelNotFound

    try:
        return chosen_default(store) is not None and find_model(store=store) == path
    except ModelNotFound:
        return False
