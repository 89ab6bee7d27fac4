"""Kinds of moves that exchange one token: operators, constants, names, methods, typos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from editloop.moves.context import CodeLine, Context
from editloop.moves.lexer import AUGMENTED, Token, is_operand
from editloop.moves.scope import bound_names, parameters
from editloop.moves.tables import (
    ATTRIBUTES,
    BUILTIN_NAMES,
    BUILTINS,
    COMMON_ATTRIBUTES,
    COMMON_BUILTINS,
    COMMON_METHODS,
    FROM,
    HARD_KEYWORDS,
    KEYWORDS,
    MODULES,
    OPERATORS,
    exports,
)

_MAX_NAMES = 12
_MAX_TYPOS = 4
_INVENTED = ('float("inf")', "None", "True", "False", "[]", "{}", '""')
"""What may be meant by a name such as ``infinity``, beside the numbers of the window."""
_EMPTY = ("[]", "{}", "()", "set()", '""', "0", "None")


def operators(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Comparison, arithmetic, bit, augmented, membership and identity operators."""
    sh = line.shape
    tokens = sh.tokens
    for i, token in enumerate(tokens):
        text, before = token.text, tokens[i - 1] if i else None
        if token.kind == "op" and text in OPERATORS:
            binary = before is not None and is_operand(before)
            if text in AUGMENTED or binary:
                for other in OPERATORS[text]:
                    yield sh.put(i, i + 1, other)
        if text == "=" and i and not _inside(line, i) and sh.first not in ("def", "for", "class"):
            if not any(t.text == "=" for t in tokens[:i]):
                for other in ("+=", "-=", "*=", "//=", "=="):
                    yield sh.put(i, i + 1, other)
        elif text == "=" and sh.first in ("if", "elif", "while", "return", "assert"):
            yield sh.put(i, i + 1, "==")
        elif text == "==" and tokens[0].kind == "name" and not _inside(line, i):
            yield sh.put(i, i + 1, "=")
        elif text == "!=":
            yield sh.put(i, i + 1, "is not")
        elif text == "and":
            yield sh.put(i, i + 1, "or")
        elif text == "or":
            yield sh.put(i, i + 1, "and")
        elif text == "in" and _is_test(line, i):
            if before is not None and before.text == "not":
                yield sh.put(i - 1, i + 1, "in")
            else:
                yield sh.put(i, i + 1, "not in")
                yield sh.put(i, i + 1, "==")
        elif text == "is" and i + 1 < len(tokens):
            yield (
                sh.put(i, i + 2, "is")
                if tokens[i + 1].text == "not"
                else sh.put(i, i + 1, "is not")
            )


def _inside(line: CodeLine, i: int) -> bool:
    """Whether a token stands in brackets that this line opens."""
    return any(a < i < b for a, b in line.shape.pairs.items())


def _is_test(line: CodeLine, i: int) -> bool:
    """Whether an ``in`` is the operator, not a part of ``for``."""
    return not any(
        t.text == "for" and not any(u.text == "in" for u in line.shape.tokens[j:i])
        for j, t in enumerate(line.shape.tokens[:i])
    )


