"""Calls of a file's own coroutine functions that nobody awaits. Proves nothing: a hint."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from editloop.checks.syntax import parse_quietly

_USES = (ast.Expr, ast.If, ast.While, ast.IfExp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.BinOp)
"""What is done with a value and is never right with a coroutine."""


def unawaited(source: str) -> Iterator[tuple[int, str]]:
    """The line (0-based) of each such call whose value is used, or dropped, as it is; and why it is
    suspicious. A name that is also defined by a plain ``def`` is left alone."""
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    plain, own = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and not _yields(node):
            own.add(node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            plain.add(node.name)
    for call, above in _parents(tree):
        if isinstance(call, ast.Call) and _name(call.func) in own - plain and _is_used(call, above):
            yield call.lineno - 1, f"{_name(call.func)} is a coroutine function: await the call"


def _parents(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for above in ast.walk(tree):
        for node in ast.iter_child_nodes(above):
            yield node, above


def _is_used(call: ast.Call, above: ast.AST) -> bool:
    """Whether it stands where an awaited value would have to."""
    if isinstance(above, ast.Attribute | ast.Subscript):
        return above.value is call
    if isinstance(above, ast.For):
        return above.iter is call
    return isinstance(above, _USES)


def _name(node: ast.expr) -> str:
    """Of a function or an own method that is called; "" for what may be anybody's."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr if node.value.id in ("self", "cls") else ""
    return node.id if isinstance(node, ast.Name) else ""


def _yields(function: ast.AsyncFunctionDef) -> bool:
    """Whether it is a generator, which is not awaited."""
    return any(isinstance(node, ast.Yield) for node in ast.walk(function))
