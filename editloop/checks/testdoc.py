"""Doctest examples: taken out of a trusted source, cut from a candidate's, and compared.

Runs nothing.
"""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from editloop.checks.doccompare import DocExample, DocGroup, planned
from editloop.document.text import split_lines
from editloop.python.syntax import parse_quietly
from editloop.sandbox.inner.show import show

CAP = 120


_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _documented(node: ast.AST) -> Iterator[ast.Constant]:
    """The docstrings of a module and all in it."""
    first = node.body[0] if isinstance(node, _Documented) and node.body else None
    doc = first.value if isinstance(first, ast.Expr) else None
    if isinstance(node, _Documented) and isinstance(doc, ast.Constant) and type(doc.value) is str:
        yield doc
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (_Documented, ast.If, ast.Try, ast.With)):
            yield from _documented(child)


class _Doc(NamedTuple):
    """A docstring with examples, and its constant's place as in ``ast``."""

    text: str
    lineno: int
    col_offset: int
    end_lineno: int
    end_col_offset: int


class _Read(NamedTuple):
    docs: tuple[_Doc, ...]
    objects: bool


@lru_cache(maxsize=4)
def _read(source: str) -> _Read:
    """What a plan and a run need of a module, by one parse, which is most of a large file's cost;
    remembered for the last ones. Raises what ``ast.parse`` does.
    """
    tree = parse_quietly(source)
    found = _documented(tree) if ">>>" in source else ()
    docs = tuple(
        _Doc(str(doc.value), doc.lineno, doc.col_offset, end, doc.end_col_offset or 0)
        for doc in found
        if ">>>" in str(doc.value) and (end := doc.end_lineno)
    )
    return _Read(docs, _has_objects(tree))


def extract(source: str) -> tuple[DocGroup, ...]:
    """Examples by docstring, in order; () when the source does not parse."""
    if ">>>" not in source:
        return ()
    try:
        docs = _read(source).docs
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(planned(group) for doc in docs if (group := _examples(doc)))


def has_objects(source: str) -> bool:
    """Whether a module may answer with objects that equal plain data and are none: it has classes,
    or uses modules that may, or does not parse.
    """
    try:
        return _read(source).objects
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


def _examples(doc: _Doc) -> DocGroup:
    """A docstring's examples; malformed prompts are none."""
    try:
        parsed = doctest.DocTestParser().get_examples(doc.text)
    except ValueError:
        return ()
    return tuple(
        _example(example, doc.lineno) for example in parsed if not example.options.get(doctest.SKIP)
    )


def _example(example: doctest.Example, first: int) -> DocExample:
    flags = sum(flag for flag, on in example.options.items() if on)
    return DocExample(example.source, example.want, example.exc_msg, flags, first + example.lineno)


_PLAIN: Final = frozenset(
    [
        *("__future__", "typing", "math", "cmath", "re", "string", "itertools", "functools"),
        *("collections", "operator", "random", "sys", "os", "json", "heapq", "bisect", "copy"),
        "time",
    ]
)
"""Modules that make no objects which equal plain data and are none."""


def _has_objects(tree: ast.Module) -> bool:
    nodes = list(_statements(tree.body))
    used = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    used |= {n.module or "." for n in nodes if isinstance(n, ast.ImportFrom)}
    return any(isinstance(node, ast.ClassDef) for node in nodes) or not used <= _PLAIN


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements, with the handlers and cases that hold some; no expression, as these are most
    of a tree."""
    stack = list(body)
    while stack:
        node = stack.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            stack += getattr(node, field, ())


def cut(source: str) -> str:
    """The source with every docstring that holds examples emptied; line numbers stay. Raises
    SyntaxError.
    """
    raw = [(line.text + line.end).encode() for line in split_lines(source)]
    for doc in sorted(_read(source).docs, key=lambda doc: doc.lineno, reverse=True):
        first, last = doc.lineno - 1, doc.end_lineno - 1
        head, tail = raw[first][: doc.col_offset], raw[last][doc.end_col_offset :]
        raw[first : last + 1] = [head + b'"""' + b"\n" * (last - first) + b'"""' + tail]
    return b"".join(raw).decode()


def passes(example: DocExample, out: str, error: str | None) -> bool:
    """Doctest's own comparison.

    `error`: the last line of the traceback's text, None when nothing was raised.
    """
    checker = doctest.OutputChecker()
    if error is None:
        return example.error is None and checker.check_output(example.want, out, example.flags)
    if example.error is None:
        return False
    if checker.check_output(example.error, error, example.flags):
        return True
    if not example.flags & doctest.IGNORE_EXCEPTION_DETAIL:
        return False
    return checker.check_output(_kind(example.error), _kind(error), example.flags)


def _kind(message: str) -> str:
    """The exception's name without module and detail."""
    return message.partition("\n")[0].partition(":")[0].rpartition(".")[2]


def wanted_text(example: DocExample) -> str:
    """What the example expects, short."""
    text = (example.error if example.error is not None else example.want).rstrip("\n")
    return text if len(text) <= CAP else show(text)
