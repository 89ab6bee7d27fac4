"""A doctest example as it stands in a docstring, with how the host compares it. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from editloop.checks.testexpr import CallCheck


@dataclass(frozen=True, slots=True)
class DocExample:
    """One `>>>` example: its source, the output or the exception it wants, doctest's option flags,
    its file line.

    `check`: for one that compares, how the host does it instead of the candidate's process, None
    where it need not or cannot; `weak`: why a pass is then weaker evidence.
    """

    source: str
    want: str
    error: str | None
    flags: int
    line: int
    check: CallCheck | None = None
    weak: str = ""


DocGroup = tuple[DocExample, ...]
"""The examples of one docstring: they share a namespace."""
