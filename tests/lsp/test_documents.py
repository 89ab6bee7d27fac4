"""Uris of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from editloop_lsp.text import Text


@pytest.mark.parametrize(
    ("uri", "name", "path"),
    [
        ("file:///tmp/a%20b.py", "a b.py", Path("/tmp/a b.py")),
        ("file://[broken/tmp/a.py", "a.py", None),
        ("file://[::1/a.py", "a.py", None),
        ("file:///tmp/a%00.py", "a\0.py", None),
        ("untitled:Untitled-1", "Untitled-1", None),
        ("", "untitled.py", None),
    ],
)
def test_a_uri_has_a_name_and_perhaps_a_path(uri: str, name: str, path: Path | None) -> None:
    text = Text(uri, 1, "x = 1\n")
    assert (text.name, text.path) == (name, path)
