"""Names in scope by a tolerant scan: indentation and tokens only, so broken code has scopes too."""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from editloop.python.lexer import AUGMENTED, Shape, Token

BUILTIN_NAMES = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_MODULE_NAME = re.compile(
    r"^(?:(?:async[ \t]+)?def[ \t]+(\w+)|class[ \t]+(\w+)|([^\W\d]\w*)[ \t]*(?::[^=\n]*)?=[^=])",
    re.MULTILINE,
)
_IMPORT = re.compile(r"^(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+([^#\n]+)", re.MULTILINE)
_MAX_MODULE_NAMES = 24
_ASSIGN = frozenset({"=", ":", *AUGMENTED})


@dataclass(frozen=True, slots=True)
class Scope:
    """What a line may name, nearest first. ``start``: the index of the line of its header."""

    start: int
    variables: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    is_method: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.variables, *self.functions, *self.imported)


@dataclass(frozen=True, slots=True)
class ModuleNames:
    """Names bound at the module level, of the whole document."""

    variables: tuple[str, ...]
    functions: tuple[str, ...]
    imported: tuple[str, ...]


def module_names(text: str) -> ModuleNames:
    """By regular expressions at column 0: fast on any length, works on any text."""
    functions: dict[str, None] = {}
    variables: dict[str, None] = {}
    for match in _MODULE_NAME.finditer(text):
        name = match[1] or match[2]
        if name:
            functions[name] = None
        else:
            variables[match[3]] = None
    imported: dict[str, None] = {}
    for match in _IMPORT.finditer(text):
        for part in match[1].strip("() ").split(","):
            words = part.split()
            if words:
                imported[words[-1].split(".")[0]] = None
    return ModuleNames(tuple(variables), tuple(functions), tuple(imported))


def scopes(shapes: Sequence[Shape], module: ModuleNames) -> list[Scope]:
    """The scope of each line of a window. Lines outside of functions share the module's."""
    starts = _enclosing(shapes)
    bound: dict[int, dict[str, None]] = {}
    for i, shape in enumerate(shapes):
        own = bound.setdefault(starts[i], {})
        if starts[i] < 0 and shape.indent and _is_function(shape):
            pass  # a method is not in scope by its bare name
        else:
            own.update(dict.fromkeys(bound_names(shape)))
        if _is_function(shape):
            inner = bound.setdefault(i, {})
            for name in parameters(shape):
                inner[name] = None
    uses = _frequent(shapes, starts)
    parents = {start: starts[start] for start in bound if start >= 0}
    made: dict[int, Scope] = {}
    for start in bound:
        made[start] = _scope(start, bound, parents, uses, module)
    return [made[start] for start in starts]


def _scope(
    start: int,
    bound: dict[int, dict[str, None]],
    parents: dict[int, int],
    uses: dict[int, list[str]],
    module: ModuleNames,
) -> Scope:
    variables = dict(bound[start])
    above, seen = start, {start}
    while above >= 0:
        above = parents.get(above, -1)
        if above in seen:
            break
        seen.add(above)
        variables.update(bound.get(above, {}))
    known = {*module.functions, *module.imported}
    variables.update(dict.fromkeys(name for name in uses.get(start, ()) if name not in known))
    variables.update(dict.fromkeys(module.variables[:_MAX_MODULE_NAMES]))
    names = tuple(name for name in variables if name not in known)
    is_method = "self" in bound[start]
    functions = module.functions[:_MAX_MODULE_NAMES]
    return Scope(start, names, functions, module.imported, is_method)


def _enclosing(shapes: Sequence[Shape]) -> list[int]:
    """For each line the index of the header of its function, -1 at the module level."""
    result, stack = [], list[tuple[int, int]]()
    depth = 0
    for i, shape in enumerate(shapes):
        if shape.is_code and depth <= 0:
            width = len(shape.indent.expandtabs())
            while stack and width <= stack[-1][0]:
                stack.pop()
        result.append(stack[-1][1] if stack else -1)
        if _is_function(shape):
            stack.append((len(shape.indent.expandtabs()), i))
            depth = 0
        if shape.is_code:
            # A bracket that is never closed must not swallow the rest of the window.
            depth = (
                min(max(depth + _balance(shape), 0), 3)
                if not _is_statement(shape)
                else max(_balance(shape), 0)
            )
    return result


