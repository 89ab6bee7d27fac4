"""Names that a module and its tests take from the standard library, and those that are their own.

Read off the syntax tree; nothing of the module is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from importlib import import_module

from editloop.python.syntax import parse_quietly

IMPORTABLE = frozenset(
    [
        *("sys", "math", "cmath", "collections", "itertools", "functools", "re", "datetime"),
        *("random", "string", "operator", "heapq", "bisect", "typing", "decimal", "fractions"),
        *("statistics", "copy", "json", "time", "dataclasses", "enum"),
    ]
)
"""Standard modules that tests may use through the candidate's imports; the judge has its own."""


def imports(source: str, names: Sequence[str]) -> dict[str, str]:
    """Which of the names are standard modules, or their members, that a module imports under their
    own name.

    It may bind such a name to something else as well; `defined` says where that can be read off it.
    """
    found: dict[str, str] = {}
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in IMPORTABLE and not alias.asname:
                    found[alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module in IMPORTABLE and not node.level:
            for alias in node.names:
                if not alias.asname or alias.asname == alias.name:
                    found[alias.name] = f"{node.module}:{alias.name}"
    return {name: path for name, path in found.items() if name in names}


def defined(source: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """Names that a module binds to something of its own at its top level, and those of them that
    are functions; None where it does not parse.
    """
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    functions: set[str] = set()
    for node in _top_level(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            functions ^= functions & {node.name}
            if not isinstance(node, ast.ClassDef):
                functions.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names), frozenset(functions)


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but what is inside of functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from _top_level(child)


def meant(tests: Sequence[ast.stmt], names: Sequence[str]) -> dict[str, str]:
    """Standard modules that tests use as such without importing them: `math.isclose(x, y)`."""
    used: dict[str, set[str]] = {}
    plain: set[str] = set()
    for node in (part for statement in tests for part in ast.walk(statement)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Name) and child.id in IMPORTABLE.intersection(names):
                if isinstance(node, ast.Attribute):
                    used.setdefault(child.id, set()).add(node.attr)
                else:
                    plain.add(child.id)
    return {
        name: name
        for name, members in used.items()
        if name not in plain and all(hasattr(import_module(name), part) for part in members)
    }
