"""Calls that raise a TypeError for sure: wrong arguments of a function, class or method of the same
file. Codes and meanings are pylint's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from editloop.python.module import Class, Function, Module

Wrong = tuple[ast.expr, str, str]
"""Where, code, message."""


def wrong_calls(module: Module) -> Iterator[Wrong]:
    """The first fault of each call of the file's own functions and classes that cannot be right."""
    for node in module.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from _plain_call(module, node, node.func.id)
    for made in module.classes.values():
        yield from _own_calls(module, made)


def _plain_call(module: Module, call: ast.Call, name: str) -> Iterator[Wrong]:
    if name in module.functions:
        yield from _mismatch(call, module.functions[name], name, bound=0)
    elif name in module.classes and "__new__" not in module.classes[name].members:
        made = module.classes[name]
        if "__init__" in made.methods:
            yield from _mismatch(call, made.methods["__init__"], name, bound=1)


def _own_calls(module: Module, made: Class) -> Iterator[Wrong]:
    for this, nodes in made.uses:
        for node in nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner, name = node.func.value, node.func.attr
            own = isinstance(owner, ast.Name) and owner.id == this
            if own and name in made.methods and name not in module.stored:
                yield from _mismatch(node, made.methods[name], name, bound=1)


def _mismatch(call: ast.Call, function: Function, name: str, *, bound: int) -> Iterator[Wrong]:
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
        yield call.func, "E1121", f"{name}() takes {most} arguments but {had} were given"
        return
    known = {arg.arg for arg in (*taken.args, *taken.kwonlyargs)}
    for keyword in keywords:
        if keyword not in known and taken.kwarg is None:
            text = f"{name}() got an unexpected keyword argument '{keyword}'"
            yield call.func, "E1123", text
            return
    needed = positional[given : len(positional) - len(taken.defaults)]
    needed += [
        arg.arg
        for arg, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
        if default is None
    ]
    missing = [arg for arg in needed if arg not in keywords]
    if missing:
        yield call.func, "E1120", f"{name}() lacks a value for '{missing[0]}'"
