"""A guard above what may be None."""

from __future__ import annotations

from functools import reduce

import pytest

from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.moves.context import build
from editloop.moves.guards import guards


def guarded(source: str, line: int, name: str, kind: str = "possibly None") -> list[str]:
    """The texts after each step."""
    state = EditState.open(Snapshot.from_text(source))
    findings = [Finding("words", line, kind, name)]
    return [reduce(apply, step, state).text for step in guards(build(state, findings), findings)]


CALL = "def f(text: str) -> str:\n    return 'é', re.match('a', text).group()\n"


def test_a_call_gets_a_name_first() -> None:
    assert guarded(CALL, 1, "group") == [
        "def f(text: str) -> str:\n"
        "    match = re.match('a', text)\n"
        "    if match is None:\n"
        '        raise ValueError("match is None")\n'
        "    return 'é', match.group()\n"
    ]
    assert "    found = re.match" in guarded(CALL.replace("f(text", "f(match, text"), 1, "group")[0]


@pytest.mark.parametrize(
    ("returns", "ways"),
    [
        ("int", ["raise ValueError"]),
        ("int | None", ["return None", "raise ValueError"]),
        ("Optional[int]", ["return None", "raise ValueError"]),
        ("None", ["return", "raise ValueError"]),
    ],
)
def test_it_returns_none_only_where_the_function_may(returns: str, ways: list[str]) -> None:
    source = f"def f(node: Node | None) -> {returns}:\n    return node.next.value\n"
    texts = guarded(source, 1, "value")
    assert len(texts) == len(ways)
    for text, way in zip(texts, ways, strict=True):
        assert f"    if node.next is None:\n        {way}" in text
        assert text.endswith("    return node.next.value\n")


def test_a_loop_may_go_on() -> None:
    source = "def f(nodes) -> int:\n    for node in nodes:\n        print(node + 1)\n    return 1\n"
    [first, second] = guarded(source, 2, "node")
    assert "        if node is None:\n            continue\n        print" in first
    assert "raise" in second


@pytest.mark.parametrize(
    ("source", "line", "name", "kind"),
    [
        (CALL, 1, "group", "wrong type"),
        (CALL, 1, "other", "possibly None"),
        ("while a.b:\n    pass\n", 0, "b", "possibly None"),
        ("if x:\n    y\nelif a.b:\n    pass\n", 2, "b", "possibly None"),
        ("x = (\n", 0, "x", "possibly None"),
    ],
)
def test_nothing_where_no_guard_can_stand(source: str, line: int, name: str, kind: str) -> None:
    assert guarded(source, line, name, kind) == []
