"""Imports ahead of all forks what tests need and the module under repair does not touch; for any
Python from 3.8 on.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from typing import Any

from editloop.sandbox.inner.recorder import Recorder


class Wanted(BaseException):
    """Somebody imports the module under repair where it must not be loaded."""


class Guard:
    """A finder that refuses the module under repair."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.hit = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """None: others find it. Raises Wanted for the module under repair."""
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.origin and self.recorder.in_module(spec.origin):
            self.hit = True
            raise Wanted(name)


def loaded(recorder: Recorder) -> bool:
    """Whether the module under repair is loaded."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return any(isinstance(file, str) and recorder.in_module(file) for file in files)


def fitness(recorder: Recorder) -> dict[str, Any]:
    """Why forks would not be like a fresh process, "" where they are."""
    if loaded(recorder):
        return {"unfit": "the module is loaded"}
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        threads = threading.active_count()
    return {"unfit": "threads are running" if threads > 1 else ""}


def preload(names: list[str], recorder: Recorder, root: str, whole: bool) -> None:
    """Import modules that do not need the module under repair; if ``whole`` also those below
    ``root``.
    """
    guard = Guard(recorder)
    sys.meta_path.insert(0, guard)
    try:
        for name in names:
            if name.startswith("=") or name in sys.modules:
                continue
            before = set(sys.modules)
            try:
                importlib.import_module(name)
                kept = whole and not guard.hit
            except BaseException:  # noqa: BLE001
                kept = False
            guard.hit = False
            if not kept:
                forget(set(sys.modules) - before, root)
    finally:
        sys.meta_path.remove(guard)


def forget(names: Iterable[str], root: str) -> None:
    """Have modules that lie below a folder imported again."""
    for name in names:
        file = getattr(sys.modules[name], "__file__", None)
        if isinstance(file, str) and file.startswith(root + os.sep):
            del sys.modules[name]


def remember(names: list[str], config: Any) -> None:
    """Rewrite the assertions of the tests' files once for all forks, where this pytest lets one."""
    from pathlib import Path

    try:
        from _pytest.assertion import rewrite

        rewritten = rewrite._rewrite_test
        known: dict[str, Any] = {}

        def remembered(file: Any, config: Any) -> Any:
            if str(file) not in known:
                known[str(file)] = rewritten(file, config)
            return known[str(file)]

        for name in names:
            if name.startswith("="):
                remembered(Path(name[1:]), config)
        rewrite._rewrite_test = remembered  # type: ignore[assignment]
    except Exception:  # noqa: BLE001
        return
