"""Splits `assert` expressions into what the candidate computes and what the host compares.

`f(2) == [4]` becomes the hole `f(2)`, which is sent, and the template `_0 == [4]`, which stays
here. Only the hole's source enters the candidate's process; the template is evaluated by
`templates`. What does not fit raises Unsupported and is tested by judge and player instead.
"""

from __future__ import annotations

import ast
import builtins
import sys
from dataclasses import dataclass
from typing import Final

from editloop.checks.templates import (
    BINARY,
    CONSTRUCT,
    HOST,
    METHOD_NAMES,
    TYPES,
    Unsupported,
    is_math,
)

# Evaluated by the candidate around its own call: they carry no literal, so nothing about the
# expected value.
_WRAPPERS: Final = frozenset(
    [
        *("list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "len", "str", "repr"),
        *("min", "max", "int", "float", "bool", "any", "all", "abs", "round"),
    ]
)


@dataclass(frozen=True, slots=True)
class CallCheck:
    """One assertion: `exprs` are evaluated by the candidate, `template` (over _0, _1, ...) by the
    host. `weak`: why a pass is weaker evidence, "" where it is not.
    """

    exprs: tuple[str, ...]
    template: str
    weak: str = ""


def split(
    node: ast.expr, bound: frozenset[str] = frozenset(), *, methods: bool = False
) -> CallCheck:
    """The check of one asserted expression.

    `bound`: names of the tests, unknown to the candidate. `methods`: a method that built-in values
    have, called on an answer, is asked of the answer by the host; else that is Unsupported.
    May raise Unsupported.
    """
    lifter = _Lifter(bound, methods)
    template = lifter.lift(node)
    if not lifter.holes:
        raise Unsupported("no call")
    weak = judged_by(node)
    if weak in STANDARD:
        raise Unsupported("the library's own function compares")
    return CallCheck(tuple(lifter.holes), ast.unparse(template), weak and HELPER)


HELPER: Final = "a function of the file compares"
STANDARD: Final = frozenset(sys.stdlib_module_names)


def judged_by(node: ast.expr) -> str:
    """The name that decides an assertion `close(f(1), 0.5)` or `m.close(f(1), 0.5)`: called with an
    answer and something beside it, and nothing but the truth of what it says is asked. "" for
    assertions of other forms.
    """
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node = node.operand
    if isinstance(node, ast.BoolOp):
        return next(filter(None, map(judged_by, node.values)), "")
    if not isinstance(node, ast.Call) or len(node.args) + len(node.keywords) < 2:
        return ""
    owner = node.func
    while isinstance(owner, ast.Attribute):
        owner = owner.value
    if not isinstance(owner, ast.Name) or hasattr(builtins, owner.id) or is_math(node.func):
        return ""
    inputs = [*node.args, *(word.value for word in node.keywords)]
    answers = [part for part in inputs if _has_answer(part)]
    return owner.id if answers and len(answers) < len(inputs) else ""


def _has_answer(node: ast.expr) -> bool:
    if isinstance(node, ast.Lambda):
        return False
    return any(isinstance(part, ast.Call) and not _makes_value(part) for part in ast.walk(node))


class _Lifter:
    def __init__(self, bound: frozenset[str], methods: bool) -> None:
        self.bound = bound
        self.methods = methods
        self.holes: list[str] = []

    def lift(self, node: ast.expr) -> ast.expr:
        if self.is_data(node):
            if any(isinstance(part, ast.Name) and part.id in self.bound for part in ast.walk(node)):
                raise Unsupported("uses a name of the tests")
            if any(
                isinstance(part, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr))
                for part in ast.walk(node)
            ):
                raise Unsupported("not a plain expression")
            self.holes.append(ast.unparse(node))
            return ast.Name(f"_{len(self.holes) - 1}", ast.Load())
        if isinstance(node, ast.Constant) or is_math(node):
            return node
        if isinstance(node, ast.Compare):
            if any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops) and not all(
                isinstance(part, ast.Constant) and part.value in (None, True, False)
                for part in node.comparators
            ):
                raise Unsupported("identity")
            sides = []
            asking = 0
            for part in (node.left, *node.comparators):
                before = len(self.holes)
                sides.append(self.lift(part))
                asking += len(self.holes) > before
            if (
                asking > 1
            ):  # `f(x) == Counter([1])`: an expected value must not be computed by the candidate
                raise Unsupported("both sides are calls")
            return ast.Compare(sides[0], node.ops, sides[1:])
        if isinstance(node, ast.BoolOp):
            return ast.BoolOp(node.op, [self.lift(part) for part in node.values])
        if isinstance(node, ast.UnaryOp):
            return ast.UnaryOp(node.op, self.lift(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            return ast.BinOp(self.lift(node.left), node.op, self.lift(node.right))
        return self._lift_display(node)

    def _lift_display(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.List):
            return ast.List([self.lift(part) for part in node.elts], ast.Load())
        if isinstance(node, ast.Tuple):
            return ast.Tuple([self.lift(part) for part in node.elts], ast.Load())
        if isinstance(node, ast.Set):
            return ast.Set([self.lift(part) for part in node.elts])
        if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
            keys: list[ast.expr | None] = [self.lift(key) for key in node.keys if key is not None]
            return ast.Dict(keys, [self.lift(part) for part in node.values])
        if isinstance(node, ast.Call) and self.methods and _asks_value(node):
            assert isinstance(node.func, ast.Attribute)
            func = ast.Attribute(self.lift(node.func.value), node.func.attr, ast.Load())
            return ast.Call(func, [self.lift(part) for part in node.args], [])
        if isinstance(node, ast.Call) and self._is_host_call(node):
            if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
                return ast.Call(node.func, [self.lift(node.args[0]), node.args[1]], [])
            words = [ast.keyword(word.arg, self.lift(word.value)) for word in node.keywords]
            return ast.Call(node.func, [self.lift(part) for part in node.args], words)
        raise Unsupported(type(node).__name__)

    def _is_host_call(self, node: ast.Call) -> bool:
        if any(isinstance(part, ast.Starred) for part in node.args) or any(
            word.arg is None for word in node.keywords
        ):
            return False
        if is_math(node.func):
            return True
        if not isinstance(node.func, ast.Name) or node.func.id in self.bound:
            return False
        if node.func.id == "isinstance":
            kinds = (
                node.args[1].elts
                if len(node.args) == 2 and isinstance(node.args[1], ast.Tuple)
                else node.args[1:]
            )
            return len(node.args) == 2 and all(
                isinstance(kind, ast.Name) and kind.id in TYPES for kind in kinds
            )
        if node.func.id in ("sorted", "min", "max", "dict") and node.keywords:
            return False
        return node.func.id in CONSTRUCT or (node.func.id in HOST and self._holds_data(node))

    def _holds_data(self, node: ast.Call) -> bool:
        return any(
            self.is_data(part)
            for arg in node.args
            for part in ast.walk(arg)
            if isinstance(part, ast.expr)
        )

    def is_data(self, node: ast.expr) -> bool:
        """Whether the candidate computes all of this, from inputs alone."""
        if isinstance(node, ast.Name):
            return (
                not hasattr(builtins, node.id)
                and node.id not in self.bound
                and node.id not in ("math", "isclose")
            )
        if isinstance(node, ast.Attribute):
            return self.is_data(node.value)
        if isinstance(node, ast.Subscript):
            return self.is_data(node.value) and _is_literal(node.slice)
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if (node.args or node.keywords) and _is_answer(owner):
                return False  # `f(x).startswith("ab")` would tell the candidate what is expected
            if self.methods and node.args and _asks_value(node):
                return False
            return self.is_data(owner)
        if isinstance(node.func, ast.Call):
            return self.is_data(node.func)
        if not isinstance(node.func, ast.Name):
            return False
        name = node.func.id
        if name in _WRAPPERS and node.args and self.is_data(node.args[0]):
            return (len(node.args) == 1 and not node.keywords) or (
                name == "round" and len(node.args) == 2
            )
        if hasattr(builtins, name):
            # `sum(10, 15)` can only mean the candidate's own sum; a constructor of
            # literals is an expected value.
            inputs = [*node.args, *(word.value for word in node.keywords)]
            return (
                name not in CONSTRUCT
                and name != "isinstance"
                and all(_is_literal(part) for part in inputs)
            )
        return self.is_data(node.func)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return isinstance(node, ast.Slice)
    return True


def _is_answer(node: ast.expr) -> bool:
    """A call, or a part of what it returned."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return isinstance(node, ast.Call) and not is_class_call(node)


def _asks_value(node: ast.Call) -> bool:
    """`x.startswith("ab")`: a method that built-in values have, of something that is no class."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in METHOD_NAMES
        and not node.keywords
        and not any(isinstance(part, ast.Starred) for part in node.args)
        and not (isinstance(node.func.value, ast.Call) and is_class_call(node.func.value))
    )


def _makes_value(node: ast.Call) -> bool:
    """`Point(1, 2)` or `float("nan")`."""
    return is_class_call(node) or (
        isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id)
    )


def is_class_call(node: ast.Call) -> bool:
    """Whether a call makes an object of a class, judged by the name that is called."""
    return isinstance(node.func, ast.Name) and node.func.id[:1].isupper()
