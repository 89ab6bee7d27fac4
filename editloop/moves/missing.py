"""Definitions of names that nothing binds: what a person would write without thinking.

An import, by what the standard library exports; ``self.``, where the window has such a member; a
first value, by how the name is used. Each is tried before any policy is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from editloop.commands import Command, edit_line
from editloop.moves.context import CodeLine, Context
from editloop.moves.lexer import AUGMENTED, CONSTANTS
from editloop.moves.scope import bound_names, parameters
from editloop.moves.tables import FOREIGN, FROM, exports

Block = tuple[Command, ...]
"""Commands that are taken together."""
ALIASES = {
    "np": "numpy",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
    "sns": "seaborn",
    "tf": "tensorflow",
    "nx": "networkx",
    "sp": "sympy",
    "mp": "multiprocessing",
    "dt": "datetime",
    "ET": "xml.etree.ElementTree",
}
_BY_METHOD = {
    **dict.fromkeys(("append", "extend", "insert", "sort", "reverse"), "[]"),
    **dict.fromkeys(("add", "discard", "intersection_update"), "set()"),
    **dict.fromkeys(("update", "setdefault", "items", "keys", "values", "get"), "{}"),
}
_BY_OPERATOR = {"+=": "0", "-=": "0", "*=": "1", "|=": "0", "+": "0", "-": "0", "*": "1"}
_LIMITS = {
    **dict.fromkeys((">", ">=", "max"), 'float("-inf")'),
    **dict.fromkeys(("<", "<=", "min"), 'float("inf")'),
}
"""Below, or above, all that a name is compared with."""
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
_DEFINES = ("def", "async")
_CONTINUES = frozenset({"else", "elif", "except", "finally"})


@dataclass(frozen=True, slots=True)
class Use:
    """A name in a line: the index of its token, and the attributes that follow it."""

    line: CodeLine
    at: int
    attributes: tuple[str, ...]

    @property
    def before(self) -> str:
        return self.line.shape.tokens[self.at - 1].text if self.at else ""

    @property
    def after(self) -> str:
        """The token after the name; behind a subscript that is closed, the one after that."""
        tokens, at = self.line.shape.tokens, self.at + 1
        if at < len(tokens) and tokens[at].text == "[":
            at = self.line.shape.pairs.get(at, at - 1) + 1
        return tokens[at].text if at < len(tokens) else ""

    @property
    def subscript(self) -> bool:
        tokens = self.line.shape.tokens
        return self.at + 1 < len(tokens) and tokens[self.at + 1].text == "["

    def text_at(self, distance: int) -> str:
        """The token so many places after the name."""
        tokens = self.line.shape.tokens
        return tokens[self.at + distance].text if self.at + distance < len(tokens) else ""


def definitions(ctx: Context) -> Iterator[Block]:
    """For each name that does not exist what would define it, likely ones first."""
    for name in sorted(ctx.undefined):
        uses = list(_uses(ctx, name))
        if not uses:
            continue
        if FOREIGN.get(name) in ("self", *CONSTANTS):
            yield _rewritten(uses, FOREIGN[name])
        if _is_member(ctx, name, uses):
            yield _rewritten(uses, f"self.{name}")
        for statement in _imports(ctx, name, uses):
            yield _imported(ctx, statement)
        place = _start(ctx, uses[0])
        for value in dict.fromkeys(_first_values(ctx, name, uses)):
            if place is not None:
                yield (Command("ADDL", place.number, f"{place.shape.indent}{name} = {value}"),)


def _uses(ctx: Context, name: str) -> Iterator[Use]:
    """Where the name is used; functions that have a parameter of that name are left out."""
    for line in ctx.lines:
        headers = [line.shape, *([ctx.shapes[line.scope.start]] if line.scope.start >= 0 else [])]
        if any(name in parameters(header) for header in headers if header.first in _DEFINES):
            continue
        tokens = line.shape.tokens
        for at, token in enumerate(tokens):
            if token.text != name or token.kind != "name":
                continue
            if at and tokens[at - 1].text in (".", "def", "class"):
                continue
            attributes = []
            for i in range(at + 1, len(tokens) - 1, 2):
                if tokens[i].text != "." or tokens[i + 1].kind != "name":
                    break
                attributes.append(tokens[i + 1].text)
            yield Use(line, at, tuple(attributes))


def _rewritten(uses: Sequence[Use], new: str) -> Block:
    """Every use by a new text, a command for each line."""
    commands = []
    for line, own in groupby(uses, key=lambda use: use.line):
        text = line.text
        for use in reversed(list(own)):
            token = line.shape.tokens[use.at]
            text = text[: token.start] + new + text[token.end :]
        commands.append(edit_line(line.number, line.text, text))
    return tuple(commands)


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


def _imports(ctx: Context, name: str, uses: Sequence[Use]) -> Iterator[str]:
    """Import statements that bind the name to something that has the attributes used."""
    if any(use.after == "=" or use.after in AUGMENTED for use in uses):
        return
    if any(use.attributes[:1] and use.attributes[0] in _BY_METHOD for use in uses):
        return
    if name in ALIASES:
        yield f"import {ALIASES[name]} as {name}"
    found = {_module_of((name, *use.attributes)) for use in uses}
    if found and None not in found:
        yield from (f"import {module}" for module in sorted(filter(None, found)))
        return
    if name in FROM and _fits(name, uses):
        yield f"from {FROM[name]} import {name}"
    elif name[0].isupper():
        exporters = [module for module, names in exports().items() if name in names]
        yield from (f"from {module} import {name}" for module in exporters[:1])


def _module_of(path: Sequence[str]) -> str | None:
    """The shortest part of a dotted path that is a module which exports what comes next."""
    for end in range(1, len(path)):
        names = exports().get(".".join(path[:end]))
        if names is not None and path[end] in names:
            return ".".join(path[:end])
    return None


def _fits(name: str, uses: Sequence[Use]) -> bool:
    """A function is called, passed on or a decorator; what begins with a capital may be anything;
    of a constant no attribute is used."""
    if name[0].isupper() or any(use.after == "(" or use.before == "@" for use in uses):
        return True
    if all(use.attributes for use in uses):
        return name in ("datetime", "date", "chain")
    return all(use.before in ("(", ",") or name in _CONSTANTS for use in uses)


_CONSTANTS = frozenset(["pi", "inf", "digits", "punctuation"]) | frozenset(
    f"ascii_{case}" for case in ("lowercase", "uppercase", "letters")
)


def _imported(ctx: Context, statement: str) -> Block:
    """An import where a person would put it: beside the first imports and in their order, into one
    from the same module, or with blank lines where there are none."""
    block = _import_block(ctx)
    words = statement.split()
    start = " ".join(words[:3]) + " "
    for line in block if words[0] == "from" else ():
        whole = not line.shape.loose and line.shape.tokens[-1].kind == "name"
        if line.text.startswith(start) and whole:
            return (edit_line(line.number, line.text, f"{line.text}, {words[3]}"),)
    if block:
        same = [line for line in block if line.shape.first == words[0]]
        later = [line for line in same if line.text > statement]
        if later:
            number = later[0].number
        elif words[0] == "import" and not same:
            number = block[0].number
        else:
            number = _end(ctx, (same or block)[-1]) + 1
        return (Command("ADDL", number, statement),)
    above = ctx.shapes[ctx.first - 2].text if ctx.first > 1 else ""
    below = ctx.shapes[ctx.first - 1].text if ctx.first <= len(ctx.shapes) else ""
    texts = ([""] if above.strip() else []) + [statement]
    if below.strip():
        texts += [""] * (2 if below.startswith(("def ", "class ", "@", "async ")) else 1)
    return tuple(Command("ADDL", ctx.first + i, text) for i, text in enumerate(texts))


def _import_block(ctx: Context) -> list[CodeLine]:
    """The first imports at the margin, up to a blank line or other code."""
    found: list[CodeLine] = []
    for line in ctx.lines:
        end = _end(ctx, found[-1]) if found else 0
        if line.number < ctx.first or line.index < end:
            continue
        is_import = line.shape.first in ("import", "from") and not line.shape.indent
        if not is_import or (found and line.index != end):
            break
        found.append(line)
    return found


def _end(ctx: Context, line: CodeLine) -> int:
    """The index after an import, which may go on to its closing bracket."""
    end, depth = line.index, 0
    for shape in ctx.shapes[line.index :]:
        depth += sum(1 if shape.tokens[i].text in "([{" else -1 for i in shape.loose)
        end += 1
        if depth <= 0:
            break
    return end


def _first_values(ctx: Context, name: str, uses: Sequence[Use]) -> Iterator[str]:
    """Values to begin with, for a name that is filled, counted or compared."""
    bound = any(name in bound_names(line.shape) for line in ctx.lines)
    for use in uses:
        compares = bound and use.line.shape.first in ("if", "elif")
        if use.attributes and use.text_at(3) == "(" and use.attributes[0] in _BY_METHOD:
            yield _BY_METHOD[use.attributes[0]]
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