def _is_statement(shape: Shape) -> bool:
    return shape.tokens[0].kind == "keyword" and shape.first not in (
        "not",
        "lambda",
        "for",
        "if",
        "and",
        "or",
        "in",
        "else",
    )


def _balance(shape: Shape) -> int:
    return sum(1 if shape.tokens[i].text in "([{" else -1 for i in shape.loose)


def _is_function(shape: Shape) -> bool:
    words = [t.text for t in shape.tokens[:2]]
    return words[:1] == ["def"] or words == ["async", "def"]


def parameters(shape: Shape) -> list[str]:
    """Parameter names of a ``def`` line, also of one that is not closed."""
    names = []
    tokens = shape.tokens
    opened = next((i for i, t in enumerate(tokens) if t.text == "("), len(tokens))
    for i in range(opened + 1, len(tokens)):
        if tokens[i].kind == "name" and tokens[i - 1].text in ("(", ",", "*", "**"):
            names.append(tokens[i].text)
    return names


def bound_names(shape: Shape) -> list[str]:
    """Names that a line binds: assignment, for, with, import, except, def, class, walrus."""
    tokens = shape.tokens
    names: list[str] = []
    if not shape.is_code:
        return names
    for i, token in enumerate(tokens):
        if token.kind != "name":
            continue
        before = tokens[i - 1].text if i else ""
        after = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if before in ("def", "class", "as", "import") or after == ":=":
            names.append(token.text)
    if shape.first == "from" or shape.first == "import":
        names += [
            t.text for i, t in enumerate(tokens) if t.kind == "name" and tokens[i - 1].text == ","
        ]
    for i, token in enumerate(tokens):
        if token.text == "for" and token.kind == "keyword":
            names += _targets(tokens[i + 1 :], frozenset({"in"}))
    if tokens[0].kind in ("name", "op"):
        inside = {i for a, b in shape.pairs.items() for i in range(a, b)}
        stops = [i for i, t in enumerate(tokens) if t.text in _ASSIGN and i not in inside]
        start = 0
        for stop in stops:
            names += _targets(tokens[start : stop + 1], _ASSIGN)
            if tokens[stop].text != "=":
                break
            start = stop + 1  # a = b = 0 binds both
    return names


def all_bound(shape: Shape) -> set[str]:
    """Names that a line binds, and its parameters."""
    return {*bound_names(shape), *(parameters(shape) if shape.first == "def" else ())}


def _targets(tokens: Sequence[Token], stops: frozenset[str]) -> list[str]:
    """Plain names before the first stop word, none where it does not come."""
    names: list[str] = []
    for i, token in enumerate(tokens):
        if token.text in stops:
            return names
        after = tokens[i + 1].text if i + 1 < len(tokens) else ""
        before = tokens[i - 1].text if i else ""
        if token.kind == "name" and before != "." and after not in (".", "(", "["):
            names.append(token.text)
    return []


def _frequent(shapes: Sequence[Shape], starts: Sequence[int]) -> dict[int, list[str]]:
    """Names used twice in a function though nothing seen binds them: the binding may be broken."""
    counts: dict[int, Counter[str]] = {}
    for shape, start in zip(shapes, starts, strict=True):
        counter = counts.setdefault(start, Counter())
        counter.update(plain_names(shape))
    return {
        start: [n for n, count in counter.items() if count > 1 and n not in BUILTIN_NAMES]
        for start, counter in counts.items()
    }


def plain_names(shape: Shape) -> Iterable[str]:
    """Names that are neither attributes, calls nor keyword arguments."""
    tokens = shape.tokens
    for i, token in enumerate(tokens):
        if token.kind != "name" or (i and tokens[i - 1].text in (".", "def", "class")):
            continue
        if i + 1 < len(tokens) and tokens[i + 1].text == "(":
            continue
        yield token.text
