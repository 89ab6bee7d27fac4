"""Kinds of moves that exchange one token: operators, constants, names, methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from editloop.moves.context import CodeLine, Context
from editloop.moves.tables import (
    ATTRIBUTES,
    BUILTINS,
    COMMON_BUILTINS,
    KEYWORDS,
    MEMBERS,
    OPERATORS,
    OPPOSITES,
)
from editloop.python.lexer import AUGMENTED, Token, is_operand
from editloop.python.scope import all_bound

_MAX_NAMES = 12
_INVENTED = ('float("inf")', "None", "True", "False", "0", "1", "[]", "{}", '""')
"""What may be meant by a name such as ``infinity``, beside the constants of the window."""
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
        if pair in ("[]", "{}", "()") and follows(sh.tokens, i, ("=", "return", ",", "(")):
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
        if token.kind != "name" or follows(sh.tokens, i, (".", "def", "class", "import")):
            continue
        if is_keyword_argument(line, i):
            continue
        called = is_called(sh.tokens, i)
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
                invented = (*_INVENTED, *ctx.numbers[:6], *ctx.strings[:4])
                yield from (sh.put(i, i + 1, c) for c in dict.fromkeys(invented))


def bindings(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A name that is used but bound nowhere, in the place of one that the line binds."""
    sh = line.shape
    bound = all_bound(sh)
    for i, token in enumerate(sh.tokens):
        if token.kind == "name" and token.text in bound and not follows(sh.tokens, i, (".",)):
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


def follows(tokens: tuple[Token, ...], i: int, words: tuple[str, ...]) -> bool:
    return i > 0 and tokens[i - 1].text in words


def is_called(tokens: tuple[Token, ...], i: int) -> bool:
    return i + 1 < len(tokens) and tokens[i + 1].text == "("


def is_keyword_argument(line: CodeLine, i: int) -> bool:
    tokens = line.shape.tokens
    after = tokens[i + 1].text if i + 1 < len(tokens) else ""
    return after == "=" and line.shape.first != "def" and _inside(line, i)


def attributes(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Sibling methods, then other attributes that the window uses."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        if token.kind != "name" or not follows(sh.tokens, i, (".",)):
            continue
        called = is_called(sh.tokens, i)
        others = ctx.methods[:6] if called else ctx.attributes[:12]
        for other in dict.fromkeys((*ATTRIBUTES.get(token.text, ()), *others)):
            yield sh.put(i, i + 1, other)


def members(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Another well-known name of an imported module: ``math.floor`` for ``math.sqrt``."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        if i < 2 or token.kind != "name" or sh.tokens[i - 1].text != ".":
            continue
        module = sh.tokens[i - 2].text
        if module in line.scope.imported and not follows(sh.tokens, i - 2, (".",)):
            others = (name for name in MEMBERS.get(module, ()) if name != token.text)
            yield from (sh.put(i, i + 1, other) for other in others)


def siblings(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Builtins and statement keywords that are mistaken for one another."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        if follows(sh.tokens, i, (".",)):
            continue
        if token.kind == "name":
            unknown = token.text in ctx.undefined and is_called(sh.tokens, i)
            for other in COMMON_BUILTINS if unknown else BUILTINS.get(token.text, ()):
                yield sh.put(i, i + 1, other)
        elif token.kind == "keyword":
            for other in KEYWORDS.get(token.text, ()):
                alone = other in ("break", "continue", "pass", "return")
                if i == 0 and (not alone or len(sh.tokens) == 1):
                    yield sh.put(i, i + 1, other)
    if sh.first == "elif":
        yield f"{sh.indent}else:"


def _and_opposite(chain: str) -> tuple[str, ...]:
    """``root.left``, and ``root.right``."""
    owner, dot, last = chain.rpartition(".")
    return (chain, *(f"{owner}.{other}" for other in OPPOSITES.get(last, ()) if dot))


def chains(ctx: Context, line: CodeLine) -> Iterator[str]:
    """An attribute or element that the window names elsewhere, in the place of an unknown name."""
    sh = line.shape
    places = [
        i
        for i, token in enumerate(sh.tokens)
        if token.text in ctx.undefined and token.kind == "name" and not is_called(sh.tokens, i)
    ]
    if places:
        found = {
            chain: None
            for other in ctx.lines
            for span in other.shape.primaries
            if span.end - span.start > 2 and other.shape.tokens[span.end - 1].text != ")"
            for chain in _and_opposite(other.shape.slice(span))
        }
        for i in places:
            if not follows(sh.tokens, i, (".",)):
                yield from (sh.put(i, i + 1, chain) for chain in list(found)[:_MAX_NAMES])
