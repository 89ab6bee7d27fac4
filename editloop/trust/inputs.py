"""Calls of a module's functions that may tell fixes apart: those that examples and tests make, with
their arguments changed a little, and for functions without any what type hints and defaults allow.

Runs nothing; what comes out are expressions, in the order in which they are worth trying.
"""

from __future__ import annotations

import ast
import copy
import doctest
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from editloop.python.syntax import parse_quietly

MOST = 80
"""Calls that are tried; chosen, so that all of them take tens of milliseconds."""
_MOST_GIVEN = 12
_LONGEST = 120
_MOST_BYTES = 200_000
_MOST_CHANGED_TWICE = 10
_LARGEST = 1000
_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)
_Defined = ast.FunctionDef | ast.ClassDef
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_SAMPLES: dict[str, Any] = {
    "int": 3,
    "float": 1.5,
    "str": "abc",
    "bool": True,
    "list": [3, 1, 2],
    "Sequence": [3, 1, 2],
    "Iterable": [3, 1, 2],
    "tuple": (3, 1),
    "dict": {"a": 1, "b": 2},
    "Mapping": {"a": 1, "b": 2},
    "set": {1, 2},
}


@dataclass(frozen=True, slots=True)
class Inputs:
    """``given``: calls that examples and tests make; ``made``: others, the likeliest first."""

    given: tuple[str, ...]
    made: tuple[str, ...]


def inputs(source: str, tests: Sequence[str] = ()) -> Inputs:
    """Calls of what ``source`` defines. ``tests``: test files, or expressions that have to hold;
    doctests of the source count too. Nothing where it does not parse."""
    tree = _parsed(source)
    if tree is None:
        return Inputs((), ())
    defined = {node.name: node for node in tree.body if isinstance(node, _Defined)}
    texts = [*(example.source for example in _examples(tree)), *tests]
    found = [call for text in texts for call in _calls(text, frozenset(defined))]
    given = list({ast.unparse(call): call for call in found}.values())[:_MOST_GIVEN]
    called = {_root(call) for call in given}
    hinted = [
        call
        for name, node in defined.items()
        if name not in called and isinstance(node, ast.FunctionDef)
        if (call := _by_hints(node)) is not None
    ]
    known = {ast.unparse(call) for call in given}
    made = [ast.unparse(call) for call in hinted]
    made += _in_turn([_changed(call) for call in [*given, *hinted]])
    made += _in_turn([_changed(_call(text)) for text in made[:_MOST_CHANGED_TWICE]])
    new = dict.fromkeys(text for text in made if text not in known and len(text) <= _LONGEST)
    return Inputs(tuple(known), tuple(islice(new, MOST)))


def read_tests(path: Path) -> str:
    """The text of a test file, "" for what cannot be read or is too long to be looked at."""
    try:
        text = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
    except OSError:  # a folder, or gone
        return ""
    return text.decode("utf-8", "replace")


def _parsed(source: str) -> ast.Module | None:
    try:
        return parse_quietly(source)
    except _ERRORS:
        return None


def _examples(tree: ast.Module) -> Iterator[doctest.Example]:
    for node in ast.walk(tree):
        text = ast.get_docstring(node, clean=False) if isinstance(node, _Documented) else None
        try:
            yield from doctest.DocTestParser().get_examples(text or "")
        except ValueError:
            continue


def _calls(text: str, defined: frozenset[str]) -> Iterator[ast.Call]:
    """The outermost calls in a text that need nothing but what is defined, and literals."""
    tree = _parsed(text)
    waiting: list[ast.AST] = [tree] if tree else []
    while waiting:
        node = _Bare(defined).visit(waiting.pop(0))
        if isinstance(node, ast.Call) and _is_closed(node, defined):
            yield node
        else:
            waiting += ast.iter_child_nodes(node)


class _Bare(ast.NodeTransformer):
    """Names of a module, ``module.f``, as ``f``."""

    def __init__(self, defined: frozenset[str]) -> None:
        self.defined = defined

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        owner = node.value
        if isinstance(owner, ast.Name) and owner.id not in self.defined:
            return ast.Name(node.attr, ast.Load()) if node.attr in self.defined else node
        self.generic_visit(node)
        return node


