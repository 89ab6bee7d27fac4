"""Whether a text is Python, and where it is not: it is compiled, and nothing of it is run."""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache

from editloop.document.transcript import Finding

CHARACTERS_A_SECOND = 500_000
"""Characters that are compiled, parsed and split into functions, none of which can be stopped;
measured on a busy core."""

_UNREADABLE = re.compile(
    "SyntaxError: (unterminated |unmatched |closing parenthesis |leading zeros |"
    "invalid (character|non-printable|digit|[a-z]+ literal))"
)


@lru_cache(maxsize=4)
def check_syntax(source: str) -> Finding | None:
    """The syntax error as a finding (line 0-based), None where the source compiles.

    Remembered for the last sources: of a large file every part of a repair asks once more.
    """
    try:
        # An invalid escape in the user's file is no business of ours.
        with warnings.catch_warnings(action="ignore"):
            compile(source, "<module>", "exec", dont_inherit=True)
    except SyntaxError as error:
        kind = type(error).__name__
        line = None if error.lineno is None else max(error.lineno, 1) - 1
        return Finding(f"{kind}: {error.msg}", line)
    except ValueError as error:
        return Finding(f"SyntaxError: {error}")
    except (RecursionError, MemoryError):
        return Finding("SyntaxError: too deeply nested")
    return None


def is_unreadable(finding: Finding) -> bool:
    """Whether a finding is an error of CPython's tokenizer.

    Where a text has one, no error of the parser is reported, not even one further up.
    """
    return _UNREADABLE.match(finding.text) is not None


def parse_quietly(source: str) -> ast.Module:
    """``ast.parse`` without its warnings, which would reach the person's terminal."""
    with warnings.catch_warnings(action="ignore"):
        return ast.parse(source)
