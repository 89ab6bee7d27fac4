"""A tolerant lexer for single lines, and the little structure that moves need.

It never fails: what is no token is an operator of one character, a quote that is not closed starts
a ``broken`` token. Lines are analyzed one by one and remembered, because most lines of a candidate
are those of its parent.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_PREFIX = r"(?:[rR][bBfF]?|[bBfF][rR]?|[uU])?"
_PATTERN = re.compile(
    rf"""
    (?P<comment>\#.*)
  | (?P<string>{_PREFIX}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
      |\"(?!\"\")(?:[^"\\]|\\.)*\"|'(?!'')(?:[^'\\]|\\.)*'))
  | (?P<open>{_PREFIX}(?:\"\"\"|''').*)
  | (?P<broken>{_PREFIX}["'].*)
  | (?P<number>0[xXoObB][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?[jJ]?)
  | (?P<name>[^\W\d]\w*)
  | (?P<op>\*\*=|//=|>>=|<<=|\.\.\.|\+\+|--|&&|\|\||===|!==|=>
      |[-+*/%&|^@:!=<>]=|->|\*\*|//|<<|>>|[^\w\s])
    """,
    re.VERBOSE,
)
CONSTANTS = frozenset({"True", "False", "None"})
OPENERS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = {close: open_ for open_, close in OPENERS.items()}
COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "in", "not in", "is", "is not"})
ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>"})
_TRIPLE = re.compile(r'"""|\'\'\'')


class Token(NamedTuple):
    """``kind``: name, keyword, const, number, string, op, comment, open (triple quote), broken."""

    kind: str
    text: str
    start: int
    end: int


class Span(NamedTuple):
    """A run of tokens, end excluded."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What one line's text says by itself."""

    text: str
    indent: str
    tokens: tuple[Token, ...]
    pairs: dict[int, int]
    """Both ways between the token indices of brackets that match within the line."""
    loose: tuple[int, ...]
    """Token indices of brackets without a partner on the line."""
    primaries: tuple[Span, ...]
    """``a``, ``a.b``, ``a.b(c)``: every prefix of every chain, in order."""
    groups: tuple[tuple[int, tuple[Span, ...]], ...]
    """(token index of the opener, -1 for the statement level; its elements between commas)."""

    @property
    def is_code(self) -> bool:
        return bool(self.tokens) and self.tokens[0].kind != "comment"

    @property
    def opens_block(self) -> bool:
        code = self.code_end
        return code > 0 and self.tokens[code - 1].text == ":"

    @property
    def code_end(self) -> int:
        """How many tokens stand before a trailing comment."""
        return len(self.tokens) - (self.tokens[-1].kind == "comment" if self.tokens else 0)

    @property
    def first(self) -> str:
        return self.tokens[0].text if self.tokens else ""

    def slice(self, span: tuple[int, int]) -> str:
        """The source of a run of tokens."""
        start, end = span
        return self.text[self.tokens[start].start : self.tokens[end - 1].end] if start < end else ""

    def put(self, start: int, end: int, new: str) -> str:
        """The line with the tokens from start to end (excluded, not empty) replaced."""
        return self.text[: self.tokens[start].start] + new + self.text[self.tokens[end - 1].end :]

    def insert(self, i: int, text: str) -> str:
        """Put text before token ``i``; what begins with a comma stays close to what is before."""
        at = self.tokens[i - 1].end if text.startswith(",") else self.tokens[i].start
        return self.text[:at] + text + self.text[at:]


def lex(text: str) -> tuple[Token, ...]:
    """The tokens of one line."""
    tokens = []
    for match in _PATTERN.finditer(text):
        kind, word = match.lastgroup or "op", match.group()
        if kind == "name":
            if word in CONSTANTS:
                kind = "const"
            elif keyword.iskeyword(word):
                kind = "keyword"
        tokens.append(Token(kind, word, match.start(), match.end()))
    return tuple(tokens)


@lru_cache(maxsize=8192)
def shape(text: str) -> Shape:
    """Analyze one line."""
    tokens = lex(text)
    pairs, loose = _match(tokens)
    indent = text[: len(text) - len(text.lstrip())]
    return Shape(
        text, indent, tokens, pairs, loose, _primaries(tokens, pairs), _groups(tokens, pairs)
    )


def _match(tokens: tuple[Token, ...]) -> tuple[dict[int, int], tuple[int, ...]]:
    pairs: dict[int, int] = {}
    stack: list[int] = []
    loose: list[int] = []
    for i, token in enumerate(tokens):
        if token.kind != "op":
            continue
        if token.text in OPENERS:
            stack.append(i)
        elif token.text in CLOSERS:
            if stack and OPENERS[tokens[stack[-1]].text] == token.text:
                pairs[stack[-1]] = i
                pairs[i] = stack.pop()
            else:
                loose.append(i)
    return pairs, tuple(sorted([*loose, *stack]))


def _primaries(tokens: tuple[Token, ...], pairs: dict[int, int]) -> tuple[Span, ...]:
    spans = []
    for i, token in enumerate(tokens):
        after_dot = i > 0 and tokens[i - 1].text == "."
        if token.kind in ("name", "number", "string", "const") and not after_dot:
            end = i + 1
        elif token.text in OPENERS and i in pairs and not (i and _is_operand(tokens[i - 1])):
            end = pairs[i] + 1
        else:
            continue
        spans.append(Span(i, end))
        while end < len(tokens):
            if tokens[end].text == "." and end + 1 < len(tokens) and tokens[end + 1].kind == "name":
                end += 2
            elif tokens[end].text in ("(", "[") and end in pairs and token.kind != "number":
                end = pairs[end] + 1
            else:
                break
            spans.append(Span(i, end))
    return tuple(spans)


def _is_operand(token: Token) -> bool:
    """Whether an expression may end with this token, so that a bracket after it is a trailer."""
    return token.kind in ("name", "string", "const") or token.text in CLOSERS


def is_operand(token: Token) -> bool:
    """Whether an expression may end with this token."""
    return token.kind == "number" or _is_operand(token)


def _groups(
    tokens: tuple[Token, ...], pairs: dict[int, int]
) -> tuple[tuple[int, tuple[Span, ...]], ...]:
    end = len(tokens) - (tokens[-1].kind == "comment" if tokens else 0)
    found = []
    for start, stop in _statement_regions(tokens, end):
        found.append((-1, _elements(tokens, pairs, start, stop)))
    for i, token in enumerate(tokens):
        if token.text in OPENERS and token.kind == "op" and i in pairs and pairs[i] > i + 1:
            found.append((i, _elements(tokens, pairs, i + 1, pairs[i])))
    return tuple((opener, spans) for opener, spans in found if spans)


def _statement_regions(tokens: tuple[Token, ...], end: int) -> list[Span]:
    """The expressions of a statement outside of brackets: after its keyword or its ``=``."""
    if not tokens or end == 0:
        return []
    start, depth = 0, 0
    stop = end - 1 if tokens[end - 1].text == ":" else end
    for i in range(end):
        text = tokens[i].text
        if tokens[i].kind == "op" and text in OPENERS:
            depth += 1
        elif tokens[i].kind == "op" and text in CLOSERS:
            depth -= 1
        elif depth == 0 and (
            (tokens[i].kind == "keyword" and text in _HEADS)
            or (tokens[i].kind == "op" and (text == "=" or text in AUGMENTED))
            or (text == "in" and tokens[0].text == "for")
        ):
            start = i + 1
    return [Span(start, stop)] if start < stop else []


_HEADS = frozenset(
    {"if", "elif", "while", "return", "assert", "yield", "raise", "for", "del", "with", "await"}
)
AUGMENTED = frozenset({"+=", "-=", "*=", "/=", "//=", "%=", "**=", "&=", "|=", "^=", "<<=", ">>="})


def _elements(
    tokens: tuple[Token, ...], pairs: dict[int, int], start: int, stop: int
) -> tuple[Span, ...]:
    spans, first, i = [], start, start
    while i < stop:
        if tokens[i].text in OPENERS and tokens[i].kind == "op" and i in pairs:
            i = pairs[i]
        elif tokens[i].text == "," and tokens[i].kind == "op":
            spans.append(Span(first, i))
            first = i + 1
        i += 1
    spans.append(Span(first, stop))
    return tuple(span for span in spans if span.start < span.end)


def string_lines(texts: list[str]) -> list[bool]:
    """Which lines begin inside of a triple-quoted string (one that is closed further down)."""
    inside = [False] * len(texts)
    closer = ""
    for i, text in enumerate(texts):
        if closer:
            inside[i] = True
            at = text.find(closer)
            if at < 0:
                continue
            rest, closer = text[at + 3 :], ""
        else:
            rest = text
        if '"""' in rest or "'''" in rest:
            last = shape(rest).tokens[-1:]
            if last and last[0].kind == "open":
                found = _TRIPLE.search(last[0].text)
                mark = found.group() if found else ""
                if any(mark in later for later in texts[i + 1 :]):
                    closer = mark
    return inside
