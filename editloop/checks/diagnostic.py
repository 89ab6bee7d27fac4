"""What a static check found at a place, and which of it has to be gone from a fix."""

from __future__ import annotations

from dataclasses import dataclass

from editloop.document.transcript import Finding

RUFF_ERRORS = ("E9", "F5", "F63", "F7", "F82")
"""Wrong in any program: undefined names, misplaced statements, broken formats, comparisons."""
ERROR_RULES = (*RUFF_ERRORS, "E1101", "E112")
"""Ruff's errors, and what it does not see (see ``uses``): wrong arguments and attributes."""
NO_ERRORS = ("F504", "F522", "F523", "F541")
"""Codes that RUFF_ERRORS would take in and that only say that something is not used."""
HINT_RULES = ("F401", "F811", "F841")
"""Unused or redefined names: often the trace of a wrong name elsewhere."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding; lines are 0-based, columns count code points."""

    code: str
    message: str
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    severity: int = 1
    """Of the Language Server Protocol: 1 an error, 2 a warning, above that no more than a word."""
    file: str = ""
    """Name of the file that it is in, "" for the one that is checked."""

    @property
    def is_error(self) -> bool:
        return self.code.startswith(ERROR_RULES) and self.code not in NO_ERRORS

    @property
    def finding(self) -> Finding:
        """The diagnostic as a model and a person read it."""
        return Finding(f"{self.code} {self.message}", self.line)
