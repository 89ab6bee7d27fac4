"""Splits `assert` expressions into what the candidate computes and what the host compares, and does
the comparing.

`f(2) == [4]` becomes the hole `f(2)`, which is sent, and the template `_0 == [4]`, which stays
here. Only the hole's source enters the candidate's process; the template is evaluated over plain
data by a small interpreter of a few node kinds. What does not fit raises Unsupported and is tested
by judge and player instead.
"""

from __future__ import annotations

import ast
import builtins
import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final


class Unsupported(ValueError):
    """Not expressible as calls and a comparison of plain data."""


@dataclass(frozen=True, slots=True)
class CallCheck:
    """One assertion: `exprs` are evaluated by the candidate, `template` (over _0, _1, ...) by the
    host.
    """

    exprs: tuple[str, ...]
    template: str


# Evaluated by the candidate around its own call: they carry no literal, so nothing about the
# expected value.
_WRAPPERS: Final = frozenset(
    [
        "list",
        "tuple",
        "set",
        "frozenset",
        "dict",
        "sorted",
        "sum",
        "len",
        "str",
        "repr",
        "min",
        "max",
        "int",
        "float",
        "bool",
        "any",
        "all",
        "abs",
        "round",
    ]
)
_HOST: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(builtins, name)
    for name in [
        "abs",
        "round",
        "len",
        "set",
        "sorted",
        "list",
        "tuple",
        "str",
        "sum",
        "min",
        "max",
        "all",
        "any",
        "int",
        "float",
        "bool",
        "frozenset",
        "dict",
    ]
}
_CONSTRUCT: Final[dict[str, Callable[..., Any]]] = {
    "set": set,
    "frozenset": frozenset,
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "float": float,
    "complex": complex,
}
_TYPES: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (int, float, str, bytes, bool, list, tuple, set, frozenset, dict, complex)
}
_MATH: Final = frozenset(
    [
        "isclose",
        "sqrt",
        "pi",
        "e",
        "inf",
        "nan",
        "floor",
        "ceil",
        "log",
        "log2",
        "log10",
        "sin",
        "cos",
        "tan",
        "exp",
        "pow",
        "isnan",
        "hypot",
    ]
)
_COMPARE: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_BINARY: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: Final[dict[type, Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}


def split(node: ast.expr, bound: frozenset[str] = frozenset()) -> CallCheck:
    """The check of one asserted expression.

    `bound`: names of the tests, unknown to the candidate. May raise Unsupported.
    """
    lifter = _Lifter(bound)
    template = lifter.lift(node)
    if not lifter.holes:
        raise Unsupported("no call")
    return CallCheck(tuple(lifter.holes), ast.unparse(template))


class _Lifter:
    def __init__(self, bound: frozenset[str]) -> None:
        self.bound = bound
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
        if isinstance(node, ast.Constant) or _is_math(node):
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
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
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
        if _is_math(node.func):
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
                isinstance(kind, ast.Name) and kind.id in _TYPES for kind in kinds
            )
        if node.func.id in ("sorted", "min", "max", "dict") and node.keywords:
            return False
        return node.func.id in _CONSTRUCT or (node.func.id in _HOST and self._holds_data(node))

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
            if (
                isinstance(owner, ast.Call)
                and (node.args or node.keywords)
                and not _is_class_call(owner)
            ):
                return False  # `f(x).startswith("ab")` would tell the candidate what is expected
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
                name not in _CONSTRUCT
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


def _is_class_call(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id[:1].isupper()


def _is_math(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "isclose"
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "math"
        and node.attr in _MATH
    )


@functools.lru_cache(4096)
def parse(template: str) -> ast.expr:
    """The template's tree."""
    return ast.parse(template, mode="eval").body


def evaluate(node: ast.expr, values: Sequence[Any]) -> Any:
    """The template's value over plain data; comparison errors come through as for any Python
    expression.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id.startswith("_"):
        return values[int(node.id[1:])]
    if isinstance(node, ast.Compare):
        left = evaluate(node.left, values)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = evaluate(part, values)
            if not _COMPARE[type(op)](left, right):
                return False
            left = right
        return True
    if isinstance(node, ast.BoolOp):
        value: Any = None
        for part in node.values:
            value = evaluate(part, values)
            if bool(value) is isinstance(node.op, ast.Or):
                break
        return value
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](evaluate(node.operand, values))
    if isinstance(node, ast.BinOp):
        return _binary(type(node.op), evaluate(node.left, values), evaluate(node.right, values))
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        items = [evaluate(part, values) for part in node.elts]
        return (
            items
            if isinstance(node, ast.List)
            else tuple(items)
            if isinstance(node, ast.Tuple)
            else set(items)
        )
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {
            evaluate(key, values): evaluate(item, values) for key, item in pairs if key is not None
        }
    if isinstance(node, ast.Attribute):
        return getattr(math, node.attr)
    if isinstance(node, ast.Call):
        return _call(node, values)
    raise Unsupported(type(node).__name__)


def _binary(op: type, left: Any, right: Any) -> Any:
    """Arithmetic that cannot be made to eat the host's time or memory."""
    numbers = isinstance(left, (int, float, complex)) and isinstance(right, (int, float, complex))
    bits = sum(abs(part).bit_length() for part in (left, right) if isinstance(part, int))
    if op is ast.Pow:
        if not numbers or (isinstance(right, int) and (abs(right) > 2000 or bits > 2000)):
            raise OverflowError("power")
    elif op in (ast.Mult, ast.FloorDiv, ast.Mod, ast.Div):
        if op is ast.Mult and not numbers:
            count, items = (left, right) if isinstance(left, int) else (right, left)
            if not isinstance(count, int) or count * len(items) > 1_000_000:
                raise OverflowError("repetition")
        elif not numbers or bits > 100_000:
            raise OverflowError("numbers")
    return _BINARY[op](left, right)


def _call(node: ast.Call, values: Sequence[Any]) -> Any:
    if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        kinds = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else [node.args[1]]
        return isinstance(
            evaluate(node.args[0], values),
            tuple(_TYPES[k.id] for k in kinds if isinstance(k, ast.Name)),
        )
    if isinstance(node.func, ast.Name) and node.func.id != "isclose":
        call = _CONSTRUCT.get(node.func.id) or _HOST[node.func.id]
    else:
        call = getattr(math, node.func.attr if isinstance(node.func, ast.Attribute) else "isclose")
    words = {
        word.arg: evaluate(word.value, values) for word in node.keywords if word.arg is not None
    }
    return call(*[evaluate(part, values) for part in node.args], **words)
