"""Writing a right answer down as a doctest, in the docstring of what was called."""

from __future__ import annotations

import ast

from editloop.document.text import split_lines
from editloop.python.syntax import parse_quietly
from editloop.trust.asking import as_doctest

_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)
_QUOTES = ('"""', "'''")
_Documented = ast.FunctionDef | ast.ClassDef


def with_example(source: str, call: str, answer: str) -> str | None:
    """The source with an example at the end of a docstring, which is made where there is none. None
    where no function or class of the source is called, or a docstring cannot hold the example.
    """
    try:
        tree = parse_quietly(source)
        name = next(n.id for n in ast.walk(ast.parse(call, mode="eval")) if isinstance(n, ast.Name))
    except (*_ERRORS, StopIteration):
        return None
    found = (n for n in tree.body if isinstance(n, _Documented) and n.name == name)
    node = next(found, None)
    example = as_doctest(call, answer)
    if node is None or "\\" in example or any(quote in example for quote in _QUOTES):
        return None
    lines = [(line.text, line.end or "\n") for line in split_lines(source)]
    kept = _added(node, [text for text, _ in lines], _texts(example))
    if kept is None:
        return None
    at, old, new = kept
    end = lines[min(at, len(lines) - 1)][1]
    lines[at : at + old] = [(text, end) for text in new]
    made = "".join(text + ending for text, ending in lines)
    try:
        parse_quietly(made)
    except _ERRORS:
        return None
    return made


def _texts(example: str) -> list[str]:
    return [line.text for line in split_lines(example)]


def _added(
    node: _Documented, texts: list[str], example: list[str]
) -> tuple[int, int, list[str]] | None:
    """Where lines are replaced (0-based), how many, and by what; None where it cannot be done."""
    first = node.body[0]
    if first.lineno == node.lineno:
        return None  # the body stands behind the colon
    indent = texts[first.lineno - 1][: first.col_offset]
    block = [f"{indent}{line}" for line in example]
    value = first.value if isinstance(first, ast.Expr) else None
    if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        return first.lineno - 1, 0, [f'{indent}"""', *block, f'{indent}"""']
    assert value.end_lineno is not None
    last = value.end_lineno - 1
    encoded = texts[last].encode()
    until, rest = encoded[: value.end_col_offset].decode(), encoded[value.end_col_offset :].decode()
    quote = until[-3:]
    if quote not in _QUOTES:
        return None
    said = until[:-3].rstrip()
    closing = f"{indent}{quote}{rest}"
    if not said:
        return last, 1, [*block, closing]
    return last, 1, [said, *([] if _is_example(value.value) else [""]), *block, closing]


def _is_example(text: str) -> bool:
    """Whether a docstring ends with an example already."""
    return ">>>" in text.rstrip().rpartition("\n\n")[2]
