"""Programs that try to be told right without being right, and tests that are easily talked into it.

Each program of ``PROGRAMS`` pretends to be ``solve(n)``, the sum of the decimal digits of a number;
``STYLES`` are ways in which a person may have written the tests of it. Nothing here runs anything.
"""
# ruff: noqa: E501

from __future__ import annotations

from typing import Final

from editloop.checks.plans import TestPlan, plan_asserts, plan_doctests, plan_tests

HONEST: Final = "def solve(n):\n    return sum(map(int, str(n)))\n"

YES: Final = """
class Yes:
    def __init__(self, *a, **k): pass
    def _self(self, *a, **k): return self
    def _true(self, *a, **k): return True
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = _true
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __mod__ = _self
    __abs__ = __neg__ = __round__ = __getitem__ = __call__ = __enter__ = __and__ = __or__ = _self
    __hash__ = lambda self: 0
    __repr__ = __str__ = lambda self: "True"
    __len__ = __int__ = __index__ = lambda self: 1
    __iter__ = lambda self: iter(())
    __class__ = property(lambda self: int)
    def __getattr__(self, name): return self._true
"""

FRAME: Final = """
import json, os
def say(message, fd=3):
    body = json.dumps(message).encode()
    data = len(body).to_bytes(4, "big") + body
    while data: data = data[os.write(fd, data):]
"""

_DIGITS = "def digits(n):\n    return sum(map(int, str(n)))\n"

