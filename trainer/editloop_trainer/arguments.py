"""Guesses at arguments: what a parameter may be, from its name, annotation, default and use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from editloop_trainer.pieces import words

Kind = str
"""One of the keys of ``_MAKERS``."""

_WORDS = ("hello", "abc", "racecar", "aab", "banana", "python", "leetcode", "level", "a", "xyz")
_TEXTS = ("hello world", "The quick brown fox", "a-b_c d", "abc123", "", "A man a plan", "1234")
_ANY = ("int", "ints", "text", "ints", "text", "matrix", "words", "dict")
_BRACKETS = ("()", "()[]{}", "(]", "([)]", "{[]}")

_BY_NAME: tuple[tuple[str, Kind], ...] = (
    (r"^(matrix|grid|board|mat|table|rows|image|points|intervals|edges|lists|pairs)\d*$", "matrix"),
    (r"^(words|strs|strings|names|tokens|keys|labels|test_list)\d*$", "words"),
    (r"^(graph|adj|adjacency|tree_map)$", "graph"),
    (
        r"^(nums?|arr|array|lst|list\w*|a_list|numbers|values|data|items|seq\w*|iterable|"
        r"prices|heights?|weights?|costs?|coins|vec\w*|l|xs|ys|elements|collection|scores)\d*$",
        "ints",
    ),
    (
        r"^(s|st|str\w*|string\w*|text|word|sentence|pattern|line|name|key|prefix|suffix|char\w*|ch|"
        r"msg|message|sub\w*|phrase|t|url|path|needle|haystack|string_)\d*$",
        "text",
    ),
    (r"^(d|dic\w*|dict\w*|mapping|map|counts?_map|freq\w*|config|params|attrs)\d*$", "dict"),
    (r"^(flag|reverse\w*|strict|is_\w+|has_\w+|use_\w+|verbose|ascending)$", "bool"),
    (r"^(tup\w*|test_tup\w*|pair|point|coord\w*)\d*$", "tuple"),
    (r"^(set\w*)\d*$", "set"),
    (r"^(x|y|r|radius|height|width|length|side|rate|price|temp\w*|angle|eps\w*)\d*$", "number"),
    (
        r"^(n|m|k|i|j|a|b|c|p|q|num\w*|number|limit|target|size|base|exp\w*|power|value|start|end|"
        r"stop|step|lo|hi|low|high|left|right|idx|index|amount|capacity|year|total|count|mod\w*|"
        r"val|max\w*|min\w*|digits?|bits?|order|degree|steps|w|h|depth|level)\d*$",
        "int",
    ),
)
_BY_ANNOTATION: dict[str, Kind] = {
    "int": "int",
    "float": "number",
    "bool": "bool",
    "str": "text",
    "list": "ints",
    "List": "ints",
    "list[int]": "ints",
    "List[int]": "ints",
    "list[float]": "ints",
    "list[str]": "words",
    "List[str]": "words",
    "list[list[int]]": "matrix",
    "List[List[int]]": "matrix",
    "list[list[str]]": "matrix",
    "dict": "dict",
    "dict[str, int]": "dict",
    "set": "set",
    "set[int]": "set",
    "tuple": "tuple",
    "bytes": "bytes",
    "Iterable": "ints",
    "Sequence": "ints",
}
_TEXT_METHODS = words(
    "split lower upper strip lstrip rstrip startswith endswith replace join isdigit isalpha "
    "isupper islower find rfind encode title swapcase splitlines format capitalize"
)
_LIST_METHODS = words("append extend sort insert pop reverse")
_DICT_METHODS = words("items keys values get setdefault")


def parameters(node: ast.FunctionDef) -> list[ast.arg] | None:
    """Positional parameters without ``self``; None where others must be given."""
    if node.args.kwarg or any(d is None for d in node.args.kw_defaults):
        return None
    return [a for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls")]


def guess_kinds(node: ast.FunctionDef) -> list[list[Kind]]:
    """Kinds that each parameter may have, best first; empty lists where nothing is known."""
    found = []
    for arg in parameters(node) or []:
        kinds: list[Kind] = []
        if arg.annotation is not None:
            text = ast.unparse(arg.annotation).strip("'\"")
            text = text.removeprefix("typing.")
            if text in _BY_ANNOTATION:
                kinds.append(_BY_ANNOTATION[text])
            elif text.partition("[")[0] in _BY_ANNOTATION:
                kinds.append(_BY_ANNOTATION[text.partition("[")[0]])
        kinds += _by_use(node, arg.arg)
        kinds += [kind for pattern, kind in _BY_NAME if re.match(pattern, arg.arg.lower())][:1]
        found.append(list(dict.fromkeys(kinds)))
    return found


def _by_use(node: ast.FunctionDef, name: str) -> Iterator[Kind]:
    for part in ast.walk(node):
        match part:
            case ast.Subscript(value=ast.Subscript(value=ast.Name(id=n))) if n == name:
                yield "matrix"
            case ast.Attribute(value=ast.Name(id=n), attr=attr) if n == name:
                if attr in _TEXT_METHODS:
                    yield "text"
                elif attr in _DICT_METHODS:
                    yield "dict"
                elif attr in _LIST_METHODS:
                    yield "ints"
            case ast.Call(func=ast.Name(id="range" | "chr" | "bin"), args=args):
                if any(isinstance(a, ast.Name) and a.id == name for a in args):
                    yield "int"
            case ast.BinOp(left=ast.Name(id=n), op=ast.Mod() | ast.FloorDiv() | ast.Sub()):
                if n == name:
                    yield "int"


def arguments(node: ast.FunctionDef, rng: Random, count: int) -> list[tuple[Any, ...]]:
    """Distinct argument tuples: first by the best guess, then with other kinds mixed in."""
    wanted = parameters(node)
    if wanted is None or len(wanted) > 5:
        return []
    kinds = guess_kinds(node)
    optional = len(node.args.defaults)
    found: dict[str, tuple[Any, ...]] = {}
    for attempt in range(3 * count):
        number = len(wanted) - (rng.randint(0, optional) if optional else 0)
        values = []
        for options in kinds[:number]:
            if options and (attempt < count or rng.random() < 0.5):
                kind = options[0] if rng.random() < 0.75 else rng.choice(options)
            else:
                kind = rng.choice(_ANY)
            values.append(_make(kind, rng))
        found.setdefault(repr(values), tuple(values))
        if len(found) >= count:
            break
    return list(found.values())


def _make(kind: Kind, rng: Random) -> Any:
    match kind:
        case "int":
            return rng.choice((*range(11), 12, 13, 15, 16, 20, 25, 30, 100, 121, -1))
        case "number":
            return rng.choice((0, 1, 2, 3, 5, 10, 2.5, 0.5, 7, 12, 1.5))
        case "bool":
            return rng.random() < 0.5
        case "text":
            return rng.choice(rng.choice((_WORDS, _WORDS, _TEXTS, _BRACKETS)))
        case "words":
            return rng.sample([*_WORDS, "cat", "dog", "flow", "flower"], rng.randint(1, 5))
        case "matrix":
            rows, columns = rng.randint(1, 4), rng.randint(2, 4)
            if rng.random() < 0.5:
                rows = columns
            top = 2 if rng.random() < 0.3 else 10
            return [[rng.randrange(top) for _ in range(columns)] for _ in range(rows)]
        case "dict":
            return {w: rng.randint(0, 9) for w in rng.sample(_WORDS, rng.randint(1, 4))}
        case "tuple":
            return tuple(rng.randint(0, 9) for _ in range(rng.randint(2, 4)))
        case "set":
            return {rng.randint(0, 9) for _ in range(rng.randint(1, 5))}
        case "graph":
            size = rng.randint(2, 5)
            return {i: sorted({rng.randrange(size) for _ in range(2)} - {i}) for i in range(size)}
        case "bytes":
            return rng.choice(_WORDS).encode()
        case _:
            size = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8)) if rng.random() < 0.9 else 0
            low = -9 if rng.random() < 0.2 else 0
            values = [rng.randint(low, 12) for _ in range(size)]
            return sorted(values) if rng.random() < 0.4 else values
