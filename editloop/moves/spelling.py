"""Words that are spelled almost like others: what a slip of the hand makes, and what it meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from editloop.moves.context import CodeLine, Context
from editloop.moves.tables import COMMON_ATTRIBUTES, COMMON_METHODS, FROM, HARD_KEYWORDS, MODULES
from editloop.moves.words import follows, is_called, is_keyword_argument
from editloop.python.scope import BUILTIN_NAMES, parameters
from editloop.python.stdlib import exports

_MAX_TYPOS = 4
_MEMBER = re.compile(r"(?:\.|\bdef |^[ \t]+)([A-Za-z_]\w*)(?=[ \t]*(?:[:=(]|$))", re.MULTILINE)


def typos(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A word that nothing explains, by words at most two slips away; undefined names first."""
    sh, scope = line.shape, line.scope
    known = {*scope.names, *BUILTIN_NAMES, "self", "cls", "_"}
    for i, token in enumerate(sh.tokens):
        if token.kind != "name" or len(token.text) < 2:
            continue
        if follows(sh.tokens, i, (".",)):
            if token.text in COMMON_METHODS and token.text not in ctx.undefined:
                continue
            near = [
                *closest(token.text, (*ctx.attributes, *ctx.methods)),
                *_near_method(token.text),
            ]
        elif token.text in ctx.undefined or (not ctx.undefined and token.text not in known):
            near = [*closest(token.text, scope.names), *_near_word(token.text)]
        elif i == 0 and token.text not in known:
            near = _near_word(token.text)
        else:
            continue
        yield from (sh.put(i, i + 1, word) for word in near)


def slips(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A name that does not exist by names that do: a slip in four letters away, or of two or three
    letters the only one a slip away."""
    for i, token in enumerate(line.shape.tokens):
        if token.kind != "name" or token.text not in ctx.undefined or len(token.text) < 2:
            continue
        most = max(1, len(token.text) // 4)
        near = [
            word
            for word in closest(token.text, _known_at(ctx, line, i))
            if distance(token.text, word) <= most
        ]
        if len(token.text) > 3 or len(near) == 1:
            yield from (line.shape.put(i, i + 1, word) for word in near)


@lru_cache(maxsize=4)
def _members(text: str) -> tuple[str, ...]:
    """What a whole document has behind a dot, defines, or gives a value or a type below a class."""
    return tuple(dict.fromkeys(_MEMBER.findall(text)))


def _known_at(ctx: Context, line: CodeLine, i: int) -> Iterable[str]:
    """What may stand in the place of a name, as far as anything says so."""
    tokens, scope = line.shape.tokens, line.scope
    if follows(tokens, i, (".",)):
        module = exports().get(tokens[i - 2].text if i > 1 else "")
        if module:
            return sorted(module)
        near = (*ctx.attributes, *ctx.methods, *_members(ctx.state.text))
        return tuple(dict.fromkeys((*near, *COMMON_ATTRIBUTES)))
    if line.shape.first == "from":
        return sorted(exports().get(line.text.split()[1], ()))
    if is_keyword_argument(line, i):
        headers = (other.shape for other in ctx.lines if other.shape.first in ("def", "async"))
        return dict.fromkeys(name for header in headers for name in parameters(header))
    if is_called(tokens, i):
        return (*scope.functions, *scope.imported, *sorted(BUILTIN_NAMES))
    passed = follows(tokens, i, ("(", ","))
    builtin = (name for name in sorted(BUILTIN_NAMES) if passed or name[0].isupper())
    return (*scope.names, *builtin)


def closest(word: str, choice: Iterable[str]) -> list[str]:
    """At most a few of the choice, nearest first, then in the order given.

    Near is what is within two slips, or begins or ends with the other of the two.
    """
    limit = 1 if len(word) < 4 else 2
    ranked = []
    for rank, other in enumerate(dict.fromkeys(choice)):
        if other == word:
            continue
        slips = distance(word, other) if abs(len(other) - len(word)) <= limit else limit + 1
        if slips <= limit or _is_affix(word, other):
            ranked.append((slips, rank, other))
    return [other for _, _, other in sorted(ranked)[:_MAX_TYPOS]]


def _is_affix(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return len(short) > 2 and (long.startswith(short) or long.endswith(short))


@lru_cache(maxsize=8192)
def _near_word(word: str) -> list[str]:
    return closest(word, (*sorted(BUILTIN_NAMES), *sorted(HARD_KEYWORDS), *sorted(MODULES), *FROM))


@lru_cache(maxsize=8192)
def _near_method(word: str) -> list[str]:
    return closest(word, COMMON_ATTRIBUTES)


@lru_cache(maxsize=65536)
def distance(a: str, b: str) -> int:
    """Optimal string alignment: insertions, deletions, substitutions, neighbours swapped."""
    if len(set(a) ^ set(b)) > 4:
        return 9
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
