"""Real editors, configured by the lines of docs/editors.md, and the real server with its model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .blocks import documented_blocks
from .sessions import ROOT, SESSIONS, Session, wait

MISSPELT, HALF = documented_blocks()["misspelt"], documented_blocks()["half"]
SPELT = MISSPELT.replace("totl", "total")
EMOJI = 'def greet(name):\n    return "\N{SLIGHTLY SMILING FACE} " + nmae\n'
BROKEN = "def first(values)\n    return values[0]\n"
RAISING = "def total(values):\n    return sum(valeus)\n\n\nprint(total([1, 2]))\n"
HALVED = HALF.replace("// 3", "// 2")
UNSOLVABLE = '''\
def secret(number):
    """
    >>> secret(1)
    'kqzvx'
    """
    total = 0
    for step in range(number):
        total += step * number
    return total
'''
MEDIAN = (ROOT / "examples" / "median.py").read_text(encoding="utf-8")
"""A second of work: enough to change it meanwhile."""
Write = Callable[[str], Path]


def feature(name: str, *editors: str) -> pytest.MarkDecorator:
    """The test shows that the editors have the feature; all of them, where none is named."""
    return pytest.mark.parametrize(
        "editor",
        [pytest.param(e, marks=pytest.mark.conformance(name, e)) for e in editors or SESSIONS],
        indirect=True,
    )


@pytest.fixture
def opened(editor: Session) -> Iterator[Write]:
    """Writes a text to a new file and opens it."""
    files = editor.home / "files"

    def write(text: str) -> Path:
        files.mkdir(exist_ok=True)
        path = files / f"module_{len(list(files.iterdir()))}.py"
        path.write_text(text, encoding="utf-8")
        editor.open(path)
        return path

    yield write
    if editor.busy():
        editor.run("cancel")


def saved(editor: Session, path: Path) -> str:
    editor.call("save")
    return path.read_text(encoding="utf-8")


def changed(editor: Session, text: str) -> None:
    wait(lambda: editor.text() != text, f"{editor.name}: no fix arrived")


def failing(editor: Session, path: Path, call: str) -> None:
    """Save, and wait until the failing example is reported."""
    saved(editor, path)
    editor.reported(call)


def half_opened(editor: Session, opened: Write) -> Path:
    path = opened(HALF)
    failing(editor, path, "half(4)")
    return path


@feature("errors while typing")
def test_errors_are_shown(editor: Session, opened: Write) -> None:
    opened(MISSPELT)
    editor.reported("totl", 3)
    editor.call("set_line", 1, "def mean(values)")
    editor.reported("expected ':'", 1)


@feature("failing doctests on save, by the setting runCode")
def test_failing_doctests(editor: Session, opened: Write) -> None:
    half_opened(editor, opened)


@feature("quick fix of an error")
def test_quick_fix(editor: Session, opened: Write) -> None:
    path = opened(MISSPELT)
    editor.reported("totl", 3)
    editor.choose("Fix: ", 3, 12)
    changed(editor, MISSPELT)
    assert saved(editor, path) == SPELT


@feature("quick fix of a syntax error")
def test_syntax_error(editor: Session, opened: Write) -> None:
    path = opened(BROKEN)
    editor.reported("expected ':'", 1)
    editor.choose("Fix: ", 1, 5)
    changed(editor, BROKEN)
    compile(saved(editor, path), "fixed", "exec")


@feature("fix a function")
def test_fix_function(editor: Session, opened: Write) -> None:
    path = half_opened(editor, opened)
    editor.choose("Fix this code: function half", 8, 5)
    changed(editor, HALF)
    assert saved(editor, path) == HALVED


@feature("fix a file")
def test_fix_file(editor: Session, opened: Write) -> None:
    path = half_opened(editor, opened)
    editor.choose("Fix this code: file", 8, 5)
    changed(editor, HALF)
    assert saved(editor, path) == HALVED


@feature("fix a selection")
def test_fix_selection(editor: Session, opened: Write) -> None:
    path = opened(HALF)
    editor.choose("Fix this code: selection", 1, 1, last=8)
    changed(editor, HALF)
    assert saved(editor, path) == HALVED


@feature("one undo takes a fix back")
def test_undo(editor: Session, opened: Write) -> None:
    half_opened(editor, opened)
    editor.choose("Fix this code: function half", 8, 5)
    changed(editor, HALF)
    editor.call("undo")
    assert editor.text() == HALF


@feature("characters beyond the first plane", "neovim", "emacs")
def test_emoji(editor: Session, opened: Write) -> None:
    path = opened(EMOJI)
    editor.reported("nmae", 2)
    editor.choose("Fix: ", 2, 20)
    changed(editor, EMOJI)
    assert saved(editor, path) == EMOJI.replace("nmae", "name")


@feature("cancel")
def test_cancel(editor: Session, opened: Write) -> None:
    path = opened(UNSOLVABLE)
    failing(editor, path, "secret(1)")
    editor.choose("Fix this code: function secret", 6, 5)
    wait(editor.busy, "no fix was started")
    editor.run("cancel")
    wait(lambda: not editor.busy(), "the fix goes on")
    assert editor.text() == UNSOLVABLE
    assert saved(editor, path) == UNSOLVABLE


@feature("progress", "neovim")
def test_progress(editor: Session, opened: Write) -> None:
    opened(HALF)
    before = editor.call("progress")
    editor.choose("Fix this code: selection", 1, 1, last=8)
    changed(editor, HALF)
    assert editor.call("progress") > before


@feature("a fix for changed lines is not applied")
def test_changed_meanwhile(editor: Session, opened: Write) -> None:
    path = opened(MEDIAN)
    failing(editor, path, "median([4, 2, 1, 3])")
    wrong = "    return (ordered[middle] + ordered[middle + 1]) / 2"
    line = MEDIAN.splitlines().index(wrong) + 1
    editor.choose("Fix this code: function median", line, 5)
    wait(editor.busy, "no fix was started")
    editor.call("set_line", line, "    return 'mine'")
    wait(lambda: not editor.busy(), "the fix goes on")
    assert editor.text() == MEDIAN.replace(wrong, "    return 'mine'")


@feature("report")
def test_report(editor: Session, opened: Write) -> None:
    half_opened(editor, opened)
    editor.choose("Fix this code: function half", 8, 5)
    changed(editor, HALF)
    editor.run("report")
    assert "doctests" in wait(lambda: editor.call("shown"), "no report")


@feature("fix the error of the last run")
def test_last_run(editor: Session, opened: Write) -> None:
    path = opened(RAISING)
    printed = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert "NameError" in printed.stderr
    editor.run_failed(printed.stderr)
    changed(editor, RAISING)
    assert "sum(values)" in saved(editor, path)


@feature("alternatives")
def test_alternative(editor: Session, opened: Write) -> None:
    opened(MISSPELT)
    editor.reported("totl", 3)
    editor.choose("Fix: ", 3, 12)
    changed(editor, MISSPELT)
    first = editor.text()
    editor.call("undo")
    editor.run("alternative", 1)
    changed(editor, MISSPELT)
    assert editor.text() != first


def test_each_editor_is_configured_by_its_block() -> None:
    assert set(SESSIONS) <= set(documented_blocks())
