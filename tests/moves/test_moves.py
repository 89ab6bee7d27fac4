from __future__ import annotations

import ast
from itertools import pairwise

import pytest
from hypothesis import given
from strategies import documents, line_text

from editloop.document.commands import Command, parse, render
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.moves import KINDS, MAX_MOVES, moves
from editloop.moves.spelling import distance
from editloop.python.lexer import lex, shape, string_lines
from editloop.python.scope import module_names, scopes
from editloop.python.syntax import check_syntax

from .mistakes import FUNCTIONS, MISTAKES, pairs

SYNTAX = Finding("SyntaxError: invalid syntax")


def _open(text: str) -> EditState:
    return EditState.open(Snapshot.from_text(text))


def _wires(text: str, *findings: Finding) -> list[str]:
    return [render(command) for command in moves(_open(text), findings)]


def _check(state: EditState, findings: list[Finding]) -> list[Command]:
    found = moves(state, findings)
    assert len(found) == len(set(found)) <= MAX_MOVES
    for command in found:
        assert command.verb != "EXIT"
        assert apply(state, command).text != state.text
        assert parse(render(command)) == command
    return found


@given(documents)
def test_moves_are_legal_and_change_something(text: str) -> None:
    state = _open(text)
    assert _check(state, []) == moves(state, [])
    _check(state, [SYNTAX])
    _check(state, [Finding("IndentationError: unexpected indent", 0)])


@pytest.mark.parametrize("source", FUNCTIONS.values(), ids=FUNCTIONS)
def test_moves_of_real_functions_are_legal(source: str) -> None:
    found = _check(_open(source), [])
    assert len(found) > 100


@given(line_text)
def test_lexing_covers_every_character(text: str) -> None:
    tokens = lex(text)
    assert all(text[t.start : t.end] == t.text for t in tokens)
    assert all(a.end <= b.start for a, b in pairwise(tokens))
    covered = {i for t in tokens for i in range(t.start, t.end)}
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)


def _repairs(right: str, wrong: str) -> bool:
    finding = check_syntax(wrong)
    state = _open(wrong)
    want, dense = ast.dump(ast.parse(right)), "".join(right.split())
    for command in moves(state, [finding] if finding else []):
        text = apply(state, command).text
        if "".join(text.split()) != dense:
            continue
        if check_syntax(text) is None and ast.dump(ast.parse(text)) == want:
            return True
    return False


def test_moves_hold_the_fix_of_most_single_mistakes() -> None:
    missed = [name for name, right, wrong in pairs() if not _repairs(right, wrong)]
    assert len(MISTAKES) >= 60
    assert len(missed) <= 0.1 * len(MISTAKES), missed


