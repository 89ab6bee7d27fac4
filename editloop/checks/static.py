"""Static checks through one long-lived ``ruff server``: under a millisecond a candidate, where a
``ruff check`` process costs several. Errors have to be gone from a fix; hints help the model.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from editloop.checks.diagnostic import ERROR_RULES, HINT_RULES, RUFF_ERRORS, Diagnostic
from editloop.checks.langserver import Greeting, LanguageServer, LanguageServerError
from editloop.checks.uses import check_uses
from editloop.python.stdlib import exports
from editloop.sandbox.paths import on_path

ANSWER_SECONDS = 30.0
"""Of a file of 4 MiB it takes a few."""
_DOCUMENT = "file:///module.py"
_UNSURE = "F405"
"""A name that nothing binds, unless ``from module import *`` does."""
_STEADY = {
    *("bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum"),
    *("fractions", "functools", "heapq", "itertools", "math", "operator", "random", "re"),
    *("statistics", "string", "typing"),
}
"""Modules that have the same names on every system, as ``os`` and ``ctypes`` have not."""
_OPTIONS = {
    "settings": {
        "configurationPreference": "editorOnly",
        # With a rule that it does not know ruff drops them all, and takes those of the folder.
        "configuration": {"lint": {"select": [*RUFF_ERRORS, *HINT_RULES, _UNSURE]}},
    }
}
_STARS = re.compile(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]*\*", re.MULTILINE)


class StaticCheckError(RuntimeError):
    """ruff is missing or does not answer."""


def find_ruff() -> str:
    """The ruff beside this interpreter, else the one on the path. Raises StaticCheckError."""
    beside = shutil.which("ruff", path=str(Path(sys.executable).parent))
    found = beside or on_path("ruff")
    if found is None:
        raise StaticCheckError("ruff is not installed: pip install ruff")
    return found


class StaticChecker:
    """Thread-safe; starts ruff on first use and again when it died."""

    def __init__(self) -> None:
        self._ruff = LanguageServer("ruff server", _start, Greeting(_DOCUMENT, options=_OPTIONS))

    def check(self, source: str, stop: threading.Event | None = None) -> tuple[Diagnostic, ...]:
        """Diagnostics in order of line; a text that does not parse has none (``python.syntax``).

        Raises Cancelled soon after ``stop`` is set, StaticCheckError where ruff fails twice or has
        no answer within ANSWER_SECONDS.
        """
        try:
            found = list(_settled(self._ruff.check(source, stop, ANSWER_SECONDS), source))
        except LanguageServerError as error:
            raise StaticCheckError(str(error)) from error
        found += check_uses(source)
        return tuple(sorted(found, key=lambda d: (d.line, d.code, d.message)))

    def close(self) -> None:
        self._ruff.close()

    def __enter__(self) -> StaticChecker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _start() -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    command = [find_ruff(), "server"]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)


def _settled(found: Iterable[Diagnostic], source: str) -> Iterator[Diagnostic]:
    """Diagnostics of our rules; of names that a star import may bind those that none does."""
    known = _star_names(tuple(_STARS.findall(source)))
    for diagnostic in found:
        if diagnostic.code.startswith((*ERROR_RULES, *HINT_RULES)):
            yield diagnostic
        elif diagnostic.code == _UNSURE:
            name = diagnostic.message.split("`")[1]
            if known is not None and name not in known:
                yield replace(diagnostic, code="F821", message=f"Undefined name `{name}`")


@lru_cache(maxsize=64)
def _star_names(modules: Sequence[str]) -> frozenset[str] | None:
    """What star imports of these modules bind; None where that is not known for one of them.

    What this Python's modules have is known, too, as far as they are loaded: releases add names.
    """
    if not _STEADY.issuperset(modules):
        return None
    loaded = (dir(sys.modules[module]) for module in modules if module in sys.modules)
    return frozenset().union(*(exports()[module] for module in modules), *loaded)
