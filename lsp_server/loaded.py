"""The one model that a worker has loaded: looked up for each job, and loaded again when its file
changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from editloop.engine.errors import EngineError, ModelNotFound
from editloop.engine.policy import ModelPolicy, load_policy
from editloop.models import find_model

Identity = tuple[str, int, int]
"""Path, time of the last change in nanoseconds, size in bytes."""


class LoadedModel:
    """Thread-safe. ``tell`` hears ``{"state", "model", "text"}`` on every change."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._identity: Identity | None = None
        self._policy: ModelPolicy | None = None

    def policy(self, name: str) -> ModelPolicy:
        """The policy of a model by name or path, "" for the default. Raises EngineError."""
        with self._lock:
            try:
                path = find_model(name or None).resolve()
                status = path.stat()
            except ModelNotFound as error:
                self._tell({"state": "missing", "model": name, "text": str(error)})
                raise
            identity = (str(path), status.st_mtime_ns, status.st_size)
            if self._policy is None or identity != self._identity:
                self._load(path)
                self._identity = identity
            assert self._policy is not None
            return self._policy

    def _load(self, path: Path) -> None:
        if self._policy is not None:
            self._policy.engine.close()
            self._policy = None
        shown = path.stem
        self._tell({"state": "loading", "model": shown, "text": ""})
        try:
            self._policy = load_policy(path)
        except EngineError as error:
            self._tell({"state": "failed", "model": shown, "text": str(error)})
            raise
        self._tell({"state": "loaded", "model": shown, "text": str(path)})
