"""Tracebacks as programs really print them, and places in files that have changed since."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editloop.checks.traceback import Place, files, place, read
from editloop.document.text import Snapshot

MODULE = """\
def first(items):
    return items[0]["name"]


def shown(items):
    try:
        return first(items)
    except IndexError as error:
        raise ValueError("nothing to show") from error


def deep(n):
    return deep(n + 1)


def grouped():
    errors = []
    for value in ([], [{}]):
        try:
            first(value)
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("many", errors)
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "shop.py"
    path.write_text(MODULE)
    return path


def run(module: Path, *words: str) -> str:
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=module.parent, capture_output=True, text=True, check=False)
    assert done.returncode
    return done.stdout + done.stderr


def where(text: str, module: Path) -> Place:
    found = place(read(text), module, Snapshot.from_text(module.read_text()))
    assert found is not None, text
    return found


def test_a_plain_traceback(module: Path) -> None:
    found = where(run(module, "-c", "import shop; shop.first([{}])"), module)
    assert found == Place(1, "first", "KeyError: 'name'", True, (1,))


def test_of_a_chain_the_last_counts_and_the_cause_is_read(module: Path) -> None:
    text = run(module, "-c", "import shop; shop.shown([])")
    cause, last = read(text)
    assert (cause.error, cause.link) == ("IndexError: list index out of range", "")
    assert (last.error, last.link) == ("ValueError: nothing to show", "cause")
    assert where(text, module).line == 8
    swallowed = run(module, "-c", "import shop\ntry: 1/0\nexcept Exception: shop.first([])")
    assert [one.link for one in read(swallowed)] == ["", "handling"]


def test_repeated_lines_are_one_place(module: Path) -> None:
    found = where(run(module, "-c", "import shop; shop.deep(1)"), module)
    assert (found.line, found.lines) == (12, (12,))
    assert found.error.startswith("RecursionError: maximum recursion depth")


def test_of_a_group_the_first_inside_counts(module: Path) -> None:
    text = run(module, "-c", "import shop; shop.grouped()")
    found = where(text, module)
    assert (found.line, found.error) == (1, "IndexError: list index out of range")
    assert [one.depth for one in read(text)] == [1, 2, 2]


def test_a_syntax_error_has_a_place_without_a_function(module: Path) -> None:
    module.write_text("def f(:\n    pass\n")
    found = where(run(module, "shop.py"), module)
    assert (found.line, found.function, found.found) == (0, "", True)
    assert found.error.startswith("SyntaxError: ")


@pytest.mark.parametrize("style", ["long", "short", "native", "line"])
def test_pytest(module: Path, style: str) -> None:
    test = module.with_name("test_shop.py")
    test.write_text("import shop\ndef test_it():\n    assert shop.first([{}]) == 1\n")
    text = run(module, "-m", "pytest", "-p", "no:cacheprovider", f"--tb={style}", "test_shop.py")
    found = where(text, module)
    assert found.line == 1
    if style != "line":
        assert found.error == "KeyError: 'name'"


def test_a_failed_assertion_of_pytest(module: Path) -> None:
    test = module.with_name("test_shop.py")
    test.write_text("import shop\ndef test_it():\n    assert shop.first([{'name': 2}]) == 1\n")
    text = run(module, "-m", "pytest", "-p", "no:cacheprovider", "test_shop.py")
    found = where(text, test)
    assert (found.line, found.error) == (2, "AssertionError: assert 2 == 1")
    assert place(read(text), module, Snapshot.from_text(MODULE)) is None
    assert files(read(text)) == ("test_shop.py",)


@pytest.mark.parametrize(
    "prefix",
    ["2026-11-30 10:00:00,123 ERROR shop: ", "web_1  | ", "\x1b[31m", "E   ", "    ", "[err] "],
)
def test_what_a_log_puts_before_each_line_does_not_matter(module: Path, prefix: str) -> None:
    text = run(module, "-c", "import shop; shop.shown([])")
    logged = "".join(f"{prefix}{line}\n" for line in text.splitlines())
    found = where(f"starting\n{logged}stopped: done\n", module)
    assert (found.line, found.error) == (8, "ValueError: nothing to show")


def test_a_log_record_before_and_after(module: Path) -> None:
    code = "import logging, shop\ntry: shop.first([{}])\nexcept KeyError: logging.exception('no')\n"
    text = run(module, "-c", code + "logging.error('later: more')\nraise SystemExit(3)")
    assert where(text, module).error == "KeyError: 'name'"


def test_inside_of_a_json_log(module: Path) -> None:
    text = run(module, "-c", "import shop; shop.first([{}])")
    assert where(json.dumps({"level": "error", "exc_info": text}), module).line == 1


IPYTHON = """\
---------------------------------------------------------------------------
KeyError                                  Traceback (most recent call last)
Cell In[3], line 1
----> 1 shop.first([{}])

File ~/work/shop.py:2, in first(items)
      1 def first(items):
----> 2     return items[0]["name"]

KeyError: 'name'
"""
OLD_IPYTHON = """\
<ipython-input-2-0c9> in <module>
----> 1 shop.first([{}])

~/work/shop.py in first(items)
      1 def first(items):
----> 2     return items[0]["name"]

KeyError: 'name'
"""
RICH = """\
\u256d\u2500\u2500\u2500 Traceback (most recent call last) \u2500\u2500\u256e
\u2502 /home/me/work/shop.py:2 in first           \u2502
\u2502                                            \u2502
\u2502    1 def first(items):                     \u2502
\u2502 \u2771  2     return items[0]["name"]           \u2502
\u2570\u2500\u2500\u2500\u2500\u256f
KeyError: 'name'
"""


@pytest.mark.parametrize("text", [IPYTHON, OLD_IPYTHON, RICH], ids=["ipython", "older", "rich"])
def test_ipython_and_rich(module: Path, text: str) -> None:
    assert where(text, module) == Place(1, "first", "KeyError: 'name'", True, (1,))


def test_lines_that_moved_are_found_by_their_text(module: Path) -> None:
    text = run(module, "-c", "import shop; shop.first([{}])")
    module.write_text("import os\n\n\n" + MODULE)
    assert where(text, module) == Place(4, "first", "KeyError: 'name'", True, (4,))


def test_a_line_that_reads_differently_now_is_not_sure(module: Path) -> None:
    text = run(module, "-c", "import shop; shop.first([{}])")
    module.write_text(MODULE.replace('["name"]', '["title"]'))
    found = where(text, module)
    assert (found.line, found.found) == (1, False)


def test_of_files_with_one_name_the_nearest_path_counts(tmp_path: Path) -> None:
    text = 'Traceback (most recent call last):\n  File "/x/b/util.py", line 2, in f\n    g()\n'
    text += '  File "/x/a/util.py", line 1, in g\n    1/0\nZeroDivisionError: division by zero\n'
    for folder, line in (("a", 0), ("b", 1)):
        path = tmp_path / folder / "util.py"
        path.parent.mkdir()
        path.write_text("1/0\ng()\n")
        assert where(text, path).line == line


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for one in read(text):
        assert all(frame.line >= 0 for frame in one.frames)
