"""What defines a name that nothing binds: imports, members, first values."""

from __future__ import annotations

import importlib
from functools import reduce

import pytest

from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.moves.context import build
from editloop.moves.missing import definitions
from editloop.python.stdlib import exports


def defined(source: str, *names: str) -> list[str]:
    """The texts after each definition, most certain first."""
    state = EditState.open(Snapshot.from_text(source))
    findings = [Finding(f"F821 Undefined name `{name}`", 0) for name in names]
    return [reduce(apply, block, state).text for block in definitions(build(state, findings))]


def first(source: str, name: str) -> str:
    return defined(source, name)[0]


STOCK = """\
class Stock:
    def add(self, name):
        self.items.append(name)

    def last():
        return self.items[-1]

    async def remove(name):
        self.items.remove(name)
"""


def test_methods_that_lack_self_get_it_all_at_once() -> None:
    right = STOCK.replace("last()", "last(self)").replace("remove(name):", "remove(self, name):")
    assert defined(STOCK, "self") == [right]


def test_a_header_of_several_lines_is_left_and_the_others_get_self() -> None:
    long = "    def add(\n        self,\n        name,\n    ):\n        self.items.append(name)\n"
    source = f"class Stock:\n{long}\n    def last():\n        return self.items[-1]\n"
    assert defined(source, "self") == [source.replace("last()", "last(self)")]


@pytest.mark.parametrize(
    "source",
    [
        "def last():\n    return self.items[-1]\n",
        "class Stock:\n    @staticmethod\n    def last():\n        return self.items[-1]\n",
        "class Stock:\n    @staticmethod\n    @kept\n    def last():\n        return self.a\n",
        "class Stock:\n    @classmethod\n    def last():\n        return self.items[-1]\n",
        "if True:\n    def last():\n        return self.items[-1]\n",
        "class Stock:\n    size = self.items\n",
    ],
)
def test_what_is_no_method_gets_no_self(source: str) -> None:
    assert not any("(self)" in text for text in defined(source, "self"))


def test_an_import_stands_alone_with_blank_lines_below_a_docstring() -> None:
    source = '"""Words."""\ndef words(text):\n    return re.findall("a", text)\n'
    assert first(source, "re") == source.replace("def", "\nimport re\n\n\ndef", 1)


@pytest.mark.parametrize(
    ("use", "statement"),
    [
        ("math.sqrt(2)", "import math"),
        ("os.path.join(a, b)", "import os"),
        ("urllib.parse.quote(a)", "import urllib.parse"),
        ("datetime.now()", "from datetime import datetime"),
        ("datetime.timedelta(1)", "import datetime"),
        ("defaultdict(list)", "from collections import defaultdict"),
        ("Thread(target=a)", "from threading import Thread"),
        ("np.zeros(3)", "import numpy as np"),
        ("map(sqrt, a)", "from math import sqrt"),
        ("pi * 2", "from math import pi"),
    ],
)
def test_what_is_used_tells_what_to_import(use: str, statement: str) -> None:
    name = use.partition("map(")[2] or use
    name = name.replace("(", " ").replace(".", " ").replace(",", " ").split()[0]
    assert first(f"a = b = 1\nprint({use})\n", name).startswith(f"{statement}\n\na = b")


@pytest.mark.parametrize("use", ["queue.append(1)", "count += 1", "log = log + 1", "string.x"])
def test_a_variable_is_no_module(use: str) -> None:
    name = use.replace(".", " ").split()[0]
    assert not any("import" in text for text in defined(f"for i in []:\n    {use}\n", name))


def test_an_import_goes_where_imports_are_sorted() -> None:
    source = "import csv\nimport sys\nfrom enum import Enum\n\nprint(math.pi, Path(), Enum)\n"
    assert first(source, "math").startswith("import csv\nimport math\nimport sys\n")
    assert "from enum import Enum\nfrom pathlib import Path\n\n" in first(source, "Path")
    assert "from enum import Enum, auto\n\n" in first(source.replace("Path", "auto"), "auto")


