"""What a file defines: its functions and classes, as far as nothing else can be meant by a name.

Names that are bound once, undecorated functions, classes without bases or subclasses.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Class:
    node: ast.ClassDef
    methods: dict[str, Function]
    """Methods that are defined once and undecorated."""
    members: frozenset[str]
    """All that the class and its methods bind."""
    uses: tuple[tuple[str, Sequence[ast.AST]], ...]
    """Of each method that keeps its first parameter: that one's name, and all that it contains."""


class Module:
    def __init__(self, tree: ast.Module) -> None:
        self.nodes = nodes_in(tree)
        self.bound = Counter(names_bound(self.nodes))
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
    parts = [(child, nodes_in(child)) for child in node.body]
    members = Counter(name for _, nodes in parts for name in names_bound(nodes))
    methods = {
        child.name: (child, nodes)
        for child, nodes in parts
        if isinstance(child, Function) and not child.decorator_list and members[child.name] == 1
    }
    own = ((_first_parameter(method), nodes) for method, nodes in methods.values())
    return Class(
        node,
        {name: method for name, (method, _) in methods.items()},
        frozenset(members),
        tuple((name, nodes) for name, nodes in own if name and not _rebinds(nodes, name)),
    )


def _first_parameter(method: Function) -> str:
    parameters = [*method.args.posonlyargs, *method.args.args]
    return parameters[0].arg if parameters else ""


def _rebinds(nodes: Sequence[ast.AST], name: str) -> bool:
    return sum(other == name for other in names_bound(nodes)) > 1


def nodes_in(tree: ast.AST) -> list[ast.AST]:
    """A node and all nodes below it, in no order: ``ast.walk`` takes twice as long, and every
    candidate is looked through."""
    found = [tree]
    for node in found:  # grows meanwhile
        for value in node.__dict__.values():
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [part for part in value if isinstance(part, ast.AST)]
    return found


def names_bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that the nodes themselves bind, in whatever scope."""
    for node in nodes:
        names = _BOUND.get(type(node))
        if names is not None:
            yield from names(node)


# By type, since most nodes bind nothing and every candidate has hundreds.
_BOUND: dict[type[ast.AST], Callable[[Any], Sequence[str]]] = {
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), lambda n: (n.name,)),
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar), lambda n: (n.name or "",)),
    **dict.fromkeys((ast.Global, ast.Nonlocal), lambda n: n.names),
    ast.Name: lambda n: () if isinstance(n.ctx, ast.Load) else (n.id,),
    ast.arg: lambda n: (n.arg,),
    ast.alias: lambda n: ((n.asname or n.name).partition(".")[0],),
}
