"""Kinds of moves that repair the words of a line that does not parse: those of other languages,
keywords that lack, are misspelled or are none. Used only near a syntax error; signs are in
punctuation.
"""

from __future__ import annotations

from collections.abc import Iterator

from editloop.moves.context import CodeLine, Context
from editloop.moves.spelling import closest
from editloop.moves.tables import FOREIGN, FOREIGN_OPERATORS, HARD_KEYWORDS
from editloop.python.lexer import OPENERS, Shape, is_operand

BLOCKS = (
    "def",
    "class",
    "if",
    "elif",
    "else",
    "for",
    "while",
    "try",
    "except",
    "finally",
    "with",
    "async",
    "match",
    "case",
)
"""Words that begin a header."""
_STATEMENTS = (
    *("if", "elif", "else", "while", "for", "return", "assert", "def", "class", "try", "except"),
    *("with", "import", "from", "raise", "yield", "del", "pass", "break", "continue"),
)
_BETWEEN = ("in", "and", "or", "if", "else", "is", "not in", "for", "as", "import")


def foreign(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Words and operators of other languages; keyword typos; unwanted ends of lines."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        if token.kind in ("name", "keyword") and token.text in FOREIGN:
            new = FOREIGN[token.text]
            if new:
                yield sh.put(i, i + 1, new)
            elif i + 1 < len(sh.tokens):
                yield sh.text[: token.start] + sh.text[sh.tokens[i + 1].start :]
            else:
                yield sh.text[: token.start].rstrip()
                yield sh.text[: token.start].rstrip() + ":"
        pair = "".join(t.text for t in sh.tokens[i : i + 2])
        width = 2 if pair != token.text and pair in FOREIGN_OPERATORS else 1
        word = pair if width == 2 else token.text
        if token.kind == "op" and word in FOREIGN_OPERATORS:
            start, end = token.start, sh.tokens[i + width - 1].end
            new = FOREIGN_OPERATORS[word]
            left = sh.text[:start].rstrip() if new.startswith(" ") or not new else sh.text[:start]
            yield left + new + (sh.text[end:].lstrip() if new.endswith(" ") else sh.text[end:])
            if word in ("=>", ":=", "->"):
                yield sh.put(i, i + 1, ":" if word == "=>" else "==")
                yield sh.put(i, i + 1, "=")
        if token.kind == "name":
            for other in closest(token.text, sorted(HARD_KEYWORDS)):
                yield sh.put(i, i + 1, other)
        if token.text == "else" and i + 1 < len(sh.tokens) and sh.tokens[i + 1].text == "if":
            yield sh.put(i, i + 2, "elif")
        if token.text == "/" and "/*" in sh.text and "*/" in sh.text:
            yield sh.text.replace("/*", "", 1).replace("*/", "", 1)
        if token.text == "//":
            yield f"{sh.text[: token.start]}#{sh.text[token.end :]}"
            if i == 0:
                yield sh.indent + sh.text[token.end :].lstrip()
    if sh.tokens[-1].text in ("{", "}", ";", ",", "\\", "then", "do"):
        rest = sh.text[: sh.tokens[-1].start].rstrip()
        yield rest
        yield rest + ":"


def keywords(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A word that is none by a keyword: at the beginning, or between two operands."""
    sh = line.shape
    if sh.tokens[0].kind in ("name", "keyword"):
        yield from (sh.put(0, 1, word) for word in _STATEMENTS)
    for i in range(1, sh.code_end - 1):
        a, b = sh.tokens[i - 1], sh.tokens[i + 1]
        if sh.tokens[i].kind == "name" and is_operand(a) and (is_operand(b) or b.text in OPENERS):
            yield from (sh.put(i, i + 1, word) for word in _BETWEEN)


def headers(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Words that a statement lacks: ``in`` of a for, ``def``, ``if``, parentheses of a function."""
    sh = line.shape
    if sh.tokens[0].kind == "name" or sh.first in OPENERS:
        for word in (
            "def",
            "if",
            "for",
            "while",
            "return",
            "elif",
            "class",
            "import",
            "from",
            "not",
        ):
            yield f"{sh.indent}{word} {sh.text[len(sh.indent) :]}"
    if sh.first == "for" and not any(t.text == "in" for t in sh.tokens):
        for i in range(2, sh.code_end):
            yield sh.text[: sh.tokens[i].start] + "in " + sh.text[sh.tokens[i].start :]
            if sh.tokens[i].text in ("=", ":", ",", "of", "on", "is", "from"):
                yield sh.put(i, i + 1, "in")
    if sh.first in ("def", "class") and sh.code_end >= 2 and "(" not in sh.text:
        at = sh.tokens[1].end
        yield sh.text[:at] + "()" + sh.text[at:]
        yield sh.text[:at].rstrip(":") + "():"
    yield from printed(sh)
    if sh.first in ("else", "try", "finally") and sh.code_end > 1:
        yield f"{sh.indent}{sh.first}:"
    if sh.first == "import" and "from" in [t.text for t in sh.tokens]:
        at = next(i for i, t in enumerate(sh.tokens) if t.text == "from")
        yield f"{sh.indent}from {sh.slice((at + 1, sh.code_end))} import {sh.slice((1, at))}"


def printed(sh: Shape) -> Iterator[str]:
    """Python 2's print as a call."""
    if sh.first == "print" and sh.code_end > 1 and sh.tokens[1].text != "(":
        rest = sh.text[sh.tokens[sh.code_end - 1].end :]
        yield f"{sh.indent}print({sh.slice((1, sh.code_end))}){rest}"
