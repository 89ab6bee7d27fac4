"""What a worker repairs with: looked up for each job, made again when the model's file changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from editloop.engine.errors import EngineError, ModelNotFound
from editloop.engine.policy import ModelPolicy
from editloop.model.backend import ModelError
from editloop.model.choose import Chosen, choose, chosen_path

Identity = tuple[str, int, int]
"""Path, time of the last change in nanoseconds, size in bytes."""


class LoadedModel:
    """Thread-safe. ``tell`` hears ``{"state", "model", "text"}`` on every change.

    A model that fills in stays in its process while it is used, and leaves when nobody asks it.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._identity: Identity | None = None
        self._chosen: Chosen | None = None

    def chosen(self, name: str) -> Chosen:
        """What repairs, by a model's name or path, "" for the default. Raises EngineError."""
        with self._lock:
            try:
                path = chosen_path(name or None)
                status = path.stat() if path else None
            except ModelNotFound as error:
                self._tell({"state": "missing", "model": name, "text": str(error)})
                raise
            identity = (str(path), status.st_mtime_ns, status.st_size) if status else ("", 0, 0)
            if self._chosen is None or identity != self._identity or self._is_lost():
                self._make(name, path.stem if path else "")
                self._identity = identity
            assert self._chosen is not None
            return self._chosen

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

    def _make(self, name: str, shown: str) -> None:
        self._free()
        self._tell({"state": "loading", "model": shown, "text": ""})
        try:
            self._chosen = choose(name or None)
        except EngineError as error:
            self._tell({"state": "failed", "model": shown, "text": str(error)})
            raise
        self._tell({"state": "loaded", "model": shown, "text": shown})

    def _free(self) -> None:
        before, self._chosen = self._chosen, None
        if before is None:
            return
        if before.model is not None:
            before.model.close()
        if isinstance(before.policy, ModelPolicy):
            before.policy.engine.close()
