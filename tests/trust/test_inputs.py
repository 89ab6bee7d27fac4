"""Calls that may tell fixes apart."""

from __future__ import annotations

import ast

import pytest

from editloop.trust.inputs import MOST, inputs, variants

SOURCE = '''\
def mean(values, digits=0):
    """
    >>> mean([1, 2, 3])
    2.0
    """
    return sum(values) / len(values)


class Stack:
    def __init__(self, items):
        self.items = items

    def top(self, back):
        return self.items[-back]


def clip(text: str, most: int = 3, tail: list[int] | None = None):
    return text[:most]


def unknown(thing):
    return thing
'''


def test_examples_and_tests_are_where_calls_come_from() -> None:
    tests = [
        "mean([4], digits=1) == 4",
        "import shop\nx = 3\ndef test():\n    assert shop.mean([x]) == 3\n"
        "    assert shop.mean([5])\n    assert Stack([1]).top(1) == other(mean([7]))\n",
    ]
    given = inputs(SOURCE, tests).given
    assert set(given) == {
        "mean([1, 2, 3])",
        "mean([4], digits=1)",
        "mean([5])",
        "Stack([1]).top(1)",
        "mean([7])",
    }


def test_made_calls_are_near_the_given_ones_and_new() -> None:
    found = inputs(SOURCE, ["Stack([1]).top(1) == 1"])
    made = set(found.made)
    assert {"mean([1, 2])", "mean([])", "Stack([1]).top(2)", "Stack([]).top(1)"} <= made
    assert made.isdisjoint(found.given)
    assert len(found.made) <= MOST
    assert not any(call.startswith("unknown") for call in made), "nothing says what it takes"
    for call in made:
        ast.parse(call, mode="eval")


def test_hints_and_defaults_stand_in_for_examples() -> None:
    assert "clip('abc', 3, [3, 4, 2])" in inputs(SOURCE).made
    assert "clip('', 3, [3, 4, 2])" in inputs(SOURCE).made


@pytest.mark.parametrize("source", ["def f(:\n", "", 'def f():\n    """\n    >>>bad\n    """\n'])
def test_odd_sources_give_nothing(source: str) -> None:
    assert inputs(source).made == ()


@pytest.mark.parametrize(
    "value", [3, 0.5, "ab", b"ab", True, [1, [2]], (1,), {"a": 1}, {1, 2}, [], "", {}, set(), None]
)
def test_variants_keep_the_type(value: object) -> None:
    assert all(type(other) is type(value) for other in variants(value))
