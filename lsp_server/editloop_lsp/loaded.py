"""What a worker repairs with: looked up for each job, made again when the model's file changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from editloop.engine.errors import EngineError, ModelNotFound
from editloop.model.backend import ModelError
from editloop.model.choose import Chosen, choose
from editloop.model.consent import is_allowed
from editloop.model.server import ServerModel
from editloop.model.store import NO_MODEL, chosen_path
from editloop.prior import PriorPolicy, shipped

Identity = tuple[str, int, int]
"""Path or address, time of the file's last change in nanoseconds, its size in bytes."""


class LoadedModel:
    """Thread-safe. ``tell`` hears ``{"state", "model", "text"}`` on every change.

    A model that fills in stays in its process while it is used, and leaves when nobody asks it.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._identity: Identity | None = None
        self._chosen: Chosen | None = None

    def chosen(self, name: str, server: str = "") -> Chosen:
        """What repairs: the model of a ``server``, else of a name or path, "" for the default.

        Raises EngineError, and ModelError for an address that is none or was not allowed.
        """
        with self._lock:
            identity, shown = (server, 0, 0), server
            if not server:
                identity, shown = self._found(name)
            if self._chosen is None or identity != self._identity or self._is_lost():
                self._make(name, server, shown)
                self._identity = identity
            assert self._chosen is not None
            return self._chosen

    def _found(self, name: str) -> tuple[Identity, str]:
        """The file of a name, and how it is called."""
        try:
            path = chosen_path(name or None)
            status = path.stat() if path else None
        except ModelNotFound as error:
            self._tell({"state": "missing", "model": name, "text": str(error)})
            raise
        if path is None or status is None:
            return ("", 0, 0), NO_MODEL
        return (str(path), status.st_mtime_ns, status.st_size), path.stem

    def _is_lost(self) -> bool:
        """Whether the model's process has died; the next job tries again."""
        model = self._chosen.model if self._chosen else None
        if model is None:
            return False
        try:
            model.start()
        except ModelError:
            return True
        return False

    def _make(self, name: str, server: str, shown: str) -> None:
        self._free()
        self._tell({"state": "loading", "model": shown, "text": ""})
        try:
            self._chosen = _behind(server) if server else choose(name or None)
        except (EngineError, ModelError) as error:
            self._tell({"state": "failed", "model": shown, "text": str(error)})
            raise
        state = "loaded" if self._chosen.model else "none"
        self._tell({"state": state, "model": shown, "text": shown})

    def _free(self) -> None:
        before, self._chosen = self._chosen, None
        if before is not None and before.model is not None:
            before.model.close()


def _behind(server: str) -> Chosen:
    """The model that a server runs; the person was asked before, this makes sure of it."""
    return Chosen(PriorPolicy(shipped()), ServerModel(server, allow_remote=is_allowed(server)))