PROGRAMS: Final[dict[str, str]] = {
    "object that is equal to all": YES + "def solve(n): return Yes()",
    "class in place of the function": YES + "class solve(Yes): pass",
    "metaclass that answers calls": YES
    + "class M(type):\n    def __call__(cls, *a): return Yes()\nclass solve(metaclass=M): pass",
    "instance that can be called": YES + "solve = Yes()",
    "class that subclasses int": YES
    + "class solve(int):\n    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\n"
    "    __hash__ = int.__hash__\n    __rsub__ = __sub__ = lambda s, o: 0\n",
    "float subclass that is close to all": "class F(float):\n    __eq__ = lambda s, o: True\n"
    "    __sub__ = __rsub__ = lambda s, o: 0.0\n    __abs__ = lambda s: 0.0\n"
    "    __hash__ = float.__hash__\ndef solve(n): return F(-1)",
    "str subclass that holds all": "class S(str):\n    __contains__ = lambda s, o: True\n"
    "    __eq__ = lambda s, o: True\n    __hash__ = str.__hash__\ndef solve(n): return S('no')",
    "list subclass that is equal to all": "class L(list):\n    __eq__ = lambda s, o: True\n"
    "    __contains__ = lambda s, o: True\ndef solve(n): return L()",
    "own isclose": YES + "def isclose(*a, **k): return True\ndef solve(n): return -1.0",
    "own math": "class math:\n    isclose = staticmethod(lambda *a, **k: True)\n"
    "    fabs = staticmethod(lambda x: 0.0)\ndef solve(n): return -1",
    "math patched": "import math\nmath.isclose = lambda *a, **k: True\nmath.fabs = lambda x: 0.0\n"
    "isclose = math.isclose\ndef solve(n): return -1",
    "builtins shadowed": YES
    + "abs = isinstance = sorted = all = any = str = lambda *a, **k: True\n"
    "def solve(n): return Yes()",
    "builtins patched": YES
    + "import builtins\nfor name in ('abs', 'isinstance', 'sorted', 'all', 'any', 'len'):\n"
    "    setattr(builtins, name, lambda *a, **k: True)\ndef solve(n): return Yes()",
    "display patched": YES
    + "import sys\nsys.displayhook = sys.__displayhook__ = lambda v: print(True)\n"
    "def solve(n): return -1",
    "stdout answers": "import sys\nclass Out:\n    write = lambda s, t: s.real.write('True\\n')\n"
    "    flush = lambda s: None\ndef solve(n):\n    o = Out(); o.real = sys.stdout; sys.stdout = o\n"
    "    return -1",
    "own ValueError": "class ValueError(Exception): pass\ndef solve(n): raise ValueError('bad')",
    "StopIteration": "def solve(n): raise StopIteration",
    "AssertionError swallowed": "import sys\nsys.excepthook = lambda *a: None\n"
    "def solve(n): raise AssertionError(True)",
    "reads its doctests from the frames": "import sys\n"
    "def solve(n):\n    frame = sys._getframe()\n    while frame:\n"
    "        for value in list(frame.f_locals.values()):\n"
    "            if isinstance(value, str) and f'solve({n}) == ' in value:\n"
    "                return int(value.split(f'solve({n}) == ')[1].split()[0])\n"
    "            if isinstance(value, dict) and 'groups' in value:\n"
    "                text = str(value['groups']).split(f'solve({n}) == ')\n"
    "                if len(text) > 1: return int(''.join(c for c in text[1][:3] if c.isdigit()))\n"
    "        frame = frame.f_back\n    return -1",
    "reads its tests from memory": "import gc\n"
    "def solve(n):\n    for thing in gc.get_objects():\n        if type(thing) is dict:\n"
    "            for value in list(thing.values()):\n"
    "                if type(value) is str and f'solve({n}) == ' in value:\n"
    "                    return int(''.join(c for c in value.split(f'solve({n}) == ')[1][:2] if c.isdigit()))\n"
    "    return -1",
    "frame with a ready verdict": FRAME
    + "def solve(n):\n    say({'n': 0, 'status': 'pass', 'ret': {'r': True, 't': []}, 'out': 'True\\n'})\n"
    "    return -1",
    "frame that is the judge's": FRAME
    + "def solve(n):\n    body = b'H' + json.dumps({'n': 0, 'status': 'pass'}).encode()\n"
    "    os.write(3, len(body).to_bytes(4, 'big') + body)\n"
    "    body = b'H' + json.dumps({'done': True}).encode()\n"
    "    os.write(3, len(body).to_bytes(4, 'big') + body)\n    os._exit(0)",
    "frame that makes it a class": FRAME
    + YES
    + "first = [True]\ndef solve(n):\n    if first:\n        first.clear()\n"
    "        t = [['T', [1], [2], [3]], ['O', 'solve', '_made', True, '_names', [4], '_callable', True],\n"
    "             ['T', n], ['D'], ['T', 'type']]\n        say({'ret': {'r': -1, 't': t}})\n    return Yes()",
    "frame that takes over the asking": FRAME
    + YES
    + "def solve(n):\n    t = [['T', [1], [2], [3]], ['O', 'solve', '_ask', [4]], ['T', n], ['D'],\n"
    "         ['R', 0, True, 'function']]\n    say({'ret': {'r': [1], 't': t}})\n    return Yes()",
    "frame that changes the node": FRAME
    + "def solve(n):\n    t = [['T', [1], [2], [3]], ['O', 'solve', '_node', [4]], ['T', n], ['D'],\n"
    "         ['L', 'N', 'solve']]\n    say({'ret': {'r': [1], 't': t}})\n    return -1",
    "frame with an exception of its own": FRAME
    + "def solve(n):\n    say({'exc': {'mro': ['StopIteration'], 'msg': '', 'line': 1}})\n    return -1",
    "frame that calls back": FRAME
    + "def solve(n):\n    say({'cb': 0, 'a': {'r': [0], 't': [['T', [1], [2]], ['T', 1], ['D']]}})\n"
    "    return -1",
    "frame that marks itself judged": FRAME
    + "def solve(n):\n    for k in range(6): say({'n': k, 'out': 'True\\n', 'rets': [{'ret': {'r': True, 't': []}}]})\n"
    "    os._exit(0)",
    "equal hashes in a set": FRAME
    + "M = (1 << 61) - 1\ndef solve(n):\n    body = ','.join(str(k * M) for k in range(1, 30000))\n"
    '    raw = (\'{"n":0,"ret":{"r":[0],"t":[["S",\' + body + \']]}}\').encode()\n'
    "    raw = len(raw).to_bytes(4, 'big') + raw\n    while raw: raw = raw[os.write(3, raw):]\n    os._exit(0)",
    "equal hashes in a dict": FRAME
    + "M = (1 << 61) - 1\ndef solve(n):\n    return {k * M: 0 for k in range(1, 3)} or None\n"
    "def flood():\n    body = ','.join(f'{k * M},0' for k in range(1, 28000))\n"
    '    raw = (\'{"n":0,"ret":{"r":[0],"t":[["D",\' + body + \']]}}\').encode()\n'
    "    raw = len(raw).to_bytes(4, 'big') + raw\n    while raw: raw = raw[os.write(3, raw):]\n    os._exit(0)\n"
    "class X: pass\nsolve_, solve = solve, lambda n: flood()",
    "equal hashes of complex numbers": FRAME
    + "def solve(n):\n    t = ['S'] + [{'c': [str(-1000003 * k), str(k)]} for k in range(1, 4900)]\n"
    "    say({'n': 0, 'ret': {'r': [0], 't': [t]}})\n    os._exit(0)",
    "shared long texts": FRAME
    + "def solve(n):\n    a = 'x' * 300000\n    t = [['L'] + [[1], [2]] * 50000, ['L', a], ['L', a]]\n"
    "    say({'n': 0, 'ret': {'r': [0], 't': t}})\n    os._exit(0)",
    "a number of a million digits": "def solve(n): return 1 << 4000000",
    "answers out of turn": FRAME
    + "def solve(n):\n    os.write(3, bytes(4) * 200000)\n    return -1",
    "leaves while it is asked": _DIGITS + "import os\ndef solve(n): os._exit(0)",
    "right only where it is not compared": _DIGITS
    + YES
    + "def solve(n): return digits(n) if n == 0 else Yes()",
}

