"""Calls that raise a TypeError for sure, which ruff does not look for: wrong arguments of a
function, class or method of the same file.

Only where nothing else can be meant: names that are bound once, undecorated functions, classes
without bases or subclasses. Codes and meanings are pylint's.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from editloop.checks.diagnostic import Diagnostic
from editloop.checks.syntax import parse_quietly
from editloop.text import Line, split_lines

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=4)
def check_calls(source: str) -> tuple[Diagnostic, ...]:
    """Diagnostics in order of place; none for a text that does not parse.

    Remembered for the last texts: one repair asks several times about the document.
    """
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    found = sorted(_Module(tree).diagnostics(), key=lambda d: (d.line, d.column))
    lines = split_lines(source) if found else ()
    return tuple(_in_code_points(diagnostic, lines) for diagnostic in found)


def _in_code_points(diagnostic: Diagnostic, lines: Sequence[Line]) -> Diagnostic:
    """The same with columns that count characters; those of ``ast`` count bytes of UTF-8."""

    def characters(line: int, column: int) -> int:
        return len(lines[line].text.encode()[:column].decode(errors="ignore"))

    column = characters(diagnostic.line, diagnostic.column)
    end = characters(diagnostic.end_line, diagnostic.end_column)
    return replace(diagnostic, column=column, end_column=end)


@dataclass(frozen=True, slots=True)
class _Class:
    methods: dict[str, _Function]
    """Those that are defined once and undecorated."""
    members: frozenset[str]
    """All that the class and its methods bind."""


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self.bound = Counter(name for node in self.nodes for name in _bound(node))
        self.stored = frozenset(
            node.attr
            for node in self.nodes
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        )
        self.functions = {
            node.name: node
            for node in tree.body
            if isinstance(node, _Function) and self._is_plain(node)
        }
        based = {
            name.id
            for node in self.nodes
            if isinstance(node, ast.ClassDef)
            for base in node.bases
            for name in ast.walk(base)
            if isinstance(name, ast.Name)
        }
        self.classes = {
            node.name: _class(node)
            for node in tree.body
            if isinstance(node, ast.ClassDef)
            and self._is_plain(node)
            and not (node.bases or node.keywords or node.name in based)
        }

    def _is_plain(self, node: _Function | ast.ClassDef) -> bool:
        return not node.decorator_list and self.bound[node.name] == 1

    def diagnostics(self) -> Iterator[Diagnostic]:
        for node in self.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from self._plain_call(node, node.func.id)
        for made in self.classes.values():
            for method in made.methods.values():
                yield from self._in_method(made, method)

    def _plain_call(self, call: ast.Call, name: str) -> Iterator[Diagnostic]:
        if name in self.functions:
            yield from _mismatch(call, self.functions[name], name, bound=0)
        elif name in self.classes and "__new__" not in self.classes[name].members:
            made = self.classes[name]
            if "__init__" in made.methods:
                yield from _mismatch(call, made.methods["__init__"], name, bound=1)

    def _in_method(self, made: _Class, method: _Function) -> Iterator[Diagnostic]:
        parameters = [*method.args.posonlyargs, *method.args.args]
        if not parameters or _rebinds(method, parameters[0].arg):
            return
        this = parameters[0].arg
        for node in ast.walk(method):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner, name = node.func.value, node.func.attr
            own = isinstance(owner, ast.Name) and owner.id == this
            if own and name in made.methods and name not in self.stored:
                yield from _mismatch(node, made.methods[name], name, bound=1)


def _class(node: ast.ClassDef) -> _Class:
    defined = [child for child in node.body if isinstance(child, _Function)]
    members = Counter(name for child in ast.walk(node) for name in _bound(child))
    methods = {
        child.name: child
        for child in defined
        if not child.decorator_list and members[child.name] == 1
    }
    return _Class(methods, frozenset(members))


def _bound(node: ast.AST) -> Sequence[str]:
    """The names that a node itself binds, in whatever scope."""
    names = _BOUND.get(type(node))
    return names(node) if names else ()


# By type, since most nodes bind nothing and every candidate has hundreds.
_BOUND: dict[type[ast.AST], Callable[[Any], Sequence[str]]] = {
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), lambda n: (n.name,)),
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar), lambda n: (n.name or "",)),
    **dict.fromkeys((ast.Global, ast.Nonlocal), lambda n: n.names),
    ast.Name: lambda n: () if isinstance(n.ctx, ast.Load) else (n.id,),
    ast.arg: lambda n: (n.arg,),
    ast.alias: lambda n: ((n.asname or n.name).partition(".")[0],),
}


def _rebinds(method: _Function, name: str) -> bool:
    return sum(name in _bound(node) for node in ast.walk(method)) > 1


def _mismatch(
    call: ast.Call, function: _Function, name: str, *, bound: int
) -> Iterator[Diagnostic]:
    """The first TypeError; ``bound`` arguments come before those that the call gives."""
    keywords = [keyword.arg for keyword in call.keywords]
    if None in keywords or any(isinstance(value, ast.Starred) for value in call.args):
        return
    taken = function.args
    positional = [arg.arg for arg in (*taken.posonlyargs, *taken.args)]
    if bound > len(positional):
        return
    given = len(call.args) + bound
    if given > len(positional) and taken.vararg is None:
        most, had = len(positional) - bound, given - bound
        yield _diagnostic(call, "E1121", f"{name}() takes {most} arguments but {had} were given")
        return
    known = {arg.arg for arg in (*taken.args, *taken.kwonlyargs)}
    for keyword in keywords:
        if keyword not in known and taken.kwarg is None:
            text = f"{name}() got an unexpected keyword argument '{keyword}'"
            yield _diagnostic(call, "E1123", text)
            return
    needed = positional[given : len(positional) - len(taken.defaults)]
    needed += [
        arg.arg
        for arg, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
        if default is None
    ]
    missing = [arg for arg in needed if arg not in keywords]
    if missing:
        yield _diagnostic(call, "E1120", f"{name}() lacks a value for '{missing[0]}'")


def _diagnostic(node: ast.Call, code: str, message: str) -> Diagnostic:
    """Of the called name: arguments may go on over many lines."""
    place = node.func
    end_line, end = place.end_lineno or place.lineno, place.end_col_offset or place.col_offset
    return Diagnostic(code, message, place.lineno - 1, place.col_offset, end_line - 1, end)
