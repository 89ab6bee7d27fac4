"""The move generator: small commands that are legal in a state, for a policy to rank.

Moves come from a tolerant lexer, so they exist for code that does not parse. Order is by kind, then
by line: deterministic, the likely kinds first, so that the cap cuts off the least likely ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from editloop.document.commands import Command, CommandError, edit_line
from editloop.document.state import MAX_VIEW_LINES, EditState, apply
from editloop.document.transcript import Finding
from editloop.moves import (
    calls,
    expressions,
    imports,
    inserts,
    keywords,
    lines,
    loops,
    parts,
    punctuation,
    small,
    spelling,
    words,
)
from editloop.moves.context import CodeLine, Context, build

__all__ = ["KINDS", "MAX_MOVES", "Kind", "moves", "moves_in", "renames", "resorts_in"]

MAX_LINE_CHARS = 300
"""A longer line is data or generated: it has too many tokens to try them all."""
MAX_MOVES = 6000
"""Moves of one state, at most: two seconds of the verifier's time at its best. Chosen."""

Rewrite = Callable[[Context, CodeLine], Iterator[str]]
Produce = Callable[[Context], Iterator[Command]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A named family of moves: new texts for a line, or commands for the window.

    ``when``: "broken" near syntax errors only, "whole" where there is none, "always".
    """

    name: str
    rewrite: Rewrite | None = None
    produce: Produce | None = None
    when: str = "always"


_SLIP = Kind("slip", spelling.slips)
_MEANT = Kind("meant", calls.meant)
KINDS: tuple[Kind, ...] = (
    Kind("colon", punctuation.colons, when="broken"),
    Kind("bracket", punctuation.brackets, when="broken"),
    Kind("quote", punctuation.quotes, when="broken"),
    Kind("foreign", keywords.foreign, when="broken"),
    Kind("comparison", punctuation.comparisons, when="broken"),
    Kind("header", keywords.headers, when="broken"),
    Kind("keyword", keywords.keywords, when="broken"),
    Kind("docstring", produce=punctuation.docstrings, when="broken"),
    Kind("gap", punctuation.gaps, when="broken"),
    Kind("join", produce=lines.joins, when="broken"),
    Kind("body", produce=small.bodies, when="broken"),
    Kind("loop", produce=loops.headers, when="broken"),
    Kind("typo", spelling.typos),
    Kind("comment", produce=lines.comments),
    Kind("self", calls.self_prefix),
    Kind("binding", words.bindings, when="whole"),
    Kind("return", lines.returns, when="whole"),
    Kind("unknown-call", calls.unknown, when="whole"),
    Kind("import", produce=imports.imports_by_name, when="whole"),
    Kind("operator", words.operators),
    Kind("iterated", expressions.iterated, when="whole"),
    Kind("swap", parts.swaps, when="whole"),
    Kind("builtin", words.siblings),
    Kind("delete-line", produce=lines.deletions),
    Kind("branch", produce=inserts.branches, when="whole"),
    Kind("indent", produce=lines.indents),
    Kind("name", words.names, when="whole"),
    Kind("off-by-one", expressions.off_by_one, when="whole"),
    Kind("constant", words.constants, when="whole"),
    Kind("attribute", words.attributes, when="whole"),
    Kind("chain", words.chains, when="whole"),
    Kind("negation", expressions.negations, when="whole"),
    Kind("delete-part", parts.deletions),
    Kind("all-subscripts", calls.subscripts, when="whole"),
    Kind("leave", lines.leaves, when="whole"),
    Kind("replace-line", produce=lines.replacements, when="whole"),
    Kind("parenthesize", parts.parentheses, when="whole"),
    Kind("argument", calls.arguments, when="whole"),
    Kind("conversion", expressions.conversions, when="whole"),
    Kind("statement", produce=inserts.statements),
    Kind("exchange", parts.exchanges, when="whole"),
    Kind("duplicate-line", produce=lines.duplicates),
    Kind("slice", calls.slices, when="whole"),
    Kind("assignment", produce=inserts.assignments, when="whole"),
    Kind("base-case", produce=inserts.bases, when="whole"),
    Kind("minus", expressions.minus, when="whole"),
    Kind("copy-line", produce=inserts.copies, when="whole"),
    Kind("condition", calls.conditions, when="whole"),
    Kind("method", expressions.methods, when="whole"),
    Kind("member", words.members, when="whole"),
)
"""Kinds in the order in which moves are tried that no policy has ranked: for broken text first, and
by how often a move of the kind undoes a fault of the training corpus."""
RESORTS: tuple[Kind, ...] = (
    Kind("other-condition", small.conditions),
    Kind("term", expressions.terms),
    Kind("small-value", small.values),
    Kind("small-return", produce=small.returns),
)
"""For text that parses, when all else has failed: written by enumeration."""


def moves(state: EditState, findings: Sequence[Finding]) -> list[Command]:
    """Distinct legal commands for the window, at most MAX_MOVES; EXIT is never among them.

    Near a syntax error only the kinds that can repair one are used.
    """
    return moves_in(build(state, findings))


def moves_in(context: Context) -> list[Command]:
    """The moves of a state (see ``moves``), by its context."""
    if not context.state.view:
        return []
    return _made(context, KINDS)


def resorts_in(context: Context) -> list[Command]:
    """Small expressions in the place of values: moves to try when all others have failed."""
    return _made(context, RESORTS) if context.state.view and not context.broken else []


def _made(context: Context, kinds: Sequence[Kind]) -> list[Command]:
    seen: set[tuple[int, str]] = set()
    found: dict[Command, None] = {}
    for kind in kinds:
        if kind.when == ("whole" if context.broken else "broken"):
            continue
        for command in _of_kind(kind, context, seen):
            found[command] = None
        if len(found) >= MAX_MOVES:
            break
    full = len(context.state.view) >= MAX_VIEW_LINES
    legal = [c for c in found if not (full and c.verb == "ADDL")]
    return legal[:MAX_MOVES]


def renames(context: Context) -> list[Command]:
    """Names that do not exist, and occur once, to those that are spelled almost alike; functions
    that do not exist to what their names say."""
    count = Counter(token.text for line in context.lines for token in line.shape.tokens)
    once = frozenset(name for name in context.undefined if count[name] == 1)
    if context.broken or not context.undefined:
        return []
    slips = _of_kind(_SLIP, replace(context, undefined=once), set()) if once else ()
    return [*slips, *_of_kind(_MEANT, context, set())]


def _of_kind(kind: Kind, context: Context, seen: set[tuple[int, str]]) -> Iterator[Command]:
    if kind.produce is not None:
        for command in kind.produce(context):
            near = command.line - 1 in context.near or command.line - 2 in context.near
            if (near or not context.broken) and _is_legal(command, context.state):
                yield command
    if kind.rewrite is not None:
        for line in context.nearest_first:
            if context.broken and line.index not in context.near:
                continue
            if len(line.text) > MAX_LINE_CHARS:
                continue
            for text in kind.rewrite(context, line):
                text = text.rstrip() if text.strip() else ""
                if text and text != line.text and (line.number, text) not in seen:
                    seen.add((line.number, text))
                    yield edit_line(line.number, line.text, text)


def _is_legal(command: Command, state: EditState) -> bool:
    """Only for the few whole-line commands: rewrites are legal by construction."""
    if command.verb == "REPL":
        return state.window[command.line - 1] != command.text
    if command.verb in ("ADDL", "DELL"):
        return 1 <= command.line <= len(state.view) + (command.verb == "ADDL")
    try:
        apply(state, command)
    except CommandError:
        return False
    return True
