from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import reduce

import pytest

from editloop.document.commands import Command, parse
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding
from editloop.moves import moves
from editloop.moves.blocks import blocks, unlikely_blocks
from editloop.moves.context import build
from editloop.policy import Cancelled
from editloop.python.syntax import check_syntax
from editloop.repair.steps import helpful, obvious, promising, steps

TWO_ERRORS = "def f(x)\n    return x\n\n\ndef g(y:\n    return y\n"


def _open(text: str, view: tuple[int, ...] | None = None) -> EditState:
    return EditState.open(Snapshot.from_text(text), view)


def _after(state: EditState, commands: Sequence[Command]) -> str:
    return reduce(apply, commands, state).text


def _findings(text: str) -> list[Finding]:
    found = check_syntax(text)
    assert found is not None
    return [found]


def test_a_step_that_parses_or_moves_the_error_down_is_kept() -> None:
    colon, bracket = parse("### REPW 1 >>>) >>>):"), parse("### REPW 5 >>>y >>>y)")
    worse, shifted = parse("### REPW 1 >>>def >>>"), parse("### ADDL 1 >>>")
    state = _open(TWO_ERRORS)
    steps = [(colon,), (bracket,), (worse,), (shifted,), (colon, bracket)]
    assert helpful(state, steps) == [(colon,), (colon, bracket)]


HIDDEN = "def f(x):\n    if x:\n        //return 0\n    return 'x\n"


def test_an_error_that_was_hidden_is_further() -> None:
    """CPython names what is no token before what is no statement, even further up."""
    closed, opened = parse("### REPW 4 >>>'x >>>'x'"), parse("### REPW 3 >>>// >>>")
    assert [f.line for f in _findings(HIDDEN)] == [3]
    after = apply(_open(HIDDEN), closed)
    assert [f.line for f in _findings(after.text)] == [2]
    assert helpful(_open(HIDDEN), [(closed,), (opened,)]) == [(closed,)]
    assert helpful(after, [(opened,), (parse("### REPW 4 >>>' >>>"),)]) == [(opened,)]


def test_an_impossible_step_is_left_out() -> None:
    assert helpful(_open(TWO_ERRORS), [(parse("### DELL 99"),)]) == []


def test_text_that_parses_has_nothing_to_screen() -> None:
    assert helpful(_open("x = 1\n"), [(parse("### REPL 1 >>>x = 2"),)]) == []


