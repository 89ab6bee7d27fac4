"""Small expressions, and that a search comes to them only when all else has failed."""

from __future__ import annotations

import ast

from verifying import make_verify

from editloop.budget import Budget
from editloop.document.commands import Command
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.moves import moves, resorts_in
from editloop.moves.context import build
from editloop.moves.small import MAX_EXPRESSIONS, expressions
from editloop.policy import UniformPolicy
from editloop.python.syntax import check_syntax
from editloop.repair.search import search

LOST = "def area(width, height):\n    size = 0\n    return size\n"


def _open(text: str) -> EditState:
    return EditState.open(Snapshot.from_text(text))


def _made(text: str) -> list[str]:
    state = _open(text)
    return [apply(state, command).text for command in resorts_in(build(state, []))]


def test_expressions_parse_and_are_distinct() -> None:
    found = list(expressions(["a", "b", "c", "d"], ["f"]))
    assert len(set(found)) == len(found) > MAX_EXPRESSIONS
    for text in found:
        ast.parse(text, mode="eval")


def test_values_returns_and_conditions() -> None:
    assert LOST.replace("size = 0", "size = width * height") in _made(LOST)
    assert LOST.replace("return size", "return width + height") in _made(LOST)
    missing = "def each(rows):\n    rows = list(rows)\n"
    assert missing + "    return [sorted(x) for x in rows]\n" in _made(missing)
    loop = "def f(a, b, c):\n    a += 1\n    b += 1\n    while not c:\n        a = b\n"
    assert loop.replace("not c", "a <= b and not c") in _made(loop)


def test_a_term_that_was_lost() -> None:
    text = "def rest(text, word, at=0):\n    at += 1\n    return text[len(word) :] * 2\n"
    assert text.replace("len(word)", "at + len(word)") in _made(text)
    tight = "def f(n, m):\n    m += 1\n    return n * 2\n"
    assert tight.replace("n * 2", "(n - m) * 2") in _made(tight)


def test_nothing_for_what_is_no_value() -> None:
    assert _made("import os\nos.f(\n") == []
    assert _made("") == []
    assert resorts_in(build(_open("def f(:\n"), [*filter(None, [check_syntax("def f(:\n")])])) == []


def test_a_function_without_a_body() -> None:
    text = "def area(width, height):\n\n\nx = 1\n"
    found = check_syntax(text)
    assert found is not None
    state = _open(text)
    after = [apply(state, command).text for command in moves(state, [found])]
    assert "def area(width, height):\n    return width * height\n\n\nx = 1\n" in after


def test_a_search_comes_to_them_last() -> None:
    tried: list[str] = []
    check = make_verify([("area(3, 5)", 15), ("area(2, 2)", 4), ("area(0, 9)", 0)])

    def verify(state: EditState):  # type: ignore[no-untyped-def]
        tried.append(state.text)
        return check(state)

    budget = Budget(seconds=None, candidates=2000, turns=1)
    result = search(_open(LOST), UniformPolicy(), verify, budget=budget, polish=0.0)
    assert result.reason == "fixed"
    assert result.solutions[0].state.text in _made(LOST)
    ordinary = {apply(_open(LOST), c).text for c in moves(_open(LOST), []) if _is_legal(c)}
    last = max(i for i, text in enumerate(tried) if text in ordinary)
    assert tried.index(result.solutions[0].state.text) > last


def _is_legal(command: Command) -> bool:
    return command.verb != "EXIT"