def _is_closed(node: ast.expr, defined: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in defined
    if isinstance(node, ast.Attribute):
        return _is_closed(node.value, defined)
    if not isinstance(node, ast.Call):
        return False
    parts = [*node.args, *(word.value for word in node.keywords)]
    return _is_closed(node.func, defined) and all(
        _value(part) is not None or _is_closed(part, defined) for part in parts
    )


def _root(node: ast.expr) -> str:
    """The name that a closed call begins with."""
    while not isinstance(node, ast.Name):
        assert isinstance(node, ast.Call | ast.Attribute)
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id


def _value(node: ast.expr) -> tuple[Any] | None:
    """The value of a literal, in a tuple since it may be None."""
    try:
        return (ast.literal_eval(node),)
    except (*_ERRORS, TypeError):
        return None


def _by_hints(node: ast.FunctionDef) -> ast.Call | None:
    """A call by hints and defaults; None where a parameter has neither."""
    every = [*node.args.posonlyargs, *node.args.args]
    missing = len(every) - len(node.args.defaults)
    defaults: list[ast.expr | None] = [*[None] * missing, *node.args.defaults]
    if not every or node.args.kwonlyargs or node.decorator_list:
        return None
    values = []
    for parameter, default in zip(every, defaults, strict=True):
        value = _sample(parameter.annotation)
        if value is None and default is not None:
            value = _value(default)
        if value is None:
            return None
        values.append(_literal(value[0]))
    return ast.Call(ast.Name(node.name, ast.Load()), values, [])


def _sample(hint: ast.expr | None) -> tuple[Any] | None:
    if isinstance(hint, ast.BinOp):
        return _sample(hint.left) or _sample(hint.right)
    if isinstance(hint, ast.Subscript):
        outer, inner = ast.unparse(hint.value).rpartition(".")[2], _sample(hint.slice)
        if outer == "Optional":
            return inner
        if outer in ("list", "List", "Sequence", "Iterable") and inner is not None:
            first = inner[0]
            return ([first, *islice(variants(first), 2)],)
        return _sample(hint.value)
    name = ast.unparse(hint).rpartition(".")[2] if hint else ""
    value = _SAMPLES.get(name, _SAMPLES.get(name.lower()))
    return None if value is None else (value,)


def _call(text: str) -> ast.Call:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    return call


def _literal(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def _in_turn(streams: Sequence[Iterator[str]]) -> Iterator[str]:
    """One of each, then the next of each."""
    waiting = list(streams)
    while waiting:
        for stream in list(waiting):
            text = next(stream, None)
            if text is None:
                waiting.remove(stream)
            else:
                yield text


def _changed(call: ast.Call) -> Iterator[str]:
    """The call with one literal argument changed, its arguments in turn."""
    slots: list[tuple[int, int]] = []
    for number, node in enumerate(_inner(call)):
        values = [*node.args, *(word.value for word in node.keywords)]
        slots += [(number, at) for at, part in enumerate(values) if _value(part) is not None]
    return _in_turn([_with(call, *slot) for slot in slots])


def _inner(call: ast.Call) -> list[ast.Call]:
    return [node for node in ast.walk(call) if isinstance(node, ast.Call)]


def _with(call: ast.Call, number: int, at: int) -> Iterator[str]:
    """The call with each variant of one argument of its ``number``-th inner call."""
    node = _inner(call)[number]
    value = _value([*node.args, *(word.value for word in node.keywords)][at])
    assert value is not None
    for variant in variants(value[0]):
        copied = copy.deepcopy(call)
        node = _inner(copied)[number]
        if at < len(node.args):
            node.args[at] = _literal(variant)
        else:
            node.keywords[at - len(node.args)].value = _literal(variant)
        yield ast.unparse(copied)


def variants(value: Any) -> Iterator[Any]:
    """Values of the same type near by, and at the edges of what the type has."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (n for n in (value + 1, value - 1, 0, -value, 1, 2) if abs(n) <= _LARGEST)
        case float():
            yield from (value + 1, value / 2, 0.0, -value)
        case str() | bytes():
            yield from _of_text(value)
        case list() | tuple():
            yield from _of_sequence(value)
        case dict():
            yield {}
            for key, item in islice(value.items(), 4):
                yield {k: v for k, v in value.items() if k != key}
                yield from ({**value, key: other} for other in islice(variants(item), 3))
        case set() | frozenset():
            ordered = sorted(value, key=repr)
            yield from (type(value)(ordered[:n]) for n in (len(ordered) // 2, 1))


def _of_text(text: Any) -> Iterator[Any]:
    yield from (text[:-1], text[:0], text[:1], text[::-1], text + text[-1:])
    yield from (text.upper(), text.lower(), text + text)


def _of_sequence(items: Any) -> Iterator[Any]:
    yield from (items[:-1], items[:0], items[:1], items[::-1], items + items[-1:])
    for at, item in islice(enumerate(items), 4):
        for other in islice(variants(item), 3):
            yield type(items)([*items[:at], other, *items[at + 1 :]])
