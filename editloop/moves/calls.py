"""Kinds of moves that add to a line: arguments, subscripts, slices, conditions, ``self``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from editloop.moves.context import CodeLine, Context
from editloop.moves.expressions import operands
from editloop.moves.tables import COMMON_ATTRIBUTES, COMMON_BUILTINS, COMMON_METHODS
from editloop.python.lexer import ARITHMETIC, COMPARISONS, Shape, is_operand

RECEIVERS = ("self", "cls")
_MAX_ARGUMENTS = 6
_BETWEEN_TWO = ("+", "-", "*", "/", "//", "%", "<", "<=", ">", ">=", "==", "!=", "and", "or", "in")
_ONE_ARGUMENT = frozenset(
    [
        "len",
        "abs",
        "sqrt",
        "floor",
        "ceil",
        "upper",
        "lower",
        "isdigit",
        "isalpha",
        "keys",
        "values",
        "items",
    ]
)
_OF_ONE = (
    *("sort", "reverse", "lower", "upper", "strip", "split", "title", "capitalize"),
    *("copy", "keys", "values", "items", "pop"),
)
"""What a function that does not exist may do to its only argument."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MEANS = {
    **dict.fromkeys(("length", "size", "count"), "len"),
    **dict.fromkeys(("maximum", "largest", "biggest"), "max"),
    **dict.fromkeys(("minimum", "smallest"), "min"),
    **dict.fromkeys(("total", "add"), "sum"),
    **dict.fromkeys(("sort", "order"), "sorted"),
    **dict.fromkeys(("unique", "distinct"), "set"),
    "absolute": "abs",
    "integer": "int",
    "string": "str",
    "array": "list",
    "reverse": "reversed",
}
"""What a word in the name of a function that does not exist may mean."""
_NUMBERS = ("0", "1", "-1", "2")
_CONSTANTS = {
    **dict.fromkeys(("range", "pow", "round", "max", "min", "pop", "sum", "enumerate"), _NUMBERS),
    **dict.fromkeys(("insert", "int"), _NUMBERS),
    **dict.fromkeys(("get", "next", "getattr", "setdefault"), (*_NUMBERS, "None", "[]")),
}
_KEYS = ("key=len", "key=lambda x: x[1]", "key=lambda x: x[0]")
_OPTIONS = {
    **dict.fromkeys(("sorted", "sort"), ("reverse=True", *_KEYS)),
    **dict.fromkeys(("max", "min"), ("default=0", *_KEYS)),
}


