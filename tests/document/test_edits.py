from __future__ import annotations

import pytest
from hypothesis import given
from strategies import documents

from editloop.document.edits import (
    TextEdit,
    apply_edits,
    edit_characters,
    edit_size,
    minimal_hunks,
    unified_diff,
)
from editloop.document.text import Snapshot


def _snapshot(text: str) -> Snapshot:
    return Snapshot.from_text(text)


@given(documents, documents)
def test_hunks_make_the_new_text_byte_for_byte(before: str, after: str) -> None:
    old, new = _snapshot(before), _snapshot(after)
    hunks = minimal_hunks(old, new)
    assert apply_edits(old, hunks).encode() == new.encode()
    for hunk in hunks:
        for line, character in (
            (hunk.start_line, hunk.start_character),
            (hunk.end_line, hunk.end_character),
        ):
            # No position inside of a terminator: a client could not say it.
            length = len(old.lines[line].text) if line < len(old.lines) else 0
            assert 0 <= character <= length


@given(documents)
def test_nothing_changed(text: str) -> None:
    assert minimal_hunks(_snapshot(text), _snapshot(text)) == ()
    assert edit_size(_snapshot(text), _snapshot(text)) == 0
    assert unified_diff(_snapshot(text), _snapshot(text), "a.py") == ""


@given(documents, documents)
def test_size_is_symmetric(a: str, b: str) -> None:
    assert edit_size(_snapshot(a), _snapshot(b)) == edit_size(_snapshot(b), _snapshot(a))


@pytest.mark.parametrize(
    ("before", "after", "size"),
    [
        ("x = a < b\n", "x = a <= b\n", 2),
        ("x=1\n", "x  =  1\r\n", 0),
        ("if a:\n    b()\n", "if a:\n        b()\n", 2),
        ("a\nb\n", "a\nc = 1\nb\n", 4),
        ("f(a, b)\n", "f(b, a)\n", 4),
        ("x = 'a b'\n", "x = 'a  b'\n", 2),
        ("", "x\n", 2),
    ],
)
def test_size(before: str, after: str, size: int) -> None:
    assert edit_size(_snapshot(before), _snapshot(after)) == size


def test_size_of_large_changes_is_bounded_work() -> None:
    before = "".join(f"a{n} = {n}\n" for n in range(3000))
    after = "".join(f"b{n} = {n}\n" for n in range(3000))
    assert edit_size(_snapshot(before), _snapshot(after)) == 6000


def test_hunks_are_small() -> None:
    before, after = "a\nx = 1\nb\ny = 2\n", "a\nx = 3\nb\ny = 4\n"
    assert minimal_hunks(_snapshot(before), _snapshot(after)) == (
        TextEdit(1, 4, 1, 5, "3"),
        TextEdit(3, 4, 3, 5, "4"),
    )


def test_crlf_is_never_split() -> None:
    assert minimal_hunks(_snapshot("a\r\n"), _snapshot("a\n")) == (TextEdit(0, 1, 1, 0, "\n"),)


def test_end_of_a_file_without_final_newline() -> None:
    assert minimal_hunks(_snapshot("a"), _snapshot("a\nb")) == (TextEdit(0, 1, 0, 1, "\nb"),)


def test_unified_diff() -> None:
    diff = unified_diff(_snapshot("a\r\nb"), _snapshot("a\r\nc"), "m.py")
    assert diff == (
        "--- a/m.py\n+++ b/m.py\n@@ -1,2 +1,2 @@\n a\r\n"
        "-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
    )
    assert "\u240d" in unified_diff(_snapshot("a\rb\r"), _snapshot("a\rc\r"), "m.py")


def test_characters_of_an_edit() -> None:
    before = Snapshot.from_text("x = values[middle + 1]\n")
    for after, characters in (
        ("values[middle - 1]", 2),
        ("values[0]", 11),
        ("values[middle + 1]", 0),
    ):
        changed = Snapshot.from_text(f"x = {after}\n")
        assert edit_characters(before, changed) == characters
