"""Docstrings of public names make sense alone: none begins by leaning on what stands beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("editloop", "lsp_server", "trainer", "export")
LEANING = re.compile(
    r"(The same|Those|As above|Likewise|Also|Such as|It|Its|They|Their|Of|With|From|For|In|That)\b"
    r"|(Whether|Where|How|What|Why) (it|its|they|this|that|these|those)\b"
)


def leaning(source: str) -> Iterator[str]:
    """Names whose docstring needs another one to be understood."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            text = ast.get_docstring(node) or ""
            if not node.name.startswith("_") and LEANING.match(text):
                yield f"{node.name}: {text.splitlines()[0]}"


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_make_sense_alone(package: str) -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for path in sorted((ROOT / package).rglob("*.py"))
        if (names := list(leaning(path.read_text(encoding="utf-8"))))
    }
    assert not found


def test_what_leans_is_seen() -> None:
    source = 'def f():\n    """The same, in bytes."""\n\ndef g():\n    """Bytes of a file."""\n'
    assert list(leaning(source)) == ["f: The same, in bytes."]
