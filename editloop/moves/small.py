"""Small expressions over the names of a function: what a returned or assigned value may have been.

Enumerated by size, for values that were lost or are wrong altogether. They are many, so their kinds
come last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, permutations

from editloop.document.commands import Command
from editloop.moves.context import CodeLine, Context
from editloop.moves.inserts import Place, places
from editloop.python.scope import parameters

MAX_EXPRESSIONS = 240
"""For one place; those of few parts come first."""
_MAX_NAMES = 5
_OPERATORS = ("+", "-", "*", "//", "/", "%")
_FUNCTIONS = ("len", "sum", "max", "min", "sorted", "set", "list", "tuple", "str", "int", "abs")
_OF_EACH = ("sorted", "len", "sum", "max", "min", "str", "int", "list", "tuple", "set")
_COMPARISONS = ("<", "<=", "==", "!=")
_NO_VALUES = frozenset({"self", "cls", "_"})


def expressions(names: Sequence[str], functions: Sequence[str] = ()) -> Iterator[str]:
    """Texts without white space around them, smaller ones first."""
    called = (*functions[:3], *_FUNCTIONS)
    for v in names:
        yield from (f"{v}[0]", f"{v}[-1]", f"{v}[::-1]", f"not {v}", f"-{v}")
        yield from (f"{function}({v})" for function in called)
        yield from (f"{v} {op} {c}" for c in (1, 2) for op in ("+", "-", "*", "//", "%", "**"))
    for v, w in permutations(names, 2):
        first = names.index(v) < names.index(w)
        yield from (f"{v} {op} {w}" for op in _OPERATORS if first or op not in "+*")
        yield from (f"{v} {op} {w}" for op in ("==", "<", "<=", "in"))
        yield from (f"{v}[{w}]", f"{v}[{w} - 1]", f"{v}[:{w}]", f"{v}[{w}:]", f"({v}, {w})")
    for v in names:
        yield from (f"[{function}(x) for x in {v}]" for function in _OF_EACH)
        yield from (f"{v} * {v}", f"{v} * ({v} + 1)", f"{v} * ({v} - 1)", f"{v} * ({v} + 1) // 2")
        yield from (f"{v} % 2 == 0", f"{v} % 2 == 1", f"''.join({v})", f"len({v}) == 0")


def values(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A returned or plainly assigned value by another."""
    sh = line.shape
    start = 1 if sh.first == "return" else 2
    plain = len(sh.tokens) > 2 and sh.tokens[0].kind == "name" and sh.tokens[1].text == "="
    if sh.loose or not (start == 1 or plain):
        return
    head = sh.text[: sh.tokens[start - 1].end]
    for text in _chosen(line.scope.variables, line.scope.functions):
        yield f"{head} {text}"


def returns(ctx: Context) -> Iterator[Command]:
    """A ``return`` of such a value where a function ends."""
    for place in places(ctx):
        scope, below = place.scope, place.below
        if scope.start < 0 or (below is not None and below.scope.start == scope.start):
            continue
        margin = ctx.shapes[scope.start].indent
        inside = [x for x in place.indents if len(x) > len(margin)]
        if inside and place.above.shape.first not in ("return", "raise"):
            yield from _returned(place, place.index + 1, min(inside, key=len), scope.variables)


def bodies(ctx: Context) -> Iterator[Command]:
    """Commands that give a function which is only a header a small expression to return."""
    for place in places(ctx):
        header, below = place.above.shape, place.below
        empty = below is None or len(below.shape.indent) <= len(header.indent)
        if header.first == "def" and header.opens_block and empty:
            inside = header.indent + ctx.unit
            yield from _returned(place, place.above.number + 1, inside, parameters(header))


def _returned(place: Place, number: int, indent: str, names: Sequence[str]) -> Iterator[Command]:
    for text in _chosen(names, place.scope.functions):
        yield Command("ADDL", number, f"{indent}return {text}")


def conditions(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A condition and a comparison of two numbers of the function."""
    sh = line.shape
    end = sh.code_end - sh.opens_block
    if sh.first not in ("if", "elif", "while") or end < 2 or sh.loose:
        return
    numbers = [n for n in line.scope.variables if n in ctx.counters][:3]
    for v, w in permutations(numbers, 2):
        for op in _COMPARISONS:
            yield sh.put(1, end, f"{v} {op} {w} and {sh.slice((1, end))}")
            yield sh.put(1, end, f"{sh.slice((1, end))} or {v} {op} {w}")


def _chosen(variables: Sequence[str], functions: Sequence[str]) -> Iterator[str]:
    names = [n for n in variables if n not in _NO_VALUES][:_MAX_NAMES]
    return islice(expressions(names, functions), MAX_EXPRESSIONS)