@pytest.mark.parametrize(
    ("text", "finding", "wire"),
    [
        ("import os\nx = math.pi\n", "F821 Undefined name `math`", "### ADDL 1 >>>import math"),
        ("def f(x: List):\n    pass\n", "F821 Undefined name `List`",
         "### ADDL 1 >>>from typing import List"),
        ('"""Doc."""\nfrom __future__ import annotations\nsqrt(2)\n', "name 'sqrt' is not defined",
         "### ADDL 3 >>>from math import sqrt"),
        ("def f(a):\n    # return a\n    pass\n", "", "### REPL 2 >>>    return a"),
        ("def f(a):\n    x = 1 # return a\n", "", "### ADDL 3 >>>    return a"),
        ("def f(a):\n    a + 1\n", "", "### REPW 2 >>>    a >>>    return a"),
        ("def f():\n    x = 'none'\n    return\n", "", "### REPW 3 >>>return >>>return 'none'"),
        ("def f(a):\n    r = a\n    return b\n", "F821 Undefined name `b`",
         "### REPW 2 >>>r >>>b"),
        ("def f(Data):\n    return data\n", "F821 Undefined name `data`",
         "### REPW 1 >>>Data >>>data"),
        ("n = count(a)\n", "F821 Undefined name `count`", "### REPW 1 >>>count >>>len"),
        ("for i in a - 1:\n    pass\n", "", "### REPW 1 >>>a - 1 >>>range(a - 1)"),
        ("x = [i for i in a if i]\n", "", "### REPW 1 >>>a >>>range(len(a))"),
        ("if not a:\n    b = 1\n", "", "### REPW 1 >>>not a >>>a is None"),
        ("x = 1 if a and b() else 2\n", "", "### REPW 1 >>> and >>> is not None and"),
        ("while a:\n    a = a.b\n", "", "### REPW 1 >>>a >>>a is not None"),
        ("self.a0 = self.a1 = self.a2 = self.a3 = self.a4 = 0\nself.a5 = self.a6 = self.a0\n"
         "x = self.a7\n", "", "### REPW 2 >>>a5 >>>a7"),
        ("x = [i for i in range(len(a))]\n", "", "### REPW 1 >>>range(len(a)) >>>a"),
        ("for a in b:\n    if a:\n        c = a\n        return c\n", "",
         "### REPL 4 >>>return c"),
        ("if a:\n    b = 1\n    b = 2\n", "", "### ADDL 3 >>>else:"),
        ("def f(xs: SomeList):\n    pass\n\nclass List: ...\n", "F821 Undefined name `SomeList`",
         "### REPW 1 >>>SomeList >>>List"),
        ("def f(root):\n    g(root.left)\n    g(node)\n", "F821 Undefined name `node`",
         "### REPW 3 >>>node >>>root.left"),
        ("def f(root):\n    g(root.left)\n    g(node)\n", "F821 Undefined name `node`",
         "### REPW 3 >>>node >>>root.right"),
        ("a = b = old = 0\nnew\n", "F821 Undefined name `new`", "### REPW 1 >>>old >>>new"),
        ("found.append(x)\n", "", "### REPW 1 >>>x >>>-1"),
        ("if c == '0':\n    pass\n", "", "### REPW 1 >>>0 >>>1"),
        ("x = ord(a)\ny = b - x\n", "", "### REPW 2 >>>b >>>ord(b)"),
        ("child = root * 2 # + 1\n", "", "### REPW 1 >>>#  >>>"),
        ("import math\nx = math.sqrt(y)\n", "", "### REPW 2 >>>sqrt >>>floor"),
        ("self.tell(a)\n", "has no attribute 'tell'", "### REPL 1 >>>return a"),
        ("a = Array(b)\n", "F821 Undefined name `Array`", "### REPW 1 >>>Array(b) >>>[b]"),
        ("a = b.getNext()\n", "has no attribute 'getNext'", "### REPW 1 >>>getNext() >>>next"),
        ('a = float("inf\n', "SyntaxError: unterminated", '### REPW 1 >>>inf >>>inf")'),
        ("def f() -> 'int\n", "SyntaxError: unterminated", "### REPW 1 >>>'int >>>int:"),
        ("def f(roads):\n    n = 0\n        n += road\n    return n\n",
         "IndentationError: unexpected indent", "### ADDL 3 >>>    for road in roads:"),
        ("def f(a):\n        print(a[i])\n    return a\n",
         "IndentationError: unindent", "### ADDL 2 >>>    for i in range(len(a)):"),
        ("a = Node b\n", "SyntaxError: invalid syntax", "### REPW 1 >>> b >>>(b)"),
    ],
)  # fmt: skip
def test_particular_moves(text: str, finding: str, wire: str) -> None:
    assert wire in _wires(text, *([Finding(finding)] if finding else []))


@pytest.mark.parametrize(
    ("text", "finding", "fixed"),
    [
        ("if a[i] = b: pass", "SyntaxError: invalid syntax", "if a[i] != b: pass"),
        ("x = self.mod(a, b)", "'A' object has no attribute 'mod'", "x = a % b"),
        ("x = y * add(a, b)", "F821 Undefined name `add`", "x = y * (a + b)"),
        ("x = self.largest(a)", "'A' object has no attribute 'largest'", "x = max(a)"),
        ("x.put(a)", "'list' object has no attribute 'put'", "x.append(a)"),
        ("x = fast(a, b)", "F821 Undefined name `fast`", "x = a"),
        ("if a[i] == b[j]: pass", "", "if a[i - 1] == b[j - 1]: pass"),
        ("if a[i-1] == b[j]: pass", "", "if a[i] == b[j]: pass"),
        ("while i < len(a): pass", "", "while i < len(a) // 2: pass"),
        ("def f(a, b):\n    return a", "", "def f(a, b):\n    return (a, b)"),
        ("x = k % y", "", "x = k % 2"),
        ("x = most(8)", "", "x = most(4)"),
        ("x += 1", "", "x += '1'"),
        ("x = infinity", "F821 Undefined name `infinity`", 'x = float("inf")'),
        ("x = y % k, 5", "F821 Undefined name `k`", "x = y % 5, 5"),
        ("x = '1'", "", "x = 1"),
    ],
)
def test_texts_that_moves_make(text: str, finding: str, fixed: str) -> None:
    state = _open(text)
    found = moves(state, [Finding(finding, 0)] if finding else [])
    assert fixed in [apply(state, command).text for command in found]


