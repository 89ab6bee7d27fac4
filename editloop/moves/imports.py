"""Imports of what nothing binds: moves by a name alone, for a policy to rank; or what the standard
library exports, by how the name is used, where a person would put it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from editloop.document.commands import Command, Step, edit_line
from editloop.moves.context import CodeLine, Context
from editloop.moves.tables import FROM, MODULES, VALUE_METHODS
from editloop.moves.uses import Use, uses_of
from editloop.python.lexer import AUGMENTED
from editloop.python.scope import BUILTIN_NAMES
from editloop.python.stdlib import exports

_ALIASES = {
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


def imports_by_name(ctx: Context) -> Iterator[Command]:
    """Imports of modules and of well-known names that nothing binds, at the top, however they are
    used."""
    wanted = dict.fromkeys(sorted(ctx.undefined))
    for line in ctx.lines:
        for name in _plain_and_called(line):
            if name not in line.scope.names:
                wanted[name] = None
    for name in wanted:
        if name in FROM:
            yield Command("ADDL", ctx.first, f"from {FROM[name]} import {name}")
        if name in MODULES or (name in ctx.undefined and name not in FROM):
            yield Command("ADDL", ctx.first, f"import {name}")


def _plain_and_called(line: CodeLine) -> Iterator[str]:
    """Names of a line that are no attributes."""
    tokens = line.shape.tokens
    for i, token in enumerate(tokens):
        if token.kind == "name" and not (i and tokens[i - 1].text == "."):
            yield token.text


def imports_by_use(ctx: Context, name: str, uses: Sequence[Use]) -> Iterator[str]:
    """Import statements that bind the name to something that has the attributes used."""
    if any(use.after == "=" or use.after in AUGMENTED for use in uses):
        return
    if any(use.attributes[:1] and use.attributes[0] in VALUE_METHODS for use in uses):
        return
    if name in _ALIASES:
        yield f"import {_ALIASES[name]} as {name}"
    found = {_module_of((name, *use.attributes)) for use in uses}
    if found and None not in found:
        yield from (f"import {module}" for module in sorted(filter(None, found)))
        return
    known = [module for module in _imported_from(ctx) if name in exports().get(module, ())]
    if known:
        yield from (f"from {module} import {name}" for module in known)
    elif name in FROM and _fits(name, uses):
        yield f"from {FROM[name]} import {name}"
    elif name[0].isupper():
        exporters = [module for module, names in exports().items() if name in names]
        yield from (f"from {module} import {name}" for module in exporters[:1])


def lacking(ctx: Context, texts: Container[str]) -> Step:
    """The import of a name that nothing binds on the window's lines with some of the ``texts``;
    nothing where the window shows no place for it."""
    place = ctx.state.view[:1] == (0,) or _import_block(ctx)
    for line in ctx.lines if place else ():
        names = _plain_and_called(line) if line.text in texts else ()
        for name in names:
            if name not in line.scope.names and name not in BUILTIN_NAMES:
                for statement in imports_by_use(ctx, name, list(uses_of(ctx, name))):
                    return imported(ctx, statement)
    return ()


def _imported_from(ctx: Context) -> Iterator[str]:
    """Modules of which the window imports other names."""
    for line in ctx.lines:
        words = line.text.split()
        if words[:1] == ["from"] and words[2:3] == ["import"]:
            yield words[1]


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


def imported(ctx: Context, statement: str) -> Step:
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
