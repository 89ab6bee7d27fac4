"""Likely mistakes that ruff has no rule for. Proves nothing: hints."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from editloop.python.syntax import parse_quietly

_USES = (ast.Expr, ast.If, ast.While, ast.IfExp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.BinOp)
"""What is done with a value and is never right with a coroutine."""
_STRIPS = {"lstrip": "removeprefix", "rstrip": "removesuffix"}


def likely_mistakes(source: str) -> Iterator[tuple[int, str]]:
    """Lines (0-based) with what is suspicious about them."""
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    own, texts = _coroutines(tree), _texts(tree)
    for above in ast.walk(tree):
        for call in ast.iter_child_nodes(above):
            if not isinstance(call, ast.Call):
                continue
            if _name(call.func) in own and _is_used(call, above):
                yield call.lineno - 1, f"{_name(call.func)} is a coroutine function: await the call"
            strip = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if strip in _STRIPS and [_name(one) in texts for one in call.args] == [True]:
                line = (call.func.end_lineno or call.lineno) - 1
                yield line, f"{strip} takes characters: {_STRIPS[strip]} takes a text"


def _coroutines(tree: ast.AST) -> set[str]:
    """Names of coroutine functions that nothing else in the file is called."""
    plain, own = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and not _yields(node):
            own.add(node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            plain.add(node.name)
    return own - plain


def _texts(tree: ast.Module) -> set[str]:
    """Names of the module's constants that are texts of different characters."""
    found = set[str]()
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            names, values = (
                part.elts if isinstance(part, ast.Tuple) else [part]
                for part in (node.targets[0], node.value)
            )
            for name, value in zip(names, values, strict=False):
                text = value.value if isinstance(value, ast.Constant) else None
                if isinstance(text, str) and any(c.isalnum() for c in text) and len(set(text)) > 1:
                    found.add(_name(name))
    return found


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
