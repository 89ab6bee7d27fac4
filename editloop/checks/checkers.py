"""The type checkers that are known: how they are started, where they are found. Starts none."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from editloop.checks.verdict import TYPE_CHECKERS, CheckerName
from editloop.sandbox.interpreters import Interpreter, interpreter, interpreters


class CheckerError(ValueError):
    """A type checker cannot be asked; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Checker:
    """How a type checker is started. ``sources``: what it calls itself in diagnostics, in small
    letters; ``settings``: what it may ask for, for a project's interpreter; ``script``: what speaks
    the protocol for a package that does not, a file of ``sandbox.inner``, "" for none.
    """

    name: CheckerName
    program: str
    argument: str
    sources: tuple[str, ...]
    registers: bool = False
    settings: Callable[[Interpreter], Mapping[str, Any]] = lambda python: {}
    script: str = ""

    def command(self, program: Path, python: Interpreter) -> list[str]:
        """What is run: ``program`` as ``find`` gives it; ``python`` is the project's."""
        if not self.script:
            return [str(program), self.argument]
        source = resources.files("editloop.sandbox.inner").joinpath(f"{self.script}.py")
        return [str(program), "-B", "-s", "-c", source.read_text("utf-8"), python.program]


CHECKERS: Final = (
    Checker("ty", "ty", "server", ("ty",)),
    Checker(
        "basedpyright",
        "basedpyright-langserver",
        "--stdio",
        # A fork, with the rules of the other two under the same names.
        ("basedpyright", "pyright", "pylance"),
        registers=True,
        settings=lambda python: {"python": {"pythonPath": python.program}},
    ),
    Checker("mypy", "mypy", "", ("mypy",), script="mypylsp"),
)


def checker_of(name: str) -> Checker | None:
    """The checker of a name, or of a diagnostic's source; None for any other."""
    name = name.lower()
    return next((one for one in CHECKERS if name in one.sources), None)


def find(checker: Checker, root: Path) -> tuple[Path, Interpreter] | None:
    """The program and the interpreter beside it: of editloop's own environment, else of the
    project's. Of a package the program is the interpreter that has it, the project's first: there
    are the plug-ins that its settings name.
    """
    if checker.script:
        having = (one for one in interpreters(root) if one.has(checker.program))
        return next(((Path(one.program), one) for one in having), None)
    own = interpreter(sys.executable)
    for python in ([own] if own else []) + list(interpreters(root)):
        beside = Path(python.program).parent
        found = shutil.which(checker.program, path=str(beside))
        if found is not None:
            return Path(found), python
    return None


def named(name: str) -> Checker:
    """The checker of a name. Raises CheckerError."""
    checker = checker_of(name)
    if checker is None:
        known = ", ".join(TYPE_CHECKERS)
        raise CheckerError(f"{name} is no type checker that is known here: {known}")
    return checker
