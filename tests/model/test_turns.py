"""A turn as a place and a text: what is asked, what answers mean, and that they fit each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editloop.model.infill import Place
from editloop.model.turns import Named, ask_place, ask_text, read_place, say_place, say_text

LINES = ["def f(x):", "    if x:", "        return x + 1", "    return 0"]


def test_the_question_for_a_place_shows_the_window_and_what_failed() -> None:
    asked = ask_place(LINES, (1, 2, 3), ["f(2) -> 3,\n expected 1"])
    shown = "1|    if x:\n2|        return x + 1\n3|    return 0\n"
    assert asked.text == shown + "# fixed: f(2) -> 3, expected 1\n# change:"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (" replace 1", Named("replace", Place(2, 3))),
        (" replace 1-2\n", Named("replace", Place(2, 4))),
        (" insert 3", Named("insert", Place(4, 4))),
        (" delete 2", Named("delete", Place(3, 4))),
        (" insert 1", Named("insert", Place(2, 2))),
        (" replace 0", None),
        (" replace 3", None),
        (" replace 2-1", None),
        (" insert 4", None),
        (" insert 1-2", None),
        (" replace 1 and 2", None),
        ("", None),
    ],
)
def test_what_an_answer_names(text: str, named: Named | None) -> None:
    assert read_place(text, (2, 3)) == named


def test_a_place_across_lines_that_are_not_shown_is_none() -> None:
    assert read_place(" replace 1-2", (2, 5)) is None


@given(st.data())
def test_what_is_said_is_what_is_read(data: st.DataObject) -> None:
    start, count = data.draw(st.integers(0, 5)), data.draw(st.integers(1, 9))
    view = tuple(range(start, start + count))
    first = data.draw(st.integers(start, start + count))
    stop = data.draw(st.integers(first, start + count))
    deletes = data.draw(st.booleans()) and first < stop
    verb = "insert" if first == stop else "delete" if deletes else "replace"
    told = say_place(Place(first, stop), view, deletes=deletes)
    assert read_place(told, view) == Named(verb, Place(first, stop))


def test_a_place_outside_of_the_window_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="not in list"):
        say_place(Place(0, 1), (2, 3))


def test_the_text_begins_with_its_line() -> None:
    asked = ask_text(LINES, Place(2, 3), ["f(2) -> 3"])
    assert asked.before.endswith("        # fixed: f(2) -> 3\n        # was: return x + 1\n")
    assert asked.before + say_text(["        return 1"]) + asked.after == (
        "def f(x):\n    if x:\n        # fixed: f(2) -> 3\n        # was: return x + 1\n"
        "        return 1\n    return 0\n"
    )
