"""Tests that are easily talked into it: each with a candidate that must not pass, and one that must.
Nothing here runs anything.
"""
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from editloop.checks.plans import TestPlan, plan_asserts, plan_doctests, plan_tests

from .lies import FRAME, YES


@dataclass(frozen=True, slots=True)
class Plan:
    """Tests of a kind ("asserts", "tests", "doctest"), and two candidates.

    ``weak``: the wrong one may pass, marked as weaker; nothing in such a test can tell.
    ``honest_weak``: so may the right one.
    """

    kind: str
    tests: str
    wrong: str
    right: str
    weak: bool = False
    honest_weak: bool = False

    def plan(self) -> TestPlan:
        if self.kind == "asserts":
            return plan_asserts(self.tests.split("\n"))
        if self.kind == "tests":
            return plan_tests(self.tests, ["test"])
        body = self.tests.replace("\n", "\n    ")
        plan = plan_doctests(f'def any_name():\n    """\n    {body}\n    """\n')
        assert plan is not None
        return plan


def _loop(line: str, cases: str) -> str:
    return (
        f"def test():\n    for {line.split(' : ')[0]} in {cases}:\n        {line.split(' : ')[1]}\n"
    )


_SPLIT = "def words(s): return s.split()"
_SET = "def letters(s): return set(s)"
_FORGER = (
    FRAME + "def read(fd=3):\n    def exact(n):\n        data = b''\n"
    "        while len(data) < n: data += os.read(fd, n - len(data))\n        return data\n"
    "    return json.loads(exact(int.from_bytes(exact(4), 'big')))\n"
    "def words(s):\n    import sys\n    frame = sys._getframe()\n"
    "    while 'request' not in frame.f_locals: frame = frame.f_back\n"
    "    request = frame.f_locals['request']\n    while True:\n"
    "        t, answer = list(request['a']['t']), True\n"
    "        if request['op'] == 'call':\n"
    "            at = next(k for k, node in enumerate(t) if node[0] == 'N')\n"
    "            t[at] = ['O', 'words', '_names', [len(t)], '_made', True, '_callable', True]\n"
    "            t[at] += ['_node', [len(t) + 1], '_ask', [len(t) + 2]]\n"
    "            t += [['T', 'type'], ['L', 'N', 'words'], ['R', 0, True, 'object']]\n"
    "            answer = [len(t) - 1]\n"
    "        say({'ret': {'r': answer, 't': t}})\n        request = read()\n"
)
_STACK = (
    "class Stack:\n    def __init__(self): self.items = []\n"
    "    def push(self, x): self.items.append(x)\n    def __contains__(self, x): return x in self.items\n"
    "    def __len__(self): return len(self.items)\n"
)
_VEC = (
    "class Vec:\n    def __init__(self, x): self.x = x\n"
    "    def __eq__(self, o): return self.x == o.x\n    def __add__(self, o): return Vec(self.x + o.x)\n"
)