def test_typos_of_undefined_names_come_first() -> None:
    text = "def f(values):\n    return vlues + 1\n"
    first = moves(_open(text), [Finding("F821 Undefined name `vlues`", 1)])[0]
    assert apply(_open(text), first).text == text.replace("vlues", "values")


def test_comments_and_docstrings_are_left_alone() -> None:
    text = 'def f(a):\n    """Add 1 to a.\n\n    Returns a + 1.\n    """\n    # About this.\n'
    text += "    return a\n"
    touched = {c.line for c in moves(_open(text), []) if c.verb != "ADDL"}
    assert touched == {1, 7}


def test_syntax_kinds_stay_near_the_error() -> None:
    text = "".join(f"x{n} = {n}\n" for n in range(30)) + "if x1\n    pass\n"
    found = moves(_open(text), [Finding("SyntaxError: expected ':'", 30)])
    assert {c.line for c in found} <= set(range(28, 35))
    assert render(found[0]) == "### REPW 31 >>>x1 >>>x1:"


def test_a_long_window_is_capped() -> None:
    text = "def f(a, b, c, d):\n" + "    if a[b] + c < d and f(a, b, c, d):\n        a = b\n" * 80
    assert len(moves(_open(text), [])) == MAX_MOVES


def test_a_full_window_has_no_insertions() -> None:
    assert all(c.verb != "ADDL" for c in moves(_open("x = 1\n" * 200), []))


def test_kinds_have_distinct_names() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all((kind.rewrite is None) != (kind.produce is None) for kind in KINDS)


def test_scopes() -> None:
    text = (
        "import os\nLIMIT = 3\ndef f(a, *b, c=1):\n    for i, j in a:\n"
        "        d = i\n    def g(e):\n"
        "        return e\n    return d\nclass K:\n    def m(self, z):\n"
        "        with z as w:\n            pass\n"
    )
    shapes = [shape(line) for line in text.splitlines()]
    found = scopes(shapes, module_names(text))
    assert set(found[4].variables) == {"a", "b", "c", "i", "j", "d", "g", "LIMIT"}
    assert found[6].variables[0] == "e"
    assert set(found[6].variables) > {"a", "d"}
    assert set(found[10].variables) == {"self", "z", "w", "LIMIT", "m"} - {"m"}
    assert found[10].is_method
    assert found[4].functions == ("f", "K")
    assert found[4].imported == ("os",)


def test_string_lines() -> None:
    assert string_lines(['x = """a', "b", '"""', "c", "'''d'''", 'y = """never']) == [
        *(False, True, True, False, False, False)
    ]


def test_distance() -> None:
    assert distance("abc", "acb") == 1
    assert distance("retrun", "return") == 1
    assert distance("a", "abc") == 2


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        ("self.backwards(row)", "row[::-1]"),
        ("self.to_lower(row)", "row.lower()"),
        ("self.size(row)", "len(row)"),
        ("row.get_width()", "row.width"),
    ],
)
def test_a_method_that_does_not_exist(call: str, meant: str) -> None:
    text = f"class A:\n    def f(self, row):\n        row.width = 1\n        return {call}\n"
    name = call.split("(")[0].split(".")[1]
    state = _open(text)
    found = moves(state, [Finding(f"'A' object has no attribute '{name}'", 3)])
    assert text.replace(call, meant) in [apply(state, command).text for command in found]


def test_a_table_gets_its_first_entry() -> None:
    text = "def ways(n):\n    table = [0] * (n + 1)\n    return table[n]\n"
    assert "### ADDL 3 >>>    table[0] = 1" in _wires(text)
    square = text.replace("[0]", "[[0] * n for _ in range(n)]", 1)
    assert "### ADDL 3 >>>    table[0][0] = 1" in _wires(square)
    assert "### ADDL 3 >>>    table[0] = 1" not in _wires("def f(n):\n    table = [n]\n")
