"""The test files of modules, and what is known of them between jobs. Runs in the worker process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from editloop.checks.suites import SuiteCheck, find_suites, suite_check
from editloop.sandbox import Level

_KEPT = 32
Found = tuple[SuiteCheck | None, str]
"""A check and a note on it (``checks.suites.suite_check``); (None, "") without test files."""


class SuiteCache:
    """Thread-safe. A check remembers which tests there are, which costs a run of them to find out,
    so it is kept until the module or one of its test files changes on disk."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], Found] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, path: str | None, level: Level) -> Found:
        module = Path(path) if path else None
        suites = find_suites(module) if module is not None and module.is_file() else []
        if module is None or not suites:
            return None, ""
        states = [(str(file), file.stat().st_mtime_ns) for file in (module, *suites)]
        key = (level, *states)
        with self._lock:
            if key not in self._known:
                self._known[key] = suite_check(module, suites, level)
            self._known.move_to_end(key)
            while len(self._known) > _KEPT:
                _, (check, _) = self._known.popitem(last=False)
                if check is not None:
                    check.close()
            return self._known[key]

    def rest(self) -> None:
        """End the processes that are kept for the next candidate."""
        with self._lock:
            checks = [check for check, _ in self._known.values()]
        for check in checks:
            if check is not None:
                check.close()