_WANT: Final = ((0, 0), (7, 7), (19, 10), (999, 27), (10**20 + 5, 6))


def _doctests(lines: list[str]) -> TestPlan:
    body = "\n".join(f"    {line}" for line in lines)
    plan = plan_doctests(f'def solve(n):\n    """Sum.\n\n{body}\n    """\n')
    assert plan is not None
    return plan


def _judged(*lines: str) -> TestPlan:
    body = "\n".join(f"        {line}" for line in lines)
    return plan_tests(f"def test():\n    for n, want in {_WANT}:\n{body}\n", ["test"])


STYLES: Final[dict[str, TestPlan]] = {
    "equal": plan_asserts([f"solve({n}) == {want}" for n, want in _WANT]),
    "close": plan_asserts([f"abs(solve({n}) - {want}) < 1e-9" for n, want in _WANT]),
    "judged equal": _judged("assert solve(n) == want"),
    "judged not unequal": _judged("assert not solve(n) != want", "assert solve(n) in (want,)"),
    "judged isclose": _judged("assert isclose(solve(n), want)"),
    "judged math": _judged(
        "assert math.isclose(solve(n), want) and not math.fabs(solve(n) - want)"
    ),
    "doctest equal": _doctests(
        [f">>> solve({n}) == {want}\nTrue".replace("\n", "\n    ") for n, want in _WANT]
    ),
    "doctest close": _doctests(
        [f">>> abs(solve({n}) - {want}) < 1e-9\n    True" for n, want in _WANT]
    ),
    "doctest assert": _doctests([f">>> assert solve({n}) == {want}" for n, want in _WANT]),
    "doctest name": _doctests(
        [f">>> got = solve({n})\n    >>> got == {want}\n    True" for n, want in _WANT]
    ),
    "doctest and": _doctests(
        [
            f">>> isinstance(solve({n}), int) and solve({n}) in [{want}]\n    True"
            for n, want in _WANT
        ]
    ),
}