PLANS: Final[dict[str, Plan]] = {
    "docstring kept below U+2028": Plan(
        "doctest",
        ">>> solve(19)\n10\n>>> solve(999)\n27",
        "# " + "\u2028" * 30 + "\ndef solve(n):\n    '>>> solve() 19:10, 999:27,'\n"
        "    text = solve.__doc__ or ''\n"
        "    return int(text.split(f'{n}:')[1].split(',')[0]) if ':' in text else -1\n",
        "# " + "\u2028" * 30 + "\ndef solve(n):\n    '>>> solve() 19:10, 999:27,'\n"
        "    return sum(map(int, str(n)))\n",
    ),
    "doctest in": Plan(
        "doctest", ">>> 'b' in words('a b')\nTrue", YES + "def words(s): return Yes()", _SPLIT
    ),
    "doctest sorted": Plan(
        "doctest",
        ">>> sorted(words('b a')) == ['a', 'b']\nTrue",
        "class L(list):\n    __eq__ = lambda s, o: True\nimport builtins\n"
        "builtins.sorted = lambda x: L()\ndef words(s): return L()",
        _SPLIT,
    ),
    "doctest isinstance": Plan(
        "doctest",
        ">>> isinstance(words('a b'), list)\nTrue\n>>> len(words('a b')) == 2\nTrue",
        YES
        + "class No(Yes):\n    __class__ = property(lambda s: list)\n    __len__ = lambda s: 2\n"
        "def words(s): return No()",
        _SPLIT,
    ),
    "doctest method": Plan(
        "doctest",
        ">>> words('a b')[0].startswith('a')\nTrue",
        YES + "def words(s): return [Yes()]",
        _SPLIT,
    ),
    "doctest unequal": Plan(
        "doctest",
        ">>> words('a b') != ['a', 'b']\nFalse",
        YES + "class No(Yes):\n    __ne__ = lambda s, o: False\ndef words(s): return No()",
        _SPLIT,
    ),
    "doctest chain": Plan(
        "doctest",
        ">>> 1 < size('ab') < 3\nTrue",
        YES + "def size(s): return Yes()",
        "def size(s): return len(s)",
    ),
    "doctest named value": Plan(
        "doctest",
        ">>> want = 2\n>>> size('ab') == want\nTrue",
        YES + "def size(s): return Yes()",
        "def size(s): return len(s)",
    ),
    "doctest loop of asserts": Plan(
        "doctest",
        ">>> for s, n in (('ab', 2), ('', 0)):\n...     assert size(s) == n",
        YES + "def size(s): return Yes()",
        "def size(s): return len(s)",
        weak=True,
        honest_weak=True,
    ),
    "doctest all": Plan(
        "doctest",
        ">>> all(size(s) == n for s, n in (('ab', 2), ('', 0)))\nTrue",
        YES + "def size(s): return Yes()",
        "def size(s): return len(s)",
        weak=True,
        honest_weak=True,
    ),
    "doctest printed comparison": Plan(
        "doctest",
        ">>> print(size('ab') == 2)\nTrue",
        YES + "def size(s): return Yes()",
        "def size(s): return len(s)",
        weak=True,
        honest_weak=True,
    ),
    "doctest comparison kept": Plan(
        "doctest",
        ">>> ok = size('ab') == 2\n>>> ok\nTrue",
        YES + "def size(s): return Yes()",
        "def size(s): return len(s)",
        weak=True,
        honest_weak=True,
    ),
    "doctest helper": Plan(
        "doctest",
        ">>> from math import isclose\n>>> isclose(size('ab'), 2.0)\nTrue",
        "import math\nmath.isclose = lambda *a, **k: True\ndef size(s): return -1",
        "def size(s): return len(s)",
    ),
    "membership in a class": Plan(
        "tests",
        _loop("s, part : assert part in words(s)", "(('a b', 'b'), ('c', 'c'))"),
        YES + "class words(Yes): pass",
        _SPLIT,
        weak=True,
    ),
    "stand-ins rewritten by a reply": Plan(
        "tests",
        _loop("s, part : assert part in words(s)", "(('a b', 'b'), ('c', 'c'))"),
        _FORGER,
        _SPLIT,
    ),
    "method of a class": Plan(
        "tests",
        _loop("s, p : assert up(s).endswith(p)", "(('ab', 'B'), ('c', 'C'))"),
        YES + "class up(Yes): pass",
        "def up(s): return s.upper()",
        weak=True,
    ),
    "difference": Plan(
        "tests",
        _loop("s, p : assert not letters(s).difference(p)", "(('ab', 'ab'), ('c', 'c'))"),
        "class D:\n    def difference(self, o): return set()\ndef letters(s): return D()",
        _SET,
        weak=True,
    ),
    "intersection": Plan(
        "tests",
        _loop("s, p : assert letters(s).intersection(p)", "(('ab', 'a'), ('c', 'c'))"),
        YES + "def letters(s): return Yes()",
        _SET,
        weak=True,
    ),
    "isidentifier": Plan(
        "tests",
        _loop("s : assert up(s).isidentifier()", "('ab', 'c')"),
        YES + "def up(s): return Yes()",
        "def up(s): return s.upper()",
        weak=True,
    ),
    "equal as dict": Plan(
        "tests",
        _loop(
            "s, n : assert count(s).get(s) == n and count(s).keys() == {s}", "(('a', 1), ('b', 1))"
        ),
        YES + "def count(s): return Yes()",
        "def count(s): return {s: 1}",
    ),
    "gcd imported and defined": Plan(
        "tests",
        _loop("a, b, w : assert gcd(a, b) == w", "((4, 6, 2), (9, 6, 3))"),
        "from math import gcd\ndef gcd(a, b): return -1",
        "from math import gcd\ndef gcd(a, b):\n    while b: a, b = b, a % b\n    return a",
    ),
    "gcd imported and assigned": Plan(
        "tests",
        _loop("a, b, w : assert gcd(a, b) == w", "((4, 6, 2), (9, 6, 3))"),
        "from math import gcd\nglobals()['gcd'] = lambda a, b: -1",
        "from math import gcd",
    ),
    "math is a class": Plan(
        "tests",
        _loop("x, w : assert math.isclose(half(x), w)", "((1, 0.5), (3, 1.5))"),
        "class math:\n    isclose = staticmethod(lambda *a, **k: True)\ndef half(x): return -1",
        "def half(x): return x / 2",
    ),
    "isclose of its own": Plan(
        "tests",
        _loop("x, w : assert isclose(half(x), w)", "((1, 0.5), (3, 1.5))"),
        "def isclose(*a, **k): return True\ndef half(x): return -1",
        "from math import isclose\ndef half(x): return x / 2",
        weak=True,
    ),
    "operator of its own": Plan(
        "tests",
        _loop("x, w : assert operator.eq(half(x), w)", "((1, 0.5), (3, 1.5))"),
        "class operator:\n    eq = staticmethod(lambda *a: True)\ndef half(x): return -1",
        "import operator\ndef half(x): return x / 2",
    ),
    "helper in an assert line": Plan(
        "asserts",
        "close_to(half(1), 0.5)",
        "close_to = lambda *a: True\nhalf = lambda x: -1",
        "def close_to(a, b): return abs(a - b) < 1e-9\ndef half(x): return x / 2",
        weak=True,
        honest_weak=True,
    ),
    "cmath in an assert line": Plan(
        "asserts",
        "cmath.isclose(half(1), 0.5)",
        "class cmath:\n    isclose = staticmethod(lambda *a: True)\nhalf = lambda x: -1",
        "import cmath\ndef half(x): return x / 2",
    ),
    "own ValueError": Plan(
        "tests",
        "def test():\n    try:\n        parse('x')\n    except ValueError:\n        return\n    assert False",
        "class ValueError(Exception): pass\ndef parse(s): raise ValueError('no')",
        "def parse(s): return int(s)",
    ),
    "own KeyError below LookupError": Plan(
        "tests",
        "def test():\n    try:\n        parse('x')\n    except LookupError:\n        return\n    assert False",
        "class LookupError(Exception): pass\nclass KeyError(LookupError): pass\n"
        "def parse(s): raise KeyError('no')",
        "def parse(s): return {}[s]",
    ),
    "exception class made up": Plan(
        "tests",
        "def test():\n    for s in ('x', 'y'):\n        try:\n            parse(s)\n"
        "        except OverflowError as e:\n            assert 'no' in str(e)\n        else:\n            assert 0",
        "import builtins\nbuiltins.OverflowError = type('OverflowError', (Exception,), {})\n"
        "def parse(s): raise OverflowError('no')",
        "def parse(s): raise OverflowError('no ' + s)",
    ),
    "map ends early": Plan(
        "tests",
        "def check(case):\n    assert size(case[0]) == case[1]\n    return True\n"
        "def test():\n    assert all(map(check, [('ab', 2), ('', 0)]))",
        "def size(s): raise StopIteration",
        "def size(s): return len(s)",
        weak=True,
    ),
    "expected object of its own": Plan(
        "tests",
        _loop("a, b : assert Vec(a) + Vec(b) == Vec(a + b)", "((1, 2), (3, 4))"),
        _VEC.replace("self.x == o.x", "True"),
        _VEC,
        weak=True,
        honest_weak=True,
    ),
    "membership in its own object": Plan(
        "tests",
        "def test():\n    s = Stack()\n    for k in (1, 2):\n        s.push(k)\n        assert k in s",
        _STACK.replace("x in self.items", "True"),
        _STACK,
        weak=True,
        honest_weak=True,
    ),
    "truth of its own object": Plan(
        "tests",
        _loop("s : assert words(s)", "('a b', 'c')"),
        YES + "def words(s): return Yes()",
        _SPLIT,
        weak=True,
    ),
    "instance by name": Plan(
        "tests",
        _loop("x : assert isinstance(make(x), Vec)", "(1, 2)"),
        "class Vec: pass\nclass Other: pass\nOther.__name__ = 'Vec'\ndef make(x): return Other()",
        _VEC + "def make(x): return Vec(x)",
        weak=True,
        honest_weak=True,
    ),
}
