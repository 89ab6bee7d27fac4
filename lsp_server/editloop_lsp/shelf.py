"""The models of this machine for the server's commands; runs in a worker process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def models() -> list[dict[str, Any]]:
    """The rows of ``editloop models list --json``."""
    from editloop.cli.models import model_row
    from editloop.model.store import list_models

    return [model_row(model) for model in list_models()]


def catalogue() -> list[dict[str, Any]]:
    """A row for each model that can be fetched, see `editloop.model.offers`."""
    from editloop.model.offers import offers
    from editloop.model.store import store_folder

    return [offer.row() for offer in offers(store_folder())]


def use(name: str) -> str:
    """Make a model the default; its name. Raises the errors of `model.storing.use_model`."""
    from editloop.model.storing import use_model

    path = use_model(name)
    return path.stem if path else name


def get(
    name: str, cancel: threading.Event, tell: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Fetch a model of the catalogue; whether it is the ``default`` then.

    ``tell`` hears ``done`` and ``total`` in bytes, and ``words``. Raises UnknownModel,
    DownloadError, Cancelled.
    """
    from editloop.model.catalogue import find_entry
    from editloop.model.download import get as fetch
    from editloop.model.store import chosen_default, store_folder

    def report(done: int, total: int, words: str) -> None:
        tell({"done": done, "total": total, "words": words})

    store = store_folder()
    fetch(find_entry(name), store, on_progress=report, cancel=cancel)
    return {"default": chosen_default(store) == name}
