"""Where a reply ends that is to be one statement."""

from __future__ import annotations

import pytest

from editloop.model.statement import first_statement


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("x = 1\ny = 2\n", "x = 1\n"),
        ("x = [\n    1,\n]\ny = 2\n", "x = [\n    1,\n]\n"),
        ("# why\n\nx = 1\ny\n", "\nx = 1\n"),
        ("# one\u2028two\x0cthree\nx = 1\n", "x = 1\n"),
        ("x = '\u2028'\ny\n", "x = '\u2028'\n"),
        ("x = 1", "x = 1"),
    ],
)
def test_up_to_the_end_of_the_first_statement(text: str, taken: str) -> None:
    assert first_statement(text) == taken
