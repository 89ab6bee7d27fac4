"""Positions in three encodings, changes of ranges, and where an edit has moved to."""

from __future__ import annotations

import pytest
from editloop_lsp.positions import from_client, offset, to_client, units
from editloop_lsp.text import Text, changed, shift
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from editloop.document.text import split_lines

ENCODINGS = ["utf-8", "utf-16", "utf-32"]
TEXTS = st.text(st.sampled_from("ab é€😋\t\f\u2028\x85\n\r"), max_size=40)


@given(TEXTS, st.sampled_from(ENCODINGS), st.data())
def test_positions_survive_the_way_to_the_client_and_back(
    text: str, encoding: str, data: st.DataObject
) -> None:
    lines = split_lines(text)
    number = data.draw(st.integers(0, max(len(lines) - 1, 0)))
    shown = lines[number].text if lines else ""
    character = data.draw(st.integers(0, len(shown)))
    told = to_client(lines, number, character, encoding)
    assert from_client(lines, told, encoding) == (number, character)
    assert told.character == len(
        shown[:character].encode(encoding.replace("-8", "-8"), "strict")
    ) // {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding] - (
        encoding != "utf-8"
    )  # Python's codec adds a mark


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_position_past_an_end_is_moved_to_it(encoding: str) -> None:
    lines = split_lines("x = '😋'\nlast")
    assert from_client(lines, types.Position(0, 999), encoding) == (0, 7)
    assert from_client(lines, types.Position(9, 9), encoding) == (1, 4)
    assert from_client(split_lines("a\n"), types.Position(9, 9), encoding) == (1, 0)
    assert from_client((), types.Position(0, 3), encoding) == (0, 0)


def test_a_position_inside_of_a_character_is_moved_before_it() -> None:
    lines = split_lines("😋!")
    assert from_client(lines, types.Position(0, 1), "utf-16") == (0, 0)
    assert units("😋!", "utf-16") == 3


@given(TEXTS, TEXTS, st.sampled_from(ENCODINGS), st.data())
def test_changes_of_ranges(text: str, new: str, encoding: str, data: st.DataObject) -> None:
    lines = split_lines(text)
    numbers = st.integers(0, len(lines) + 1)
    first, last = sorted(
        (data.draw(st.tuples(numbers, st.integers(0, 9))) for _ in range(2)),
    )
    place = types.Range(types.Position(*first), types.Position(*last))
    change = types.TextDocumentContentChangePartial(place, new)
    after = changed(Text("file:///x.py", 1, text), 2, [change], encoding)
    start = offset(lines, place.start, encoding)
    stop = max(start, offset(lines, place.end, encoding))
    assert after.text == text[:start] + new + text[stop:]
    assert after.version == 2


@given(st.lists(st.sampled_from("abc"), max_size=8), st.integers(0, 7), st.integers(0, 3))
def test_lines_that_were_left_alone_are_found_where_they_are_now(
    texts: list[str], at: int, count: int
) -> None:
    old = split_lines("".join(f"{text}\n" for text in texts))
    at = min(at, len(old))
    new = (*old[:at], *split_lines("new\n" * count), *old[at:])
    for first in range(len(old)):
        lines = shift(old, new, first, first + 1)
        assert lines is not None  # nothing but an insertion: every old line is still there
        assert new[first + lines] == old[first]


def test_lines_that_were_changed_are_not_found() -> None:
    old, new = split_lines("a\nb\nc\nx\nx\n"), split_lines("a\nB\nc\nx\nx\nd\nx\n")
    assert [shift(old, new, n, n + 1) for n in range(5)] == [0, None, 0, None, 2]
    assert shift(old, new, 0, 2) is None
    assert shift(old, (), 0, 1) is None
