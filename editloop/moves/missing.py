"""Definitions of names that nothing binds: what a person would write without thinking.

``self`` as the parameter that a method lacks. An import, by what the standard library exports;
``self.``, where the window has such a member, or none, where a function has that name; a list, for
what annotates; a first value, by how the name is used. Each is tried before any policy is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from editloop.document.commands import Command, Step, edit_line
from editloop.moves.calls import RECEIVERS, with_first_parameter
from editloop.moves.context import CodeLine, Context
from editloop.moves.everywhere import has
from editloop.moves.imports import imported, imports_by_use
from editloop.moves.loops import around
from editloop.moves.tables import FOREIGN, VALUE_METHODS
from editloop.moves.uses import DEFINES, Use, uses_of
from editloop.moves.words import is_called
from editloop.python.lexer import AUGMENTED, CONSTANTS
from editloop.python.scope import BUILTIN_NAMES, bound_names

_BY_OPERATOR = {"+=": "0", "-=": "0", "*=": "1", "|=": "0", "+": "0", "-": "0", "*": "1"}
_LIMITS = {
    **dict.fromkeys((">", ">=", "max"), 'float("-inf")'),
    **dict.fromkeys(("<", "<=", "min"), 'float("inf")'),
}
"""Below, or above, all that a name is compared with."""
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
_GENERIC = frozenset({"typing", "collections", "collections.abc"})
"""Modules whose names take types in brackets."""
_CONTINUES = frozenset({"else", "elif", "except", "finally"})


def definitions(ctx: Context) -> Iterator[Step]:
    """Steps that define a name which does not exist, likely ones first."""
    for name in sorted(ctx.undefined):
        yield from _without_self(ctx, name)
        uses = list(uses_of(ctx, name))
        if not uses:
            continue
        if name in RECEIVERS and (step := _as_parameter(ctx, name, uses)):
            yield step
            continue
        if FOREIGN.get(name) in ("self", *CONSTANTS):
            yield _every_use(uses, FOREIGN[name])
        if _is_member(ctx, name, uses):
            yield _every_use(uses, f"self.{name}")
        imports = list(imports_by_use(ctx, name, uses))
        generic = all(use.subscript and _annotates(use) for use in uses)
        if generic:
            imports = [text for text in imports if text.split()[1] in _GENERIC]
        yield from (imported(ctx, statement) for statement in imports)
        if generic and not imports:
            yield _every_use(uses, "List" if any(has(x, "List") for x in ctx.lines) else "list")
        yield from around(ctx, name, uses)
        place = _start(ctx, uses[0])
        for value in dict.fromkeys(_first_values(ctx, name, uses)):
            if place is not None:
                yield (Command("ADDL", place.number, f"{place.shape.indent}{name} = {value}"),)


def _every_use(uses: Sequence[Use], new: str) -> Step:
    """Every use by a new text, a command for each line."""
    commands = []
    for line, own in groupby(uses, key=lambda use: use.line):
        text = line.text
        for use in reversed(list(own)):
            token = line.shape.tokens[use.at]
            text = text[: token.start] + new + text[token.end :]
        commands.append(edit_line(line.number, line.text, text))
    return tuple(commands)


def _as_parameter(ctx: Context, name: str, uses: Sequence[Use]) -> Step | None:
    """The receiver as the first parameter of each method that uses it and has none; None where
    something else is meant: outside of a class, or below a decorator that takes another one."""
    commands = []
    for at in dict.fromkeys(use.line.scope.start for use in uses):
        if at < 0 or not _is_plain_method(ctx, at):
            return None
        text = with_first_parameter(ctx.shapes[at], name)
        if text is not None:  # a header of several lines may have it on another one
            commands.append(edit_line(at + 1, ctx.shapes[at].text, text))
    return tuple(commands) or None


def _is_plain_method(ctx: Context, at: int) -> bool:
    """Whether the header of a function, by its index in the window, stands directly in a class,
    and no decorator says what its first parameter is."""
    width = len(ctx.shapes[at].indent.expandtabs())
    decorated = True
    for above in reversed(ctx.shapes[:at]):
        decorated &= above.text.lstrip().startswith("@")
        if decorated and ("staticmethod" in above.text or "classmethod" in above.text):
            return False
        if above.is_code and len(above.indent.expandtabs()) < width:
            return above.first == "class"
    return False


def _without_self(ctx: Context, name: str) -> Iterator[Step]:
    """``len(x)`` for ``self.len(x)``, where the bare name is something that can be called."""
    texts: list[tuple[CodeLine, str]] = []
    for line in ctx.lines:
        if name not in BUILTIN_NAMES and name not in line.scope.names:
            continue
        text, tokens = line.text, line.shape.tokens
        for i in range(len(tokens) - 1, 1, -1):
            words = [token.text for token in tokens[i - 2 : i + 1]]
            if words == ["self", ".", name] and is_called(tokens, i):
                text = text[: tokens[i - 2].start] + text[tokens[i].start :]
        if text != line.text:
            texts.append((line, text))
    if texts:
        yield tuple(edit_line(line.number, line.text, text) for line, text in texts)


def _annotates(use: Use) -> bool:
    """Whether a name stands in the annotation of a parameter or of what is returned."""
    if use.line.shape.first not in DEFINES:
        return False
    for token in reversed(use.line.shape.tokens[: use.at]):
        if token.text in ("->", ":"):
            return True
        if token.text not in ("[", ",", "|", ".") and token.kind != "name":
            return False
    return False


def _is_member(ctx: Context, name: str, uses: Sequence[Use]) -> bool:
    """Whether methods use the name, and their class has a member of that name."""
    if not all(use.line.scope.is_method for use in uses):
        return False
    for line in ctx.lines:
        words = [token.text for token in line.shape.tokens]
        if line.shape.indent and words[:2] == ["def", name] and words[3:4] == ["self"]:
            return True
        at = words.index(name) if name in words else 0
        if words[:at][-2:] == ["self", "."]:
            return True
    return False


def _first_values(ctx: Context, name: str, uses: Sequence[Use]) -> Iterator[str]:
    """Values to begin with, for a name that is filled, counted or compared."""
    bound = any(name in bound_names(line.shape) for line in ctx.lines)
    for use in uses:
        compares = bound and use.line.shape.first in ("if", "elif")
        if use.attributes and use.text_at(3) == "(" and use.attributes[0] in VALUE_METHODS:
            yield VALUE_METHODS[use.attributes[0]]
        elif use.subscript and (use.after == "=" or use.after in AUGMENTED):
            yield "{}"
        elif use.after in AUGMENTED:
            yield _like(use.text_at(2), _BY_OPERATOR.get(use.after, "0"))
        elif use.text_at(1) == "=" and use.text_at(2) == name:
            yield _like(use.text_at(4), _BY_OPERATOR.get(use.text_at(3), "0"))
        elif use.text_at(1) == "=" and use.text_at(2) in _LIMITS:
            yield from (_LIMITS[use.text_at(2)], "0")
        elif compares and use.before in _LIMITS:
            yield from (_LIMITS[use.before], "0")
        elif compares and use.after in _MIRRORED:
            yield from (_LIMITS[_MIRRORED[use.after]], "0")


def _like(operand: str, number: str) -> str:
    """An empty value of the operand's type, where that is a string or a list."""
    if operand.lstrip("rRbBfFuU")[:1] in ("'", '"'):
        return '""'
    return "[]" if operand == "[" else number


def _start(ctx: Context, use: Use) -> CodeLine | None:
    """The statement of the function's own level that holds a use."""
    scope = use.line.scope.start
    body = [line for line in ctx.lines if line.index > scope]
    if not body:
        return None
    indent = body[0].shape.indent if scope >= 0 else ""
    own = [
        line
        for line in body
        if line.index <= use.line.index
        and line.shape.indent == indent
        and line.shape.first not in _CONTINUES
    ]
    return own[-1] if own else None