def test_an_import_that_goes_on_is_left_whole() -> None:
    source = "from collections import (\n    Counter,\n)\n\nprint(deque(), Counter, json.dumps)\n"
    assert ")\nfrom collections import deque\n\n" in first(source, "deque")
    assert first(source, "json").startswith("import json\nfrom collections import (\n")
    more = source.replace(")\n\n", ")\nfrom sys import argv\n\n")
    assert ")\nfrom pathlib import Path\nfrom sys import argv\n\n" in first(
        more.replace("deque", "Path"), "Path"
    )


@pytest.mark.parametrize(
    ("uses", "value"),
    [
        (["seen.append(x)"], "[]"),
        (["seen.add(x)"], "set()"),
        (["seen[x] = 1"], "{}"),
        (["seen[x] += 1"], "{}"),
        (["seen += x"], "0"),
        (["seen *= x"], "1"),
        (["seen += 'a'"], '""'),
        (["seen += [x]"], "[]"),
        (["seen = seen + x"], "0"),
        (["seen = max(seen, x)"], 'float("-inf")'),
        (["if x > seen:", "    seen = x"], 'float("-inf")'),
        (["if seen > x:", "    seen = x"], 'float("inf")'),
    ],
)
def test_a_first_value_stands_before_the_loop(uses: list[str], value: str) -> None:
    head = "def f(xs):\n    if not xs:\n        return None\n"
    loop = "    for x in xs:\n" + "".join(f"        {use}\n" for use in uses) + "    return seen\n"
    assert first(head + loop, "seen") == f"{head}    seen = {value}\n{loop}"


def test_a_loop_goes_around_what_uses_its_variable() -> None:
    head, end = "def f(roads):\n    n = 0\n", "    return n\n"
    found = defined(
        f"{head}    n += road.a\n    if road.b:\n        n += 1\n    n -= 2\n{end}", "road"
    )
    loop = "    for road in roads:\n        n += road.a\n        if road.b:\n            n += 1\n"
    assert f"{head}{loop}    n -= 2\n{end}" in found
    assert f"{head}{loop}        n -= 2\n    {end}" in found


def test_a_member_is_reached_through_self() -> None:
    source = (
        "class A:\n    def area(self):\n        return 1\n\n"
        "    def twice(self):\n        return area() + area()\n"
    )
    assert first(source, "area") == source.replace("area() + area()", "self.area() + self.area()")


def test_a_parameter_of_that_name_is_left_alone() -> None:
    source = (
        "class A:\n    def __init__(self, limit):\n        self.limit = limit\n\n"
        "    def full(self):\n        return limit < 1\n"
    )
    assert first(source, "limit") == source.replace("limit < 1", "self.limit < 1")


def test_a_function_is_no_member() -> None:
    source = (
        "class A:\n    def f(self, rows):\n        def get(row):\n            return row[0]\n"
        "        return self.len(self.get(rows)) + self.len(rows)\n"
    )
    assert first(source, "len") == source.replace("self.len", "len")
    assert first(source, "get") == source.replace("self.get", "get")
    assert defined(source.replace("self.get", "self.other"), "other") == []


def test_what_has_elements_is_a_list() -> None:
    source = "def f(rows: Array[Array[int]], n: int = 0) -> Array[int]:\n    return rows[n]\n"
    assert first(source, "Array") == source.replace("Array", "list")
    assert first(source.replace("n: int", "n: List[int]"), "Array").count("List[") == 4
    mixed = source.replace("rows[n]", "Array[n]")
    assert not any("list[" in text for text in defined(mixed, "Array"))


def test_words_of_other_languages() -> None:
    assert first("def f(x):\n    return null if x else null\n", "null") == (
        "def f(x):\n    return None if x else None\n"
    )


def test_nothing_is_known_of_other_names() -> None:
    assert defined("def f(x):\n    return y\n", "y") == []
    assert defined("def f(x):\n    return x.y\n", "y") == []


@pytest.mark.parametrize("module", ["math", "json", "os", "collections", "urllib.parse"])
def test_the_table_tells_the_truth(module: str) -> None:
    names = exports()[module]
    assert names
    assert sum(hasattr(importlib.import_module(module), name) for name in names) >= len(names) - 3
