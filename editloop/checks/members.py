"""Attributes of ``self`` that nothing gives it, which ruff does not look for.

Only classes that the file itself makes instances of: others may be mixins, whose attributes come
from elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from editloop.checks.calls import Wrong
from editloop.python.module import Class, Module, names_bound

_DYNAMIC = frozenset({"setattr", "__setattr__", "vars", "locals", "exec", "__dict__"})
_ANYTHING = frozenset({"__getattr__", "__getattribute__"})


def missing_members(module: Module) -> Iterator[Wrong]:
    """Attributes that neither the class binds nor the file stores or spells in a string.

    Names such as ``__doc__`` come from the language.
    """
    if not module.classes or not _DYNAMIC.isdisjoint(_words(module)):
        return
    made = {
        node.func.id
        for node in module.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for name, own in module.classes.items():
        if name in made and _ANYTHING.isdisjoint(own.members):
            yield from _missing(module, own)


def _missing(module: Module, own: Class) -> Iterator[Wrong]:
    known = set(names_bound(_level(own.node)))
    known |= {*module.stored, *_strings(module)}
    for this, nodes in own.uses:
        for node in nodes:
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                continue
            if node.value.id == this and not (node.attr in known or node.attr.endswith("__")):
                text = f"'{own.node.name}' object has no attribute '{node.attr}'"
                yield node, "E1101", text


def _words(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _strings(module: Module) -> Iterator[str]:
    """Words of short strings, as ``hasattr`` and ``__slots__`` have them."""
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
            yield from node.value.replace(",", " ").split()


def _level(node: ast.ClassDef) -> Iterator[ast.AST]:
    """The nodes of a class body, without the insides of functions and classes."""
    todo: list[ast.AST] = list(node.body)
    while todo:
        child = todo.pop()
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(child))
