"""The parts of the menu that need no server."""

from __future__ import annotations

import pytest
from editloop_lsp.actions import FIX_ALL, Offer, action, enclosing, wanted
from editloop_lsp.client import Client
from editloop_lsp.targets import Target, TargetError, parse
from lsprotocol import types

from editloop.document.text import split_lines

SOURCE = """import os

class Box:
    size = 1

    def open(self,
             hard):
        for x in self:

            yield x
        def inner():
            return 1
        return 2

    # a comment
def after():
    pass
"""


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (0, ""),
        (1, ""),
        (3, "Box"),
        (5, "Box.open"),
        (6, "Box.open"),
        (9, "Box.open"),
        (11, "Box.open.inner"),
        (12, "Box.open"),
        (16, "after"),
        (99, "after"),
    ],
)
def test_the_function_around_a_line(line: int, name: str) -> None:
    assert enclosing(split_lines(SOURCE), line) == name


def test_the_function_of_an_empty_document() -> None:
    assert enclosing((), 0) == ""


@pytest.mark.parametrize(
    ("kind", "only", "automatic", "result"),
    [
        ("quickfix", None, True, True),
        ("quickfix", ["quickfix"], False, True),
        ("quickfix", ["refactor"], False, False),
        ("refactor.rewrite", ["refactor"], False, True),
        (FIX_ALL, None, False, False),
        (FIX_ALL, ["source"], False, True),
        (FIX_ALL, ["source.fixAll"], False, True),
        (FIX_ALL, ["source.fixAll"], True, False),
        (FIX_ALL, [FIX_ALL], True, True),
        (FIX_ALL, ["source.fixAll.edit"], False, False),
    ],
)
def test_kinds_that_a_client_asks_for(
    kind: str, only: list[str] | None, automatic: bool, result: bool
) -> None:
    trigger = types.CodeActionTriggerKind(2 if automatic else 1)
    context = types.CodeActionContext([], only=only, trigger_kind=trigger)
    assert wanted(kind, context) is result


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"uri": 3},
        {"uri": "file:///a.py", "kind": "everything"},
        {"uri": "file:///a.py", "version": "1"},
        {"uri": "file:///a.py", "range": {"start": {"line": 1}}},
        {"uri": "file:///a.py", "range": 3},
        {
            "uri": "file:///a.py",
            "range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}},
        },
    ],
)
def test_data_that_names_no_target(data: object) -> None:
    with pytest.raises(TargetError):
        parse(data)


def test_data_is_parsed_back() -> None:
    data = {
        "uri": "file:///a.py",
        "version": 4,
        "kind": "diagnostic",
        "range": {"start": {"line": 1, "character": 2}, "end": {"line": 3, "character": 4}},
        "diagnostic": {"message": "wrong", "code": "F821", "source": "ty"},
    }
    assert parse(data).data() == data
    assert parse(data).lines == (1, 4)


def test_an_entry_is_what_the_client_understands() -> None:
    offer = Offer(Target("file:///a.py", "file"), "refactor.rewrite", "Fix this code")
    plain = action(offer, Client(), None, None)
    assert isinstance(plain, types.Command)
    assert plain.arguments == [offer.target.data()]
    literal = action(offer, Client(action_literals=True), None, None)
    assert isinstance(literal, types.CodeAction)
    assert literal.command == plain
    lazy = Client(action_literals=True, resolves_edits=True, llm_tag=True)
    resolved = action(offer, lazy, None, None)
    assert isinstance(resolved, types.CodeAction)
    assert resolved.command is None
    assert resolved.data == offer.target.data()
    assert resolved.tags == [types.CodeActionTag.LlmGenerated]
    assert literal.tags is None


def test_a_long_message_is_shortened_in_a_title() -> None:
    shown = Target("file:///a.py", "diagnostic", message="f(" + "1, " * 200 + ")").title
    assert len(shown) < 125
    assert shown.endswith("… (editloop)")