def constants(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Numbers, strings, truth values and empty values by others."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        for other in _other_constants(ctx, token):
            yield sh.put(i, i + 1, other)
        pair = "".join(t.text for t in sh.tokens[i : i + 2])
        if pair in ("[]", "{}", "()") and _follows(sh.tokens, i, ("=", "return", ",", "(")):
            for other in _EMPTY:
                yield sh.put(i, i + 2, other)


def _other_constants(ctx: Context, token: Token) -> Iterable[str]:
    text = token.text
    if token.kind == "number":
        if text.isdecimal() and len(text) < 12:
            n = int(text)
            near = (
                *(str(n + 1), str(n - 1), "0", "1", "-1", "2", f"-{n}", str(n * 10), str(n // 10)),
                *(str(n * 2), str(n // 2), f"'{n}'"),
            )
            empties = ("None", "True", "False", "[]", '""', 'float("inf")') if n < 2 else ()
            return (*near, f"{n}.0", *ctx.numbers[:6], *empties)
        return (text.split(".")[0] or "0", "0", "1", *ctx.numbers[:6])
    if token.kind == "const":
        return {
            "True": ("False", "None", "1"),
            "False": ("True", "None", "0"),
            "None": ("False", "True", "0", "[]", '""', "{}"),
        }[text]
    if token.kind == "string":
        return _other_strings(ctx, text)
    return ()


def _other_strings(ctx: Context, text: str) -> Iterator[str]:
    yield from ctx.strings[:6]
    body = text.lstrip("rRbBfFuU")
    prefix, quote = text[: len(text) - len(body)], body[:1]
    inner = body[1:-1]
    if body.startswith(('"""', "'''")) or len(inner) > 30:
        return
    for changed in ("", " ", inner.upper(), inner.lower(), inner.capitalize(), inner.strip()):
        yield f"{prefix}{quote}{changed}{quote}"
    if inner.isdecimal():
        yield inner
        yield f"{prefix}{quote}{int(inner) + 1}{quote}"
        yield f"{prefix}{quote}{int(inner) - 1}{quote}"
    if inner:
        yield f"{prefix}{quote}{inner} {quote}"
        yield f"{prefix}{quote} {inner}{quote}"
        yield f"{prefix}{quote}{inner}\\n{quote}"
        if len(inner) > 1:
            yield f"{prefix}{quote}{inner[:-1]}{quote}"
            yield f"{prefix}{quote}{inner[1:]}{quote}"
            yield f"{prefix}{quote}{inner[::-1]}{quote}"
    if "{" in inner and "f" not in prefix.lower():
        yield f"f{text}"


def names(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Another name in scope; in the place of a called one also functions of the module."""
    sh, scope = line.shape, line.scope
    if sh.first in ("import", "from", "global", "nonlocal", "class"):
        return
    for i, token in enumerate(sh.tokens):
        if token.kind != "name" or _follows(sh.tokens, i, (".", "def", "class", "import")):
            continue
        if _is_keyword_argument(line, i):
            continue
        called = _called(sh.tokens, i)
        choice = (*scope.functions, *scope.variables[:4]) if called else scope.variables
        if not called and token.text in (*scope.functions, *scope.imported):
            choice = scope.functions + scope.variables
        if scope.is_method and not called:
            choice = (*tuple(name for name in choice if name != "self"), "self")
        for name in choice[:_MAX_NAMES]:
            if name != token.text:
                yield sh.put(i, i + 1, name)
        if not called and sh.first != "def":
            yield from (sh.put(i, i + 1, c) for c in _literals_for(line, i))
            if token.text in ctx.undefined:
                yield from (sh.put(i, i + 1, c) for c in (*_INVENTED, *ctx.numbers[:6]))


def bindings(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A name that is used but bound nowhere, in the place of one that the line binds."""
    sh = line.shape
    bound = {*bound_names(sh), *(parameters(sh) if sh.first == "def" else ())}
    for i, token in enumerate(sh.tokens):
        if token.kind == "name" and token.text in bound and not _follows(sh.tokens, i, (".",)):
            yield from (sh.put(i, i + 1, name) for name in sorted(ctx.undefined - {token.text}))


def _literals_for(line: CodeLine, i: int) -> tuple[str, ...]:
    """A constant in the place of a name: returned, compared or passed."""
    tokens = line.shape.tokens
    before = tokens[i - 1].text if i else ""
    after = tokens[i + 1].text if i + 1 < len(tokens) else ""
    if before == "return" and after in ("", "#"):
        return ("True", "False", "None", "0", "1", "[]")
    if before in ("[", "(", ",", "+", "-", "==", "<", ">", "=", ":", "<=", ">=") and after in (
        *("]", ")", ",", ":", "", "==", "<", ">", "+", "-"),
    ):
        return ("0", "1", "-1") if before in ("(", ",", "==", "=") else ("0", "1")
    if before in ("%", "//", "/", "*", "**"):
        return ("2", "10")
    return ()


def _follows(tokens: tuple[Token, ...], i: int, words: tuple[str, ...]) -> bool:
    return i > 0 and tokens[i - 1].text in words


def _called(tokens: tuple[Token, ...], i: int) -> bool:
    return i + 1 < len(tokens) and tokens[i + 1].text == "("


def _is_keyword_argument(line: CodeLine, i: int) -> bool:
    tokens = line.shape.tokens
    after = tokens[i + 1].text if i + 1 < len(tokens) else ""
    return after == "=" and line.shape.first != "def" and _inside(line, i)


def attributes(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Sibling methods, then other attributes that the window uses."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        if token.kind != "name" or not _follows(sh.tokens, i, (".",)):
            continue
        called = _called(sh.tokens, i)
        others = (ctx.methods if called else ctx.attributes)[:6]
        for other in dict.fromkeys((*ATTRIBUTES.get(token.text, ()), *others)):
            yield sh.put(i, i + 1, other)


def siblings(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Builtins and statement keywords that are mistaken for one another."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        if _follows(sh.tokens, i, (".",)):
            continue
        if token.kind == "name":
            unknown = token.text in ctx.undefined and _called(sh.tokens, i)
            for other in COMMON_BUILTINS if unknown else BUILTINS.get(token.text, ()):
                yield sh.put(i, i + 1, other)
        elif token.kind == "keyword":
            for other in KEYWORDS.get(token.text, ()):
                alone = other in ("break", "continue", "pass", "return")
                if i == 0 and (not alone or len(sh.tokens) == 1):
                    yield sh.put(i, i + 1, other)
    if sh.first == "elif":
        yield f"{sh.indent}else:"


def typos(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A word that nothing explains, by words at most two slips away; undefined names first."""
    sh, scope = line.shape, line.scope
    known = {*scope.names, *BUILTIN_NAMES, "self", "cls", "_"}
    for i, token in enumerate(sh.tokens):
        if token.kind != "name" or len(token.text) < 2:
            continue
        if _follows(sh.tokens, i, (".",)):
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


def _known_at(ctx: Context, line: CodeLine, i: int) -> Iterable[str]:
    """What may stand in the place of a name, as far as anything says so."""
    tokens, scope = line.shape.tokens, line.scope
    if _follows(tokens, i, (".",)):
        module = exports().get(tokens[i - 2].text if i > 1 else "")
        return sorted(module) if module else (*ctx.attributes, *ctx.methods, *COMMON_ATTRIBUTES)
    if line.shape.first == "from":
        return sorted(exports().get(line.text.split()[1], ()))
    if _is_keyword_argument(line, i):
        headers = (other.shape for other in ctx.lines if other.shape.first in ("def", "async"))
        return dict.fromkeys(name for header in headers for name in parameters(header))
    if _called(tokens, i):
        return (*scope.functions, *scope.imported, *sorted(BUILTIN_NAMES))
    passed = _follows(tokens, i, ("(", ","))
    builtin = (name for name in sorted(BUILTIN_NAMES) if passed or name[0].isupper())
    return (*scope.names, *builtin)


def chains(ctx: Context, line: CodeLine) -> Iterator[str]:
    """An attribute or element that the window names elsewhere, in the place of an unknown name."""
    sh = line.shape
    places = [
        i
        for i, token in enumerate(sh.tokens)
        if token.text in ctx.undefined and token.kind == "name" and not _called(sh.tokens, i)
    ]
    if places:
        found = {
            other.shape.slice(span): None
            for other in ctx.lines
            for span in other.shape.primaries
            if span.end - span.start > 2 and other.shape.tokens[span.end - 1].text != ")"
        }
        for i in places:
            if not _follows(sh.tokens, i, (".",)):
                yield from (sh.put(i, i + 1, chain) for chain in list(found)[:_MAX_NAMES])


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
