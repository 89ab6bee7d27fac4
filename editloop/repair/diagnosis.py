"""What is known of a document before any edit: found out once, and carried through its repair."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from editloop.budget import raise_if_too_long
from editloop.checks.diagnostic import Diagnostic
from editloop.checks.doctests import Documented, documented
from editloop.checks.static import StaticChecker
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.python.definitions import Definition, definitions
from editloop.python.syntax import CHARACTERS_A_SECOND, check_syntax
from editloop.sandbox import SandboxPool

AS_LONG = 2.0
"""Seconds of a parse into objects, as a multiple of those of compiling the same text; measured."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``broken``: why the document does not parse, None where it does; ``found``: what ruff says of
    it, and ``examples``: its docstrings with examples, and how they went, each () where that cannot
    be asked."""

    document: Snapshot
    broken: Finding | None
    definitions: tuple[Definition, ...]
    found: tuple[Diagnostic, ...] = ()
    examples: tuple[Documented, ...] = ()

    @property
    def lacks_name(self) -> bool:
        """Whether something is used that nothing binds, so that an import may be missing."""
        return any(diagnostic.code == "F821" for diagnostic in self.found)

    def suspects(self) -> Iterator[Finding]:
        """Where to look when nobody said: a syntax error, or static errors and failing doctests."""
        if self.broken is not None:
            last, line = len(self.document.lines) - 1, self.broken.line
            yield Finding(self.broken.text, None if line is None else min(line, last))
            return
        yield from (diagnostic.finding for diagnostic in self.found if diagnostic.is_error)
        for one in self.examples:
            if not one.passes:
                name = one.definition.name if one.definition else "the module"
                yield Finding(f"a doctest of {name} fails", one.line)


def diagnose(
    document: Snapshot,
    static: StaticChecker | None,
    pool: SandboxPool | None,
    stop: threading.Event | None = None,
) -> Diagnosis:
    """Ask each check that there is once. Raises Cancelled, StaticCheckError, SandboxError."""
    began = time.monotonic()
    broken = check_syntax(document.text)
    # Parsing a large text cannot be stopped. How long it takes this machine has just shown, if the
    # answer was not remembered.
    least = len(document.text) / CHARACTERS_A_SECOND / 2
    raise_if_too_long(stop, max(least, AS_LONG * (time.monotonic() - began)))
    return Diagnosis(
        document,
        broken,
        definitions(document),
        static.check(document.text, stop) if static and broken is None else (),
        documented(document, pool, stop) if pool else (),
    )