def arguments(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Insert an argument: a name in scope or a small constant, first or last; an option."""
    sh = line.shape
    if sh.first in ("def", "class", "import", "from"):
        return
    for opener, closer in sh.pairs.items():
        if opener > closer or sh.tokens[opener].text != "(" or not opener:
            continue
        if not is_operand(sh.tokens[opener - 1]):
            continue
        callee = sh.tokens[opener - 1].text
        inner = closer > opener + 1
        for name in _argument_choice(line, callee):
            yield sh.insert(closer, f", {name}" if inner else name)
            if inner and name != "-1":
                yield sh.insert(opener + 1, f"{name}, ")
        for option in _OPTIONS.get(callee, ()):
            if option.split("=")[0] not in sh.text:
                yield sh.insert(closer, f", {option}" if inner else option)


def _argument_choice(line: CodeLine, callee: str) -> tuple[str, ...]:
    """What a call of ``callee`` may lack; nothing for functions that take one argument."""
    if callee in _ONE_ARGUMENT:
        return ()
    names = tuple(n for n in line.scope.variables if n not in ("self", "cls", "_"))
    choice = names[:_MAX_ARGUMENTS]
    if callee in line.scope.functions:
        changed = (f"{name} {sign} 1" for name in names[:_MAX_ARGUMENTS] for sign in "+-")
        return (*choice, *changed, "0", "1", "None", "True", "[]")
    return (*choice, *_CONSTANTS.get(callee, ()))


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of what does not exist: where its function begins, its brackets, its arguments."""

    start: int
    opener: int
    closer: int
    name: str
    arguments: tuple[str, ...]
    is_simple: bool
    """The only argument is a name, an attribute, a call or a subscript."""


def _calls_of_unknown(ctx: Context, sh: Shape) -> Iterator[_Call]:
    elements = dict(sh.groups)
    for opener, closer in sh.pairs.items():
        callee = sh.tokens[opener - 1] if 0 < opener < closer else None
        if callee is None or callee.text not in ctx.undefined or sh.tokens[opener].text != "(":
            continue
        start = min((s.start for s in sh.primaries if s.end == opener), default=opener - 1)
        spans = elements.get(opener, ())
        simple = len(spans) == 1 and spans[0] in sh.primaries
        yield _Call(start, opener, closer, callee.text, tuple(map(sh.slice, spans)), simple)


def unknown(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A call of what does not exist: a function or method that does, its arguments, or an operator
    between two of them."""
    sh = line.shape
    for call in _calls_of_unknown(ctx, sh):
        start, opener, end = call.start, call.opener, call.closer + 1
        if start < opener - 1:
            functions = (*line.scope.functions, *COMMON_BUILTINS)
            yield from (sh.put(start, opener, name) for name in functions)
            yield from (sh.put(opener - 1, opener, name) for name in COMMON_ATTRIBUTES)
            if not call.arguments:
                names = dict.fromkeys((*_got(call.name), *ctx.attributes[:6]))
                yield from (sh.put(opener - 1, end, name) for name in names)
        yield from (sh.put(start, end, argument) for argument in call.arguments)
        if start == 0 and end == sh.code_end:
            yield from (sh.put(0, end, f"return {argument}") for argument in call.arguments)
        yield sh.put(start, end, f"[{', '.join(call.arguments)}]")
        if call.is_simple:
            forms = ("[::-1]", *(f".{method}()" for method in _OF_ONE))
            yield from (sh.put(start, end, call.arguments[0] + form) for form in forms)
        if len(call.arguments) == 2:
            alone = _alone(sh, start, end)
            for operator in _BETWEEN_TWO:
                new = f" {operator} ".join(call.arguments)
                yield sh.put(start, end, new if alone else f"({new})")


def meant(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A call of what does not exist by what its name says: ``get_values(d)`` is ``d.values()``."""
    sh = line.shape
    for call in _calls_of_unknown(ctx, sh):
        start, end = call.start, call.closer + 1
        owner = sh.slice((start, call.opener - 2)) if start < call.opener - 1 else ""
        for word in map(str.lower, _WORD.findall(call.name)):
            function = _MEANS.get(word, word)
            if function in COMMON_BUILTINS and call.arguments:
                yield sh.put(start, call.opener, function)
            elif function in COMMON_BUILTINS and owner not in ("", "self"):
                yield sh.put(start, end, f"{function}({owner})")
            if call.is_simple and word == "reverse":
                yield sh.put(start, end, f"{call.arguments[0]}[::-1]")
            if call.is_simple and word in COMMON_METHODS:
                yield sh.put(start, end, f"{call.arguments[0]}.{word}()")
            if owner not in ("", "self") and word in COMMON_METHODS:
                yield sh.put(call.opener - 1, call.opener, word)


def _got(name: str) -> tuple[str, ...]:
    """The attribute behind another language's getter: ``next`` for ``getNext``."""
    rest = name.removeprefix("get").removeprefix("_")
    return (rest[0].lower() + rest[1:],) if rest and rest != name else ()


def _alone(sh: Shape, start: int, end: int) -> bool:
    """Whether no operator stands beside a run of tokens."""
    beside = {sh.tokens[i].text for i in (start - 1, end) if 0 <= i < len(sh.tokens)}
    return not beside & (ARITHMETIC | COMPARISONS | {"not", "."})


def slices(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Subscripts to slices and back, bounds, and new subscripts."""
    sh = line.shape
    for opener, closer in sh.pairs.items():
        if (
            opener > closer
            or sh.tokens[opener].text != "["
            or not opener
            or not is_operand(sh.tokens[opener - 1])
        ):
            continue
        inner = sh.slice((opener + 1, closer))
        colon = next((i for i in range(opener + 1, closer) if sh.tokens[i].text == ":"), None)
        if colon is None:
            choice = [f"{inner}:", f":{inner}", f"{inner} + 1:", f":{inner} + 1", f"-{inner}"]
        else:
            low, high = sh.slice((opener + 1, colon)), sh.slice((colon + 1, closer))
            choice = [low or "0", f":{high}", f"{low}:", f"{high}:", f":{low}", f"{low}:{high}:-1"]
            choice += ["::-1", "1:", ":-1", "::2", ":"]
            if low:
                choice += [f"{low} + 1:{high}", f"{low} - 1:{high}"]
            if high:
                choice += [f"{low}:{high} + 1", f"{low}:{high} - 1"]
        for new in choice:
            if new:
                yield sh.text[: sh.tokens[opener].end] + new + sh.text[sh.tokens[closer].start :]
    yield from _new_subscripts(ctx, line)


def subscripts(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Every subscript that is a name one further down, or further up; or none of them so."""
    sh = line.shape
    places = [
        (sh.tokens[opener + 1].end, sh.tokens[closer].start)
        for opener, closer in sorted(sh.pairs.items())
        if closer > opener > 0
        and sh.tokens[opener].text == "["
        and is_operand(sh.tokens[opener - 1])
        if sh.tokens[opener + 1].kind == "name"
    ]
    if len(places) < 2:
        return
    for tail in (" - 1", " + 1", ""):
        text = sh.text
        for start, end in reversed(places):
            if text[start:end].replace(" ", "") in ("", "-1", "+1"):
                text = text[:start] + tail + text[end:]
        yield text


def _new_subscripts(ctx: Context, line: CodeLine) -> Iterator[str]:
    sh = line.shape
    indices = [n for n in line.scope.variables if len(n) == 1 or n in ("idx", "index", "key")][:3]
    for span, before, after in operands(sh):
        first, last = sh.tokens[span.start], sh.tokens[span.end - 1]
        if first.kind != "name" or (first.text == "self" and span.end == span.start + 1):
            continue
        plain = span.end == span.start + 1
        if plain and first.text in line.scope.functions:
            continue
        subscripts, parts = ["0", "-1"], ["::-1", "1:", ":-1"]
        if last.text != ")":
            subscripts += indices
        if plain and first.text in ctx.counters:  # or a text that is added to
            subscripts, parts = [], ["::-1"]
        if before in ("in", "return", "=", "(", ",", "==") and after not in ("in", "["):
            subscripts += parts
        for subscript in subscripts:
            if subscript != first.text:
                yield sh.put(span.start, span.end, f"{sh.slice(span)}[{subscript}]")


def conditions(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Add a condition that another line of the function uses, or that a name is true."""
    sh = line.shape
    if sh.first not in ("if", "elif", "while"):
        return
    end = sh.code_end - sh.opens_block
    if end < 2:
        return
    others: dict[str, None] = {}
    for other in ctx.lines:
        found = other.shape
        if other.scope.start != line.scope.start or other.index == line.index:
            continue
        if found.first in ("if", "elif", "while"):
            others[found.slice((1, found.code_end - found.opens_block))] = None
    others.update(dict.fromkeys(line.scope.variables[:4]))
    for condition in [c for c in others if c][:6]:
        for word in ("and", "or"):
            yield sh.put(1, end, f"{sh.slice((1, end))} {word} {condition}")
        yield sh.put(1, end, f"{condition} and {sh.slice((1, end))}")


def with_first_parameter(header: Shape, name: str) -> str | None:
    """The header of a function with one more parameter in front; None for what is no header of one
    line, or has a receiver already."""
    tokens = header.tokens
    at = 2 if header.first == "def" else 3  # async def
    if len(tokens) <= at or tokens[at - 2].text != "def" or at not in header.pairs:
        return None
    if tokens[at + 1].text in RECEIVERS:
        return None
    end = tokens[at].end
    added = name if header.pairs.get(at) == at + 1 else f"{name}, "
    return header.text[:end] + added + header.text[end:]


def self_prefix(ctx: Context, line: CodeLine) -> Iterator[str]:
    """``self.`` before a name of a method; ``self`` as the first parameter."""
    sh = line.shape
    if "def" in [token.text for token in sh.tokens[:2]]:
        text = with_first_parameter(sh, "self") if sh.indent else None
        yield from [] if text is None else [text]
        return
    if not line.scope.is_method:
        return
    known = {*ctx.attributes, *ctx.methods, *ctx.undefined}
    for i, token in enumerate(sh.tokens):
        before = sh.tokens[i - 1].text if i else ""
        if token.kind == "name" and before != "." and token.text != "self" and token.text in known:
            yield sh.insert(i, "self.")
