from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import documents

from editloop.document.state import MAX_VIEW_LINES
from editloop.document.text import Snapshot
from editloop.python.definitions import definitions
from editloop.repair.region import RegionError, window

FILLER = "".join(f"def filler_{n}():\n    return {n}\n\n\n" for n in range(40))
SOURCE = f'''\
"""Module."""
import os
import sys as system
from collections import (
    Counter,
    deque as queue,
)


{FILLER}def helper(
    first,
    second=None,
):
    return first


class Box:
    """A box."""

    size = 3

    def __init__(self, items):
        self.items = items

    @property
    def total(self):
        """\U0001f600 sum."""
        def inner(x):
            return helper(x)
        return Counter(inner(i) for i in self.items)

    def other(self):
        return system.path
'''


def _view(text: str, **where: object) -> list[str]:
    document = Snapshot.from_text(text)
    return [document.lines[i].text for i in window(document, **where)]  # type: ignore[arg-type]


def _line(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.splitlines()) if part in line)


EXPECTED = [
    *("from collections import (", "    Counter,", "    deque as queue,", ")"),
    *("def helper(", "    first,", "    second=None,", "):", "class Box:"),
    *("    @property", "    def total(self):", '        """\U0001f600 sum."""'),
    *("        def inner(x):", "            return helper(x)"),
    "        return Counter(inner(i) for i in self.items)",
]


def test_a_small_file_is_shown_whole() -> None:
    assert window(Snapshot.from_text("a\nb\n"), line=1) == (0, 1)
    assert window(Snapshot.from_text("")) == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("part", ["@property", "def total", "return helper(x)", "return Counter"])
def test_a_method_with_what_it_uses(part: str, newline: str) -> None:
    text = SOURCE.replace("\n", newline)
    assert _view(text, line=_line(SOURCE, part)) == EXPECTED
    assert _view(text, function="Box.total") == EXPECTED


def test_names() -> None:
    assert _view(SOURCE, function="total") == EXPECTED
    assert _view(SOURCE, function="filler_7") == ["def filler_7():", "    return 7"]
    assert _view(SOURCE, function="Box")[-1] == "        return system.path"
    with pytest.raises(RegionError, match=r"Box\.total"):
        window(Snapshot.from_text(SOURCE), function="Box.totl")
    with pytest.raises(RegionError, match="none at all"):
        window(Snapshot.from_text("x = 1\n"), function="f")
    with pytest.raises(RegionError, match="no line 9"):
        window(Snapshot.from_text("x = 1\n"), line=8)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("def total(self):", "def total(self)"),
        ("def total(self):", "def total(self:"),
        ("return helper(x)", "return helper(x"),
        ("for i in self.items)", "for i in self.items"),
        ("        def inner(x):", "        if x:"),
        ("self.items)\n\n    def other", "self.items)\n\n    def other("),
    ],
)
def test_broken_files(right: str, wrong: str) -> None:
    text = SOURCE.replace(right, wrong)
    assert text != SOURCE
    view = _view(text, line=_line(text, "return Counter"))
    assert "class Box:" in view
    assert "    @property" in view or "def total" in "".join(view)
    assert any("return Counter" in line for line in view)
    assert not any("filler" in line for line in view)


def test_a_long_function_shrinks_around_the_line() -> None:
    body = "".join(f"    x{n} = {n}\n" for n in range(300))
    text = f"import os\n\n\ndef long(a):\n{body}    return os\n"
    view = window(Snapshot.from_text(text), line=150, max_lines=40)
    assert 3 in view
    assert 150 in view
    assert len(view) <= 42
    assert window(Snapshot.from_text(text), function="long", max_lines=40)[0] == 3


def test_given_lines() -> None:
    view = window(Snapshot.from_text(SOURCE), lines=range(20, 22))
    assert {20, 21} <= set(view)
    with pytest.raises(RegionError):
        window(Snapshot.from_text(SOURCE), lines=range(9999))


@given(documents, st.integers(0, 30), st.integers(1, 9))
def test_views_are_ascending_and_hold_the_line(text: str, line: int, max_lines: int) -> None:
    document = Snapshot.from_text(text)
    try:
        view = window(document, line=line, max_lines=max_lines)
    except RegionError:
        assert line >= max(len(document.lines), 1)
        return
    assert list(view) == sorted(set(view))
    assert all(0 <= i < len(document.lines) for i in view)
    assert line in view or not document.lines
    assert len(view) <= MAX_VIEW_LINES


def test_definitions_have_dotted_names() -> None:
    names = [d.name for d in definitions(Snapshot.from_text(SOURCE)) if "filler" not in d.name]
    assert names == ["helper", "Box", "Box.__init__", "Box.total", "Box.total.inner", "Box.other"]


def test_twenty_thousand_lines() -> None:
    text = SOURCE + "".join(f"def g{n}(x):\n    return x + {n}\n" for n in range(10_000))
    document = Snapshot.from_text(text)
    start = time.perf_counter()
    view = window(document, line=len(document.lines) - 1)
    assert [document.lines[i].text for i in view][-2:] == ["def g9999(x):", "    return x + 9999"]
    assert time.perf_counter() - start < 5


def test_deep_nesting_does_not_recurse() -> None:
    text = "x = " + "(" * 5000 + "\n" + "def f():\n    pass\n" * 60
    assert window(Snapshot.from_text(text), line=30)


def test_where_another_import_would_go_is_shown() -> None:
    body = "".join(f"def f{i}(x):\n    return x\n\n\n" for i in range(60))
    for head, shown in [
        ("import csv\nimport sys\n\nimport b\n\n\n", "import sys"),
        ("from __future__ import annotations\n\nimport csv\n\n\n", "import csv"),
        ('"""Words."""\n\n', "def f0(x):"),
    ]:
        document = Snapshot.from_text(head + body)
        view = window(document, line=len(document.lines) - 4, imports=True)
        assert document.lines[view[0]].text == shown
        assert len(view) < 10
