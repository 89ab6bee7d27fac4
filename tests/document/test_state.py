from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import commands, documents

from editloop.document.commands import EXIT, Command, CommandError
from editloop.document.state import MAX_VIEW_LINES, EditState, apply
from editloop.document.text import Snapshot, join, split_lines


@given(documents, commands, st.data())
def test_what_is_outside_of_the_edit_keeps_its_bytes(
    text: str, command: Command, data: st.DataObject
) -> None:
    document = Snapshot.from_text(text)
    indices = list(range(len(document.lines)))
    view = tuple(
        sorted(data.draw(st.sets(st.sampled_from(indices)) if indices else st.just(set())))
    )
    state = EditState.open(document, view)
    try:
        after = apply(state, command)
    except CommandError:
        return
    assert state.document == document
    assert state.view == view
    old, new = document.lines, after.document.lines
    if command.verb == "EXIT":
        assert after is state
        return
    at = _index(state, command)
    if command.verb in ("REPL", "REPW"):
        assert old[:at] == new[:at]
        assert old[at + 1 :] == new[at + 1 :]
        assert new[at].end == old[at].end
    elif command.verb == "DELL":
        assert [line.text for line in new] == [line.text for line in old[:at] + old[at + 1 :]]
        assert join(old[:at]).startswith(join(new[:at]))
        assert new[at:] == old[at + 1 :]
    else:
        assert new[at].text == command.text
        assert new[at + 1 :] == old[at:]
        assert join(new[:at]).startswith(join(old[:at]))
    assert set(after.window) <= {*state.window, new[at].text if at < len(new) else ""}


def _index(state: EditState, command: Command) -> int:
    if command.line <= len(state.view):
        return state.view[command.line - 1]
    return state.view[-1] + 1 if state.view else 0


@given(documents)
def test_append_and_delete_are_inverse(text: str) -> None:
    state = EditState.open(Snapshot.from_text(text))
    assume(len(state.view) < MAX_VIEW_LINES)
    count = len(state.view)
    added = apply(state, Command("ADDL", count + 1, "pass"))
    assert apply(added, Command("DELL", count + 1)).text == text


def test_append_keeps_a_missing_final_newline() -> None:
    state = EditState.open(Snapshot.from_text("a\r\nb"))
    assert apply(state, Command("ADDL", 3, "c")).text == "a\r\nb\r\nc"


def test_insert_uses_the_common_newline() -> None:
    state = EditState.open(Snapshot.from_text("a\r\nb\r\n"))
    assert apply(state, Command("ADDL", 1, "c")).text == "c\r\na\r\nb\r\n"


def test_empty_file() -> None:
    state = EditState.open(Snapshot.from_text(""))
    assert apply(state, Command("ADDL", 1, "x")).text == "x\n"
    with pytest.raises(CommandError, match="there is no line 1"):
        apply(state, Command("DELL", 1))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Command("REPL", 1, "a"), "changes nothing"),
        (Command("REPL", 9, "a"), "no line 9"),
        (Command("ADDL", 4, "a"), "cannot insert"),
        (Command("REPW", 2, "c", "b"), "more than once"),
        (Command("REPW", 2, "c", "z"), "nowhere"),
        (Command("REPL", 1, "a\nb"), "no line break"),
    ],
)
def test_impossible(command: Command, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        apply(EditState.open(Snapshot.from_text("a\nbb\n")), command)


def test_full_window() -> None:
    state = EditState.open(Snapshot.from_text("a\n" * MAX_VIEW_LINES))
    with pytest.raises(CommandError, match="full"):
        apply(state, Command("ADDL", 1, "x"))


def test_numbers_are_those_of_the_view() -> None:
    state = EditState.open(Snapshot.from_text("a\nb\nc\nd\n"), (1, 3))
    assert state.window == ("b", "d")
    assert state.number_of(3) == 2
    assert state.number_of(2) is None
    after = apply(state, Command("ADDL", 2, "x"))
    assert after.text == "a\nb\nc\nx\nd\n"
    assert after.window == ("b", "x", "d")
    assert apply(after, EXIT) is after


def test_lines_are_those_of_the_text() -> None:
    state = EditState.open(Snapshot.from_text("a\nb\n"))
    after = apply(state, Command("REPL", 1, "c"))
    assert split_lines(after.text) == after.document.lines
