"""Several engines in one process, loaded at first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .llama import Engine

__all__ = ["EngineRegistry", "registry"]


class EngineRegistry:
    """Engines by resolved path. `settings` go to `Engine.load` for each of them."""

    def __init__(self, *, load: Callable[..., Engine] = Engine.load, **settings: Any) -> None:
        self._load, self._settings = load, settings
        self._lock = threading.Lock()
        self._loading: dict[Path, threading.Lock] = {}
        self._engines: dict[Path, Engine] = {}

    def configure(self, **settings: Any) -> None:
        """Replaces settings for engines loaded from now on."""
        with self._lock:
            self._settings = {**self._settings, **settings}

    def get(self, path: str | Path) -> Engine:
        """The engine of a file, loading it if needed. Raises what `Engine.load` raises."""
        key = Path(path).resolve()
        with self._lock:
            if key in self._engines:
                return self._engines[key]
            turn = self._loading.setdefault(key, threading.Lock())
            settings = dict(self._settings)
        with turn:  # a large model loads for seconds: others must not wait for it
            with self._lock:
                if key in self._engines:
                    return self._engines[key]
            engine = self._load(key, **settings)
            with self._lock:
                self._engines[key] = engine
            return engine

    def loaded(self) -> list[Path]:
        """Files that are in memory."""
        with self._lock:
            return sorted(self._engines)

    def free(self, path: str | Path) -> bool:
        """Closes one engine; False when it was not loaded."""
        with self._lock:
            engine = self._engines.pop(Path(path).resolve(), None)
        if engine is not None:
            engine.close()
        return engine is not None

    def free_all(self) -> None:
        """Closes every engine."""
        for path in self.loaded():
            self.free(path)


registry = EngineRegistry()
