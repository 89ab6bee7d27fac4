from __future__ import annotations

import pytest
from hypothesis import assume, given
from strategies import commands, line_text

from editloop.document.commands import Command, CommandError, edit_line, occurs_once, parse, render
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot


@given(commands)
def test_parse_is_the_inverse_of_render(command: Command) -> None:
    assert parse(render(command)) == command


@pytest.mark.parametrize(
    "text",
    [
        "", "### EXIT now", "### EXIT 3", "### REPL >>>x", "### REPL 0 >>>x", "### REPL 3",
        "### DELL", "### DELL 3 >>>x", "### REPW 3 >>>a", "### MOVE 3", "REPL 3 >>>x",
        "### REPL 3 >>>a\nb", "### repl 3 >>>x",
    ],
)  # fmt: skip
def test_rejects(text: str) -> None:
    with pytest.raises(CommandError):
        parse(text)


@given(line_text, line_text)
def test_edit_line_makes_the_new_line(old: str, new: str) -> None:
    assume(old != new)
    command = edit_line(1, old, new)
    state = EditState.open(Snapshot.from_text(old + "\n"))
    assume(state.window)
    assert apply(state, command).window == (new,)
    assert parse(render(command)) == command


@pytest.mark.parametrize(
    ("old", "new", "wire"),
    [
        ("    return a - b", "    return a + b", "### REPW 3 >>>- >>>+"),
        ("    x = a[i] + a[j]", "    x = a[i] + a[k]", "### REPW 3 >>>j >>>k"),
        ("    x = f(a, a)", "    x = f(a, b)", "### REPW 3 >>> a >>> b"),
        ("    x = 1", "        x = 1", "### REPL 3 >>>        x = 1"),
        ("x", "y", "### REPW 3 >>>x >>>y"),
    ],
)
def test_edit_line_is_canonical(old: str, new: str, wire: str) -> None:
    assert render(edit_line(3, old, new)) == wire


def test_occurs_once_counts_overlaps() -> None:
    assert occurs_once("abc", "b")
    assert not occurs_once("aaa", "aa")
    assert not occurs_once("abc", "")
