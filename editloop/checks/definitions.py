"""What a file defines: its functions and classes, as far as nothing else can be meant by a name.

Names that are bound once, undecorated functions, classes without bases or subclasses.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Class:
    node: ast.ClassDef
    methods: dict[str, Function]
    """Those that are defined once and undecorated."""
    members: frozenset[str]
    """All that the class and its methods bind."""


class Module:
    def __init__(self, tree: ast.Module) -> None:
        self.nodes = list(ast.walk(tree))
        self.bound = Counter(name for node in self.nodes for name in bound(node))
        self.stored = frozenset(
            node.attr
            for node in self.nodes
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        )
        self.functions = {
            node.name: node
            for node in tree.body
            if isinstance(node, Function) and self._is_plain(node)
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

    def _is_plain(self, node: Function | ast.ClassDef) -> bool:
        return not node.decorator_list and self.bound[node.name] == 1


def _class(node: ast.ClassDef) -> Class:
    defined = [child for child in node.body if isinstance(child, Function)]
    members = Counter(name for child in ast.walk(node) for name in bound(child))
    methods = {
        child.name: child
        for child in defined
        if not child.decorator_list and members[child.name] == 1
    }
    return Class(node, methods, frozenset(members))


def bound(node: ast.AST) -> Sequence[str]:
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


def methods_of(made: Class) -> Iterator[tuple[Function, str]]:
    """Methods that are nothing else, with the name of their first parameter, which they keep."""
    for method in made.methods.values():
        parameters = [*method.args.posonlyargs, *method.args.args]
        if parameters and not _rebinds(method, parameters[0].arg):
            yield method, parameters[0].arg


def _rebinds(method: Function, name: str) -> bool:
    return sum(name in bound(node) for node in ast.walk(method)) > 1
