"""Several engines in one process, loaded at first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from .llama import Engine

__all__ = ["EngineRegistry", "registry"]


_Identity: TypeAlias = tuple[int, int, int]


def _identity(path: Path) -> _Identity | None:
    """Another one for another file under the same name; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns


class EngineRegistry:
    """Engines by resolved path. `settings` go to `Engine.load` for each of them.

    A file that was replaced since it was loaded is loaded anew, and the old engine is closed.
    """

    def __init__(self, *, load: Callable[..., Engine] = Engine.load, **settings: Any) -> None:
        self._load, self._settings = load, settings
        self._lock = threading.Lock()
        self._loading: dict[Path, threading.Lock] = {}
        self._engines: dict[Path, Engine] = {}
        self._files: dict[Path, _Identity | None] = {}

    def configure(self, **settings: Any) -> None:
        """Replaces settings for engines loaded from now on."""
        with self._lock:
            self._settings = {**self._settings, **settings}

    def get(self, path: str | Path) -> Engine:
        """The engine of a file, loading it if needed. Raises what `Engine.load` raises."""
        key = Path(path).resolve()
        file = _identity(key)
        with self._lock:
            if key in self._engines and self._files[key] == file:
                return self._engines[key]
            turn = self._loading.setdefault(key, threading.Lock())
            settings = dict(self._settings)
        with turn:  # a large model loads for seconds: others must not wait for it
            with self._lock:
                if key in self._engines and self._files[key] == file:
                    return self._engines[key]
            engine = self._load(key, **settings)
            with self._lock:
                old = self._engines.pop(key, None)
                self._engines[key], self._files[key] = engine, file
            if old is not None:
                old.close()
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
