"""Which edits only hide a failure: small pairs, each with the words that it deserves."""

from __future__ import annotations

import pytest

from editloop.checks import weak
from editloop.checks.suitetrace import SuiteTrace
from editloop.checks.weak import weak_ways


def failed(*lines: int) -> tuple[SuiteTrace, ...]:
    """A run that raised; lines are 1-based here, the innermost last."""
    frames = tuple(line - 1 for line in lines)
    return (SuiteTrace("run", False, frames=frames, error="KeyError: 'x'"),)


TOTAL = """\
def total(rows):
    result = 0
    for row in rows:
        result += row['x']
    return result


print(total([{}]))
"""
RAISES_ON = """\
        try:
            result += row['x']
        except KeyError as e:
            raise ValueError('x') from e
"""
CAUGHT = """\
        try:
            result += row['x']
        except KeyError:
            pass
"""


def edited(old: str, new: str) -> str:
    assert TOTAL.count(old) == 1
    return TOTAL.replace(old, new)


HIDING = [
    ("        result += row['x']\n", "        pass\n", weak.REMOVES_FAILED),
    ("        result += row['x']\n", "        continue\n", weak.REMOVES_FAILED),
    ("        result += row['x']\n", "        ...\n", weak.REMOVES_FAILED),
    (
        "        result += row['x']\n",
        "        # result += row['x']\n        'x'\n",
        weak.REMOVES_FAILED,
    ),
    ("\n\nprint(total([{}]))\n", "", weak.REMOVES_FAILED),
    ("print(total([{}]))", "pass", weak.REMOVES_FAILED),
    ("row['x']", "1", weak.CONSTANT),
    ("print(total([{}]))", "print(0)", weak.CONSTANT),
    (
        "        result += row['x']\n",
        CAUGHT,
        weak.CATCHES,
    ),
    (
        "print(total([{}]))",
        "try:\n    print(total([{}]))\nexcept Exception as error:\n    print(error)",
        weak.CATCHES,
    ),
    (
        "print(total([{}]))",
        "import contextlib\nwith contextlib.suppress(KeyError):\n    print(total([{}]))",
        weak.CATCHES,
    ),
    ("    result = 0\n", "    return 0\n    result = 0\n", weak.UNREACHABLE),
    ("    result = 0\n", "    result = 0\n    return result\n", weak.UNREACHABLE),
    (
        "        result += row['x']\n",
        "        continue\n        result += row['x']\n",
        weak.UNREACHABLE,
    ),
    ("print(total([{}]))", "exit()\nprint(total([{}]))", weak.UNREACHABLE),
    ("print(total([{}]))", "import sys\nsys.exit(0)\nprint(total([{}]))", weak.UNREACHABLE),
    ("print(total([{}]))", "if False:\n    print(total([{}]))", weak.UNREACHABLE),
    ("    for row in rows:\n", "    while 0:\n", weak.UNREACHABLE),
    ("row['x']", "row['not in this file']", weak.LITERAL),
    ("print(total([{}]))", "print(total([{'x': 3}]))", ""),
]


@pytest.mark.parametrize(("old", "new", "words"), HIDING)
def test_hiding_is_called_what_it_is(old: str, new: str, words: str) -> None:
    assert weak_ways(TOTAL, edited(old, new), failed(8, 4)) == ((words,) if words else ())


HONEST = [
    ("row['x']", "row.get('x', 0)"),
    ("        result += row['x']\n", "        if 'x' in row:\n            result += row['x']\n"),
    ("    for row in rows:\n", "    for row in filter(None, rows):\n"),
    ("    result = 0\n", "    if not rows:\n        return 0\n    result = 0\n"),
    ("    result = 0\n", "    result = 0\n    rows = [r for r in rows if 'x' in r]\n"),
    ("row['x']", "row['result']"),
    (
        "        result += row['x']\n",
        RAISES_ON,
    ),
]


@pytest.mark.parametrize(("old", "new"), HONEST)
def test_honest_edits_are_not_accused(old: str, new: str) -> None:
    assert weak_ways(TOTAL, edited(old, new), failed(8, 4)) == ()


