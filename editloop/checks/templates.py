"""The host's side of a comparison: the few node kinds and names that a template may hold, and the
small interpreter that evaluates it over plain data. Never runs the candidate's source.
"""

from __future__ import annotations

import ast
import builtins
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from editloop.sandbox.inner.decode import ForeignValue, spread


class Unsupported(ValueError):
    """Not expressible as calls and a comparison of plain data."""


class Foreign:
    """Stands for an answer that is no plain data: only that it is no None, True or False is known.
    Whatever else is asked of it raises ForeignValue with the name of its type.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def refuse(self, *_: object) -> Any:
        raise ForeignValue(self.kind)

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __len__ = refuse
    __iter__ = __contains__ = __hash__ = __str__ = __repr__ = __float__ = __int__ = refuse
    __abs__ = __neg__ = __round__ = refuse


def _spread(kind: Callable[..., Any]) -> Callable[..., Any]:
    """A set's or a dict's constructor that refuses what would cost quadratic time."""

    def construct(*args: Any, **words: Any) -> Any:
        parts = [list(part.items()) if isinstance(part, dict) else list(part) for part in args]
        for part in parts:
            spread([pair[0] for pair in part] if kind is dict else part)
        return kind(*parts, **words)

    return construct


def _sum(items: Any, start: Any = 0) -> Any:
    """Of numbers: anything else, and long numbers, could be made to take quadratic time."""
    items = list(items)
    if not all(isinstance(part, (int, float, complex)) for part in (*items, start)):
        raise TypeError("sum of other things than numbers")
    bits = max((part.bit_length() for part in items if isinstance(part, int)), default=0)
    if bits * len(items) > 100_000_000:
        raise OverflowError("sum")
    return sum(items, start)


def _round(value: Any, digits: Any = None) -> Any:
    if digits is not None and (not isinstance(digits, int) or abs(digits) > 1000):
        raise OverflowError("round")
    return round(value, digits)


_BUILTINS: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(builtins, name)
    for name in [
        *("abs", "round", "len", "set", "sorted", "list", "tuple", "str", "sum", "min", "max"),
        *("all", "any", "int", "float", "bool", "frozenset", "dict"),
    ]
}
HOST: Final = _BUILTINS | {"sum": _sum, "round": _round}
CONSTRUCT: Final[dict[str, Callable[..., Any]]] = {
    "set": _spread(set),
    "frozenset": _spread(frozenset),
    "list": list,
    "tuple": tuple,
    "dict": _spread(dict),
    "float": float,
    "complex": complex,
}
_SETS: Final = "issubset issuperset isdisjoint difference union intersection symmetric_difference"
METHODS: Final[dict[type, frozenset[str]]] = {
    kind: frozenset(names.split())
    for kind, names in {
        str: "startswith endswith isdigit isalpha isalnum isupper islower isspace istitle isnumeric"
        " isdecimal isidentifier isprintable isascii count find rfind index rindex upper lower"
        " title strip lstrip rstrip split rsplit splitlines",
        bytes: "startswith endswith count find index",
        list: "count index",
        tuple: "count index",
        dict: "get keys values items",
        set: _SETS,
        frozenset: _SETS,
        float: "is_integer",
    }.items()
}
"""What may be asked of an answer that is plain data; it is asked of the host's own copy of it."""
METHOD_NAMES: Final = frozenset().union(*METHODS.values())
TYPES: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (int, float, str, bytes, bool, list, tuple, set, frozenset, dict, complex)
}
MATH: Final = frozenset(
    [
        *("isclose", "sqrt", "pi", "e", "inf", "nan", "floor", "ceil", "log", "log2", "log10"),
        *("sin", "cos", "tan", "exp", "pow", "isnan", "hypot"),
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
BINARY: Final[dict[type, Callable[[Any, Any], Any]]] = {
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


@functools.lru_cache(4096)
def parse(template: str) -> ast.expr:
    """The template's tree."""
    return ast.parse(template, mode="eval").body


def evaluate(node: ast.expr, values: Sequence[Any]) -> Any:
    """The template's value over plain data; comparison errors come through as for any Python
    expression. A value that is an exception is raised where it is needed.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id.startswith("_"):
        answer = values[int(node.id[1:])]
        if isinstance(answer, Exception):
            raise answer
        return answer
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
            else set(spread(items))
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


def is_math(node: ast.expr) -> bool:
    """`math.NAME` of the names that are known here, or `isclose`."""
    if isinstance(node, ast.Name):
        return node.id == "isclose"
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "math"
        and node.attr in MATH
    )


def _method(owner: Any, node: ast.Call, values: Sequence[Any]) -> Any:
    assert isinstance(node.func, ast.Attribute)
    if isinstance(owner, Foreign):
        raise ForeignValue(owner.kind)
    if node.func.attr not in METHODS.get(type(owner), ()):
        raise AttributeError(f"{type(owner).__name__!r} has no {node.func.attr!r} here")
    args = [evaluate(part, values) for part in node.args]
    if type(owner) in (set, frozenset):
        args = [spread(list(part)) for part in args]
    return getattr(owner, node.func.attr)(*args)


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
    return BINARY[op](left, right)


def _call(node: ast.Call, values: Sequence[Any]) -> Any:
    if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        kinds = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else [node.args[1]]
        return isinstance(
            evaluate(node.args[0], values),
            tuple(TYPES[k.id] for k in kinds if isinstance(k, ast.Name)),
        )
    if isinstance(node.func, ast.Attribute) and not is_math(node.func):
        return _method(evaluate(node.func.value, values), node, values)
    if isinstance(node.func, ast.Name) and node.func.id != "isclose":
        call = CONSTRUCT.get(node.func.id) or HOST[node.func.id]
    else:
        call = getattr(math, node.func.attr if isinstance(node.func, ast.Attribute) else "isclose")
    words = {
        word.arg: evaluate(word.value, values) for word in node.keywords if word.arg is not None
    }
    return call(*[evaluate(part, values) for part in node.args], **words)
