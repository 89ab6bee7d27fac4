"""What the checks say, in a word or two: what kind of mistake their messages are a sign of."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable

_SYNTAX = re.compile(r"(?:Syntax|Indentation|Tab)Error\b")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")
_CALLED = re.compile(r"[\w.]+\(\)")
_RULE = re.compile(r"([A-Z]+\d+) ")
_RAISED = re.compile(r" -> (\w+): (.*?)(?:, expected |$)")
_CALL = re.compile(r" -> (.*), expected (.*)$", re.DOTALL)
_EXPECTED = re.compile(r", expected (.*)$", re.DOTALL)


def sign(text: str) -> str:
    """Sign of one finding: a syntax error's message, a rule of ruff, what was raised, or how the
    value of a call differs from the expected one."""
    if _SYNTAX.match(text):
        return _QUOTED.sub("_", text)
    if found := _RULE.match(text):
        return found[1]
    if found := _RAISED.search(text):
        return " ".join([found[1], *_QUOTED.sub("_", _CALLED.sub("_", found[2])).split()[:5]])
    if found := _CALL.search(text):
        return _difference(found[1], found[2])
    return "other"


def signs(texts: Iterable[str]) -> tuple[str, ...]:
    """Signs of several findings, each once, most frequent first."""
    return tuple(word for word, _ in Counter(map(sign, texts)).most_common())


def expected(texts: Iterable[str]) -> set[str]:
    """The values that calls should have, as Python writes them."""
    return {found[1] for text in texts if (found := _EXPECTED.search(text))}


def _difference(got: str, expected: str) -> str:
    try:
        a, b = ast.literal_eval(got), ast.literal_eval(expected)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return "None for a value" if got == "None" else "value"  # cut off, or no literal
    if a is None or b is None or type(a) is not type(b):
        numbers = isinstance(a, int | float) and isinstance(b, int | float)
        return f"{type(a).__name__} for {type(b).__name__}" + " equal" * (numbers and a == b)
    if isinstance(a, bool):
        return f"{a} for {b}"
    if isinstance(a, int | float):
        return _number(a, b)
    if isinstance(a, str | list | tuple):
        return f"{type(a).__name__} {_sequence(a, b)}"
    if isinstance(a, dict | set):
        return f"{type(a).__name__} " + ("empty" if not a else "other")
    return "value"


def _number(a: float, b: float) -> str:
    if a == 0:
        return "zero"
    if a == -b:
        return "sign"
    if abs(a - b) == 1:
        return "one more" if a > b else "one less"
    return "more" if a > b else "less"


def _sequence(a: str | list[object] | tuple[object, ...], b: object) -> str:
    other = b if isinstance(b, type(a)) else type(a)()
    if not a:
        return "empty"
    if a[::-1] == other:
        return "reversed"
    if len(a) == len(other):
        return "order" if Counter(map(repr, a)) == Counter(map(repr, other)) else "same length"
    short, long = sorted((a, other), key=len)
    word = "longer" if short is other else "shorter"
    if long[: len(short)] == short or long[len(long) - len(short) :] == short:
        word += " end"
    return word
