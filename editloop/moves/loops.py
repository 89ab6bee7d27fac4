"""A loop whose header was lost: what its variable would go through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from editloop.document.commands import Command, Step, edit_line
from editloop.moves.context import CodeLine, Context
from editloop.moves.uses import Use
from editloop.python.scope import BUILTIN_NAMES, all_bound, bound_names, plain_names

_COUNTERS = frozenset({"i", "j", "k", "n"})


def headers(ctx: Context) -> Iterator[Command]:
    """Above lines that are further in than they may be, for a name that nothing binds."""
    bound = {name for sh in ctx.shapes for name in all_bound(sh)}
    for n, (above, first) in enumerate(pairwise(ctx.lines)):
        body = _body(ctx.lines[n + 1 :])
        level = above.shape.indent
        if above.shape.opens_block:
            # What comes after the body tells how far in it should be.
            after = [line.shape.indent for line in ctx.lines[n + 1 + len(body) :][:1]]
            level = next((x for x in after if len(x) > len(level)), level + ctx.unit)
        if len(first.shape.indent) <= len(level) or above.shape.loose:
            continue
        used = dict.fromkeys(name for line in body for name in plain_names(line.shape))
        known = {*bound, *BUILTIN_NAMES, *first.scope.functions, *first.scope.imported}
        for name in (name for name in used if name not in known):
            for values in _values(name, body):
                yield Command("ADDL", first.number, f"{level}for {name} in {values}:")


def around(ctx: Context, name: str, uses: Sequence[Use]) -> Iterator[Step]:
    """Around the statements that use a name which nothing binds: up to the last use, or all."""
    first = uses[0].line
    body = _body(ctx.lines[ctx.lines.index(first) :])
    last = max(n for n, line in enumerate(body) if any(use.line is line for use in uses))
    while last + 1 < len(body) and len(body[last + 1].shape.indent) > len(first.shape.indent):
        last += 1
    for values in _values(name, body[: last + 1]):
        for end in dict.fromkeys((last + 1, len(body))):
            header = Command("ADDL", first.number, f"{first.shape.indent}for {name} in {values}:")
            moved = (edit_line(x.number + 1, x.text, ctx.unit + x.text) for x in body[:end])
            yield (header, *moved)


def _body(lines: Sequence[CodeLine]) -> list[CodeLine]:
    """The lines from the first on that are as far in as it is, or further."""
    width = len(lines[0].shape.indent)
    end = next((n for n, line in enumerate(lines) if len(line.shape.indent) < width), len(lines))
    return list(lines[:end])


def _values(name: str, body: Sequence[CodeLine]) -> Iterator[str]:
    """What has many of it by its name, or is subscripted by it."""
    if any(name in bound_names(line.shape) for line in body):
        return
    known = [other for other in body[0].scope.variables if other != name]
    found = [x for x in known if x.startswith(name) and x.endswith("s")]
    found += [x for x in known if name.endswith("y") and x == f"{name[:-1]}ies"]
    for line in body:
        tokens = line.shape.tokens
        for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if a.kind == "name" and b.text == "[" and c.text == name:
                found.append(f"range(len({a.text}))")
    if name in _COUNTERS and "n" in known:
        found.append("range(n)")
    yield from dict.fromkeys(found)