PAIRS = [
    ("x = 10 / 0\n", "x = 10 / 2\n", 1, (weak.LITERAL,)),
    ("n = int('12a')\n", "n = int('12')\n", 1, (weak.LITERAL,)),
    ("a = [1, 2]\nprint(a[2])\n", "a = [1, 2]\nprint(a[1])\n", 2, ()),
    ("a = [1, 2]\nprint(a[9])\n", "a = [1, 2]\nprint(a[0])\n", 2, (weak.LITERAL,)),
    (
        "a = [1]\nfor i in range(0, 2):\n    a[i]\n",
        "a = [1]\nfor i in range(0, 1):\n    a[i]\n",
        3,
        (),
    ),
    ("print('%d' % 'a')\n", "print('%s' % 'a')\n", 1, ()),
    ("print('{:d}'.format('a'))\n", "print('{}'.format('a'))\n", 1, ()),
    ("f(flag=True)\n", "f(flag=False)\n", 1, ()),
    ("d = {'name': 1}\nd['nmae']\n", "d = {'name': 1}\nd['name']\n", 2, ()),
    (
        "if __name__ == '__main__':\n    f()\n",
        "if __name__ == 'main':\n    f()\n",
        2,
        (weak.UNREACHABLE, weak.LITERAL),
    ),
    ("a = [1]\nprint(a[len(a)])\n", "a = [1]\nprint(a[-1])\n", 2, ()),
    (
        "def f():\n    return 1\nf()\nraise KeyError(0)\n",
        "def f():\n    return 1\n    raise KeyError(0)\nf()\n",
        4,
        (weak.UNREACHABLE,),
    ),
    ("for x in y:\n    f(x)\n", "for x in y:\n    f(x)\n    break\n", 2, (weak.EARLY,)),
    (
        "def f(y):\n    for x in y:\n        g(x)\n    return y\n",
        "def f(y):\n    for x in y:\n        g(x)\n        return y\n",
        3,
        (weak.EARLY,),
    ),
    (
        "def f(y):\n    for x in y:\n        g(x)\n        return y\n",
        "def f(y):\n    for x in y:\n        g(x)\n    return y\n",
        3,
        (),
    ),
    ("f()\nraise KeyError(0)\n", "f()\nKeyError(0)\n", 2, (weak.REMOVES_FAILED,)),
    ("assert f(1) == 2\n", "f(1) == 2\n", 1, (weak.REMOVES_FAILED,)),
    (
        "if __name__ == '__main__':\n    f()\n",
        "if x == '__main__':\n    f()\n",
        2,
        (weak.UNREACHABLE,),
    ),
    ("import nothing\nf()\n", "f()\n", 1, (weak.REMOVES_FAILED,)),
    ("assert f(1) == 2\ng()\n", "g()\n", 2, (weak.REMOVES,)),
    ("a = 1\nb = 2\nc = a.x\n", "b = 2\na = 1\nc = a.real\n", 3, ()),
    (
        "try:\n    f()\nexcept KeyError:\n    g()\n",
        "try:\n    f()\nexcept IndexError:\n    g()\n",
        2,
        (),
    ),
    (
        "try:\n    f()\nexcept KeyError:\n    g()\n",
        "try:\n    f()\nexcept KeyError:\n    g()\nexcept IndexError:\n    pass\n",
        2,
        (weak.CATCHES,),
    ),
    ("def f(self):\n    return self.f\n", "@property\ndef f(self):\n    return self._f\n", 2, ()),
    ("class A:\n    def f():\n        pass\n", "class A:\n    def f(self):\n        pass\n", 3, ()),
    (
        "def f(x, y=[]):\n    y.add(x)\n",
        "def f(x, y=None):\n    y = y or []\n    y.append(x)\n",
        2,
        (),
    ),
    ("async def f():\n    g().x\n", "async def f():\n    (await g()).x\n", 2, ()),
    ("x = f(3)\n", "x = f(3\n", 1, ()),
]


@pytest.mark.parametrize(("before", "after", "line", "words"), PAIRS)
def test_pairs(before: str, after: str, line: int, words: tuple[str, ...]) -> None:
    assert weak_ways(before, after, failed(line)) == words


def test_a_call_that_does_not_run_any_more_is_no_repair() -> None:
    after = edited("print(total([{}]))", "if not 'total':\n    print(total([{}]))")
    ran = (SuiteTrace("run", True, frozenset([0, 7])),)
    assert weak_ways(TOTAL, after, failed(8, 4), ran) == (weak.UNREACHABLE,)
    guarded = edited("    result = 0\n", "    if not rows:\n        return 0\n    result = 0\n")
    whole = (SuiteTrace("run", True, frozenset([0, 1, 2, 9])),)
    assert weak_ways(TOTAL, guarded, failed(8, 4), whole) == (weak.SKIPS,)
    again = (SuiteTrace("run", True, frozenset([0, 1, 2, 3, 4, 5, 9])),)
    assert weak_ways(TOTAL, guarded, failed(8, 4), again) == ()


def test_without_a_trace_what_is_seen_in_the_text_is_still_said() -> None:
    assert weak_ways(TOTAL, edited("    result = 0\n", "    return 0\n    result = 0\n")) == (
        weak.UNREACHABLE,
    )
    assert weak_ways(TOTAL, TOTAL) == ()
    assert weak_ways(TOTAL, edited("        result += row['x']\n", "        pass\n")) == (
        weak.REMOVES,
    )