def test_only_what_follows_a_safe_place_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    head = "".join(f"def f{i}():\n    return {i}\n\n\n" for i in range(200))
    tail = TWO_ERRORS.replace("y", "seen_here_only")
    state = _open(head + tail, tuple(range(800, 806)))
    seen: list[int] = []
    real = compile

    def spy(source: str, *args: object, **options: object) -> object:
        seen.append(len(source))
        return real(source, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("editloop.python.syntax.compile", spy, raising=False)
    colon = parse("### REPW 1 >>>) >>>):")
    assert helpful(state, [(colon,)]) == [(colon,)]
    above = len("def f199():\n    return 199\n\n\n")
    assert sorted(seen)[:-1] == [above + len(tail), above + len(tail) + 1]


def test_a_definition_may_belong_to_a_class_above() -> None:
    text = "class A:\n    def f(self):\n        pass\n\ndef g(self):\n        pass\n\n    x = 3\n"
    right = parse("### REPL 1 >>>    def g(self):")
    assert helpful(_open(text, (4, 5, 6, 7)), [(right,)]) == [(right,)]


BROKEN = {
    "a class": (
        "class A:\ndef f(self):\n    return 1\n",
        "class A:\n    def f(self):\n        return 1\n",
    ),
    "a body": (
        "def f(x):\na = 1\nif x:\n    return a\n\n\ndef g():\n    return 2\n",
        "def f(x):\n    a = 1\n    if x:\n        return a\n\n\ndef g():\n    return 2\n",
    ),
    "too far in": (
        "x = 1\n    if x:\n        y = 2\n    z = 3\n",
        "x = 1\nif x:\n    y = 2\nz = 3\n",
    ),
    "prints": (
        "def f(x):\n    print x\n    print 'a', x  # b\n",
        "def f(x):\n    print(x)\n    print('a', x)  # b\n",
    ),
    "declarations": (
        "var a = 1\nvar b = 'var c'\nconst c = 2\nvar d = a\n",
        "a = 1\nb = 'var c'\nconst c = 2\nd = a\n",
    ),
    "an else too": (
        "def f(a):\n    if a:\n    b = 1\nelse:\n    b = 2\n    return b\n",
        "def f(a):\n    if a:\n        b = 1\n    else:\n        b = 2\n    return b\n",
    ),
    "a comment": ("/* a = 1\nb = 2 */\n", "a = 1\nb = 2\n"),
}
WHOLE = {
    "truth values the wrong way round": (
        "def f(n):\n    if n % 2:\n        return True\n    return False\n",
        "def f(n):\n    if n % 2:\n        return False\n    return True\n",
        "",
    ),
    "a name everywhere": (
        "def f(xs: Vector):\n    ys: Vector = xs\n",
        "def f(xs: list):\n    ys: list = xs\n",
        "F821 Undefined name `Vector`",
    ),
    "an operator everywhere": ("if a == b:\n    c = a == d\n", "if a != b:\n    c = a != d\n", ""),
    "two lines exchanged": ("a = b\nb = 1\nc = 2\n", "c = 2\nb = 1\na = b\n", ""),
    "two values exchanged": ("x.a = f(1)\nx.b = 2\n", "x.a = 2\nx.b = f(1)\n", ""),
    "two results exchanged": (
        "def f(a):\n    if a:\n        return False\n    return True\n",
        "def f(a):\n    if a:\n        return True\n    return False\n",
        "",
    ),
    "where it is there": (
        "def f(q, a):\n    q.append(a.left)\n",
        "def f(q, a):\n    if a.left:\n        q.append(a.left)\n",
        "",
    ),
    "where both are there": (
        "q.append(a.left)\nq.append(a.right)\n",
        "if a.left:\n    q.append(a.left)\nif a.right:\n    q.append(a.right)\n",
        "",
    ),
    "a line elsewhere": (
        "for i in a:\n    if i:\n        j += 1\n    k = j\n",
        "for i in a:\n    k = j\n    if i:\n        j += 1\n",
        "",
    ),
    "an else of another header": (
        "for i in a:\n    if i:\n        break\nelse:\n    b = 1\n",
        "for i in a:\n    if i:\n        break\n    else:\n        b = 1\n",
        "",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_blocks_undo_what_one_line_cannot(name: str) -> None:
    broken, fixed = BROKEN[name]
    state = _open(broken)
    found = [_after(state, block) for block in blocks(build(state, _findings(broken)))]
    assert fixed in found


@pytest.mark.parametrize("name", WHOLE)
def test_blocks_of_text_that_parses(name: str) -> None:
    text, fixed, finding = WHOLE[name]
    state = _open(text)
    context = build(state, [Finding(finding)] if finding else [])
    found = [*blocks(context), *unlikely_blocks(context)]
    assert fixed in [_after(state, block) for block in found]
    for block in found:
        _after(state, block)  # each is possible


def test_one_command_for_several_places_of_a_line() -> None:
    state = _open("def f(items):\n    return item[0] + item[1]\n")
    findings = [Finding("F821 Undefined name `item`", 1)]
    options = steps(state, findings)
    assert len(options) == len(set(options))
    found = [_after(state, step) for step in options if len(step) == 1]
    assert "def f(items):\n    return items[0] + items[1]\n" in found


def test_lines_of_strings_stay() -> None:
    text = 'def f(x):\na = """\none\n"""\nreturn a\n'
    state = _open(text)
    found = [_after(state, block) for block in blocks(build(state, _findings(text)))]
    assert 'def f(x):\n    a = """\none\n"""\n    return a\n' in found


def test_comments_of_other_languages() -> None:
    text = "def f(x):\n    // half\n    return x / 2 // of it\n"
    state = _open(text)
    found = [_after(state, (move,)) for move in moves(state, _findings(text))]
    assert text.replace("// half", "# half") in found
    assert "def f(x):\n    half\n    return x / 2 // of it\n" in found


def test_a_name_that_is_almost_right_is_obvious() -> None:
    text = "def mean(values):\n    total = sum(values)\n    return total / len(value)\n"
    state, finding = _open(text), Finding("F821 Undefined name `value`", 2)
    first = obvious(state, [finding])
    assert _after(state, first[0]) == text.replace("len(value)", "len(values)")
    assert obvious(state, []) == []


def test_screening_ends_when_it_is_told_to() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        helpful(_open(TWO_ERRORS), [(parse("### REPL 1 >>>x"),)], stop)


@pytest.mark.parametrize(
    ("call", "line", "meant"),
    [
        ("scale(n)", "E1120 scale() lacks a value for 'by'", "scale(n, by)"),
        ("self.scale()", "E1120 scale() lacks a value for 'n'", "self.scale(n)"),
        ("scale(by=2)", "E1120 scale() lacks a value for 'n'", "scale(by=2, n=n)"),
        ("scale(n)", "E1120 scale() lacks a value for 'size'", "scale(n, self.size)"),
    ],
)
def test_an_argument_that_is_at_hand(call: str, line: str, meant: str) -> None:
    text = f"class A:\n    def f(self, n, by):\n        self.size += 1\n        return {call}\n"
    state = _open(text)
    found = [_after(state, step) for step in obvious(state, [Finding(line, 3)])]
    assert text.replace(call, meant) in found
    assert obvious(state, [Finding(line.replace("for '", "for 'un"), 3)]) == []


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        ("self.get_values(d)", "d.values()"),
        ("self.calculate_sum(count[:n])", "sum(count[:n])"),
        ("lowerWords(words[0])", "words[0].lower()"),
        ("text.toLower()", "text.lower()"),
        ("length(text)", "len(text)"),
        ("text.getLength()", "len(text)"),
        ("self.reverse_array(row)", "row[::-1]"),
        ("row.sortArray()", "row.sort()"),
    ],
)
def test_an_invented_function_is_what_its_name_says(call: str, meant: str) -> None:
    name = call.partition("(")[0].rpartition(".")[2]
    state = _open(f"x = {call}\n")
    finding = Finding(f"f() -> AttributeError: 'A' object has no attribute '{name}'", 0)
    assert f"x = {meant}\n" in [_after(state, step) for step in obvious(state, [finding])]


def test_what_settles_an_unknown_name_goes_first() -> None:
    text = "def f(d):\n    a = 1\n    return self.get_values(d)\n"
    state = _open(text)
    finding = Finding("f({}) -> AttributeError: 'A' object has no attribute 'get_values'", 2)
    options = steps(state, [finding])
    good = promising(state, [finding], options)
    texts = [_after(state, step) for step in good]
    assert "def f(d):\n    a = 1\n    return d.values()\n" in texts
    assert 0 < len(good) < len(options)
    assert (parse("### DELL 2"),) in set(options) - set(good)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("x = a.left\n", "f() -> AttributeError: 'NoneType' object has no attribute 'value'"),
        (
            "a.value = 1\nx = b.value\n",
            "f() -> AttributeError: 'B' object has no attribute 'value'",
        ),
        ("x = b.append(1)\n", "f() -> AttributeError: 'B' object has no attribute 'append'"),
        ("x = a\na = 1\n", "f() -> UnboundLocalError: cannot access local variable 'a'"),
        ("x = 1\n", "f() -> 1, expected 2"),
    ],
)
def test_what_exists_is_not_unknown(text: str, finding: str) -> None:
    state = _open(text)
    assert promising(state, [Finding(finding)], steps(state, [Finding(finding)])) == []


def test_a_binding_settles_a_name() -> None:
    text = "def f(n):\n    for i in range(n):\n        print(i + total)\n"
    state = _open(text)
    finding = Finding("F821 Undefined name `total`", 2)
    bound = (parse("### ADDL 2 >>>    total = 0"),)
    other = (parse("### REPW 2 >>>n >>>n + 1"),)
    assert promising(state, [finding], [other, bound]) == [bound]
