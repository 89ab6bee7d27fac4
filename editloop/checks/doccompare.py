"""Doctest examples that compare: `>>> f(3) == 10`, `>>> assert f(3) in (9, 10)`.

Run as they are, they would tell the candidate's process what is expected, and believe what it makes
of it. So the host compares, over answers that crossed as plain data; what it cannot compare is run
as it is and is weaker evidence. Runs no candidate code.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from editloop.checks.templates import Foreign, Unsupported, evaluate, parse
from editloop.checks.testexpr import CallCheck, split
from editloop.sandbox import plain
from editloop.sandbox.inner.decode import BadValue, ForeignValue

ITSELF: Final = "the example compares inside of the file's own process"
_TRUTHS: Final = ("True", "False", "0", "0.0")
"""What a candidate can guess that an example of a comparison, or a difference, shows."""


@dataclass(frozen=True, slots=True)
class DocExample:
    """One `>>>` example: its source, the output or the exception it wants, doctest's option flags,
    its file line.

    `check`: for one that compares, how the host does it instead of the candidate's process, None
    where it need not or cannot; `weak`: why a pass is then weaker evidence.
    """

    source: str
    want: str
    error: str | None
    flags: int
    line: int
    check: CallCheck | None = None
    weak: str = ""


DocGroup = tuple[DocExample, ...]
"""The examples of one docstring: they share a namespace."""


class Raised(Exception):
    """What an expression of the example raised: doctest's text of it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What the example would have shown at a prompt: output, and the exception's text or None."""

    out: str
    error: str | None


def planned(group: Sequence[DocExample]) -> tuple[DocExample, ...]:
    """The examples of one docstring, each that compares with its check, or marked as weak."""
    constants: dict[str, ast.expr] = {}
    tainted: set[str] = set()
    out = []
    for example in group:
        try:
            body = ast.parse(example.source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            out.append(example)
            continue
        guessed = example.want.strip() in _TRUTHS
        check = _check(body, constants)
        weak = check.weak if check and guessed else ""
        if check is None or not (example_asserts(example) or _asks(check, guessed)):
            check = None
            reads = tainted.intersection(_read(body))
            compares = bool(reads) or any(map(_compares, body))
            weak = weak or (ITSELF if compares and _can_guess(example, body) else "")
            tainted = tainted | set(_bound(body)) if compares else tainted - set(_bound(body))
        bound = set(_bound(body))
        constants = {name: node for name, node in constants.items() if name not in bound}
        constants |= _constants(body)
        out.append(replace(example, check=check, weak=weak))
    return tuple(out)


def _check(body: Sequence[ast.stmt], constants: dict[str, ast.expr]) -> CallCheck | None:
    """The check of an example that is one expression or one assertion."""
    if len(body) != 1 or not isinstance(body[0], (ast.Expr, ast.Assert)):
        return None
    node = body[0].value if isinstance(body[0], ast.Expr) else body[0].test
    node = _Filled(constants).visit(copy.deepcopy(node))
    try:
        return split(node, methods=True)
    except Unsupported:
        return None


def _can_guess(example: DocExample, body: Sequence[ast.stmt]) -> bool:
    """Whether who reads the example may guess what it should show: a truth, nothing, or what stands
    in it. A definition shows nothing and says nothing.
    """
    if all(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in body):
        return False
    want = example.want.strip()
    return want in _TRUTHS or want.strip("'\"") in example.source


def example_asserts(example: DocExample) -> bool:
    """Whether an example is an assertion: it shows nothing unless it fails."""
    return example.source.lstrip().startswith("assert")


def _asks(check: CallCheck, guessed: bool) -> bool:
    """Whether the host compares, and does not only show answers. ``guessed``: what is shown can be
    guessed, so that arithmetic is a comparison too.
    """
    nodes = list(ast.walk(parse(check.template)))
    if any(isinstance(node, (ast.Compare, ast.Not)) or _is_instance(node) for node in nodes):
        return True
    return guessed and any(isinstance(node, (ast.BinOp, ast.Call)) for node in nodes)


class _Filled(ast.NodeTransformer):
    """Names that stand for constants of the example, as these."""

    def __init__(self, constants: dict[str, ast.expr]) -> None:
        self._constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._constants.get(node.id, node)


def _constants(body: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    """`want = 10`: nothing that the candidate could change."""
    if len(body) != 1 or not isinstance(body[0], ast.Assign):
        return {}
    value, targets = body[0].value, body[0].targets
    if isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant):
        fixed = True
    else:
        fixed = isinstance(value, ast.Constant)
    return {t.id: value for t in targets if fixed and isinstance(t, ast.Name)}


def _read(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in ast.walk(ast.Module(list(body), [])):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def _bound(body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in ast.walk(ast.Module(list(body), [])):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name


def _compares(node: ast.AST) -> bool:
    """Whether its outcome hangs on a comparison. What only chooses among data (a lambda that is
    handed over, the condition of a comprehension) is no such thing.
    """
    if isinstance(node, ast.Lambda):
        return False
    if isinstance(node, (ast.Compare, ast.Assert, ast.Match)) or _is_instance(node):
        return True
    skipped = node.ifs if isinstance(node, ast.comprehension) else []
    return any(_compares(child) for child in ast.iter_child_nodes(node) if child not in skipped)


def _is_instance(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("isinstance", "issubclass")
    )


def compare(example: DocExample, check: CallCheck, frame: dict[str, Any]) -> Compared:
    """What the example shows, by the candidate's answers. Raises ForeignValue where an object would
    have to say itself, and BadValue for what is no answer.
    """
    answers, out = frame.get("rets"), frame.get("out")
    if not isinstance(answers, list) or len(answers) != len(check.exprs):
        raise BadValue("malformed answer")
    if not isinstance(out, str) or not all(isinstance(answer, dict) for answer in answers):
        raise BadValue("malformed answer")
    try:
        value = evaluate(parse(check.template), [_value(answer) for answer in answers])
        if example_asserts(example):
            return Compared(out, None if value else "AssertionError\n")
        return Compared(out if value is None else f"{out}{value!r}\n", None)
    except Raised as raised:
        return Compared(out, str(raised))
    except (ForeignValue, BadValue):
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        return Compared(out, f"{type(error).__name__}: {error}\n")


def _value(answer: dict[str, Any]) -> Any:
    if isinstance(answer.get("text"), str):
        return Raised(answer["text"])
    try:
        return plain.decode_plain(answer.get("ret"))
    except ForeignValue as foreign:
        return Foreign(str(foreign))
