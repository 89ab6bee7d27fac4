"""Calls that would raise a TypeError and attributes that do not exist, and how many are left alone
because nobody can be sure."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from editloop.checks.uses import check_uses


def found(source: str) -> list[tuple[int, str, str]]:
    return [(d.line, d.code, d.message) for d in check_uses(source)]


AREA = "def area(width, height=1, *, unit='m'):\n    return width * height\n\n\n"


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        ("area()", "E1120", "area() lacks a value for 'width'"),
        ("area(1, 2, 3)", "E1121", "area() takes 2 arguments but 3 were given"),
        ("area(1, heigth=2)", "E1123", "area() got an unexpected keyword argument 'heigth'"),
    ],
)
def test_a_function_of_the_file(call: str, code: str, message: str) -> None:
    assert found(f"{AREA}print({call})\n") == [(4, code, message)]


@pytest.mark.parametrize(
    "use",
    [
        "area(1)",
        "area(1, 2, unit='cm')",
        "area(height=2, width=1)",
        "area(*[1, 2, 3])",
        "area(**{})",
        "x.area()",
        "(lambda area: area())(f)",
        "[area() for area in x]",
    ],
)
def test_what_may_be_right(use: str) -> None:
    assert found(f"{AREA}print({use})\n") == []


@pytest.mark.parametrize(
    "source",
    [
        f"@cache\n{AREA}area()\n",
        f"{AREA}area = partial(area, 1)\narea()\n",
        f"{AREA}from geometry import area\narea()\n",
        "if x:\n    def area(a): ...\nelse:\n    def area(): ...\narea()\n",
        "def area(a):\n    global area\n    area = len\n\n\narea()\n",
    ],
)
def test_a_name_that_may_be_something_else(source: str) -> None:
    assert found(source) == []


SHAPE = """\
class Shape:
    def __init__(self, side):
        self.side = side

    def scaled(self, factor):
        return Shape(self.side * factor)

    def twice(self):
        return self.scaled()
"""


def test_methods_and_constructors() -> None:
    assert found(SHAPE) == [(8, "E1120", "scaled() lacks a value for 'factor'")]
    assert found(f"{SHAPE}\n\nShape()\n")[-1] == (11, "E1120", "Shape() lacks a value for 'side'")


@pytest.mark.parametrize(
    "change",
    [
        ("class Shape:", "class Shape(Base):"),
        ("class Shape:", "class Shape(metaclass=Meta):"),
        ("    def scaled", "    @memoized\n    def scaled"),
        ("        self.side = side", "        self.side = self.scaled = side"),
        ("        return self.scaled()", "        self = other\n        return self.scaled()"),
    ],
)
def test_a_method_that_may_be_another(change: tuple[str, str]) -> None:
    assert change[0] in SHAPE
    assert found(SHAPE.replace(*change)) == []
    assert found(f"{SHAPE}\n\nclass Square(Shape):\n    pass\n") == []


QUEUE = """\
class Queue:
    limit: int = 3

    def __init__(self):
        self.items = []

    @property
    def size(self):
        return len(self.items)

    def full(self):
        return len(self.itmes) == self.limit and self.size and self.__class__


queue = Queue()
"""


def test_an_attribute_that_nothing_gives() -> None:
    message = "'Queue' object has no attribute 'itmes'"
    assert found(QUEUE) == [(11, "E1101", message)]


@pytest.mark.parametrize(
    "change",
    [
        ("queue = Queue()", "queue.itmes = []"),
        ("queue = Queue()", "q = Queue()\nq.itmes = []"),
        ("queue = Queue()", "setattr(Queue(), name, 1)"),
        ("self.items = []", "object.__setattr__(self, name, [])"),
        ("queue = Queue()", "q = Queue() if hasattr(q, 'itmes') else None"),
        ("class Queue:", "class Queue(Base):"),
        ("    limit: int = 3", "    __slots__ = ('items', 'itmes')"),
        ("    limit: int = 3", "    for itmes in (1, 2): pass"),
        ("    @property\n    def size", "    def __getattr__"),
        ("    def full", "    @cached\n    def full"),
        ("def full(self):", "def full(self, other):\n        self = other"),
    ],
)
def test_an_attribute_that_may_exist(change: tuple[str, str]) -> None:
    assert change[0] in QUEUE
    changed = QUEUE.replace("self.limit and self.size", "1").replace(*change)
    assert found(changed) == []


def test_columns_count_characters() -> None:
    [diagnostic] = check_uses("def f(a): ...\n\n\nx = 'äöü', f()\n")
    assert (diagnostic.column, diagnostic.end_column) == (11, 12)
    # A form feed ends no line of Python.
    [diagnostic] = check_uses("def f(a): ...\n\f\nx = 'ä', f()\n")
    assert (diagnostic.line, diagnostic.column, diagnostic.end_column) == (2, 9, 10)


def test_nothing_is_wrong_in_the_standard_library() -> None:
    """Its modules work, so whatever is found in them is a mistake of the check."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(folder.glob("[a-m]*.py")):
        assert found(path.read_text("utf-8")) == [], path


def test_broken_text_has_no_calls() -> None:
    assert found("def f(:\n") == []


def test_warnings_stay_silent(recwarn: pytest.WarningsRecorder) -> None:
    assert found("x = 1if y else '\\d'\n") == []
    assert not recwarn.list
