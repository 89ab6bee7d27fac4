"""Kinds of moves around an expression: negate, add one, convert, call a method on it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from editloop.moves.context import CodeLine, Context
from editloop.python.lexer import ARITHMETIC, COMPARISONS, OPENERS, Shape, Span, is_operand

_CONDITIONS = ("if", "elif", "while", "assert", "and", "or", "return")
_NO_EXPRESSION = frozenset(
    {"def", "class", "import", "from", "except", "with", "global", "nonlocal", "try", "else", "del"}
)
_BEFORE_MINUS = frozenset({"return", "(", "[", ",", ":", "=", "*", "<", ">", "=="})
_TIGHT = frozenset({"*", "/", "//", "%", "**", "-"})
_ITERABLES = ("range", "enumerate", "sorted", "reversed", "set", "list", "zip")
_RESULTS = (
    "int",
    "str",
    "list",
    "len",
    "sum",
    "sorted",
    "set",
    "tuple",
    "abs",
    "float",
    "max",
    "min",
)
_ARGUMENTS = ("int", "str", "list", "len", "sorted", "set", "tuple", "float")
_METHODS = ("split", "strip", "lower", "items", "keys", "values", "copy", "pop", "upper")
_INDICES = re.compile(r"range\(len\((.+)\)\)")
_MAX_TERMS = 4
_CALLS_ONLY = frozenset({"self", "cls", "super", "True", "False", "None"})


def operands(sh: Shape) -> Iterator[tuple[Span, str, str]]:
    """Whole chains that are values: (span, the word before, the word after). No targets."""
    if sh.first in _NO_EXPRESSION:
        return
    seen: set[int] = set()
    for span in reversed(sh.primaries):
        if span.start in seen:
            continue
        seen.add(span.start)
        before = sh.tokens[span.start - 1].text if span.start else ""
        after = sh.tokens[span.end].text if span.end < len(sh.tokens) else ""
        if span.start == 0 or after in ("=", ":=") or before in ("for", "lambda", "as", "."):
            continue
        if _is_loop_target(sh, span.start):
            continue
        yield span, before, after


def _is_loop_target(sh: Shape, i: int) -> bool:
    for k in range(i - 1, -1, -1):
        if sh.tokens[k].text == "for":
            return True
        if sh.tokens[k].text not in (",", "(", ")") and sh.tokens[k].kind != "name":
            return False
    return False


def negations(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Insert or remove ``not``; what is empty for what is None; negate a whole condition; make it
    constant."""
    sh = line.shape
    yield from _nones(sh)
    for i, token in enumerate(sh.tokens[: max(sh.code_end - 1, 0)]):
        following = sh.tokens[i + 1].text
        if token.text == "not" and following != "in":
            yield sh.text[: token.start] + sh.text[sh.tokens[i + 1].start :]
        elif token.text in _CONDITIONS and following not in ("not", ":"):
            yield sh.insert(i + 1, "not ")
    if sh.first not in _CONDITIONS:
        return
    for opener, spans in sh.groups:
        if opener == -1 and len(spans) == 1:
            start, end = spans[0]
            if any(t.text in COMPARISONS or t.text in ("and", "or") for t in sh.tokens[start:end]):
                yield sh.put(start, end, f"not ({sh.slice(spans[0])})")
            if sh.first != "return":
                yield sh.put(start, end, "True")
                yield sh.put(start, end, "False")


def _nones(sh: Shape) -> Iterator[str]:
    """``x is None`` for ``not x`` and ``x is not None`` for ``x`` where a condition is a name."""
    words = [token.text for token in sh.tokens[: sh.code_end]]
    for i, (before, name) in enumerate(itertools.pairwise(words)):
        ends = words[i + 2 : i + 3] in ([], [":"], ["and"], ["or"], [")"], ["else"])
        if sh.tokens[i + 1].kind != "name" or not ends:
            continue
        if before == "not":
            yield sh.put(i, i + 2, f"{name} is None")
        elif before in _CONDITIONS:
            yield sh.put(i + 1, i + 2, f"{name} is not None")


def minus(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Insert or remove a unary minus."""
    sh = line.shape
    if sh.first in _NO_EXPRESSION:
        return
    for i, token in enumerate(sh.tokens[: sh.code_end]):
        before = sh.tokens[i - 1] if i else None
        if token.text in ("-", "+", "~") and i + 1 < sh.code_end:
            if before is None or not is_operand(before):
                yield sh.text[: token.start] + sh.text[token.end :]
        elif token.kind in ("name", "number") and before is not None:
            if before.text not in _BEFORE_MINUS:
                continue
            yield sh.insert(i, "-")


def off_by_one(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Add ``+ 1`` or ``- 1`` to an operand, or take a constant summand away."""
    sh = line.shape
    for span, before, after in operands(sh):
        first, last = sh.tokens[span.start], sh.tokens[span.end - 1]
        if first.kind not in ("name", "op") or first.text in ("[", "{") or last.text == "}":
            continue
        if after == "in" or before in ("not", "in") or first.text in _CALLS_ONLY:
            continue
        for tail in (" + 1", " - 1", *((" // 2",) if first.text in ("len", "sum") else ())):
            new = sh.slice(span) + tail
            yield sh.put(span.start, span.end, new)
            if before in _TIGHT or after in _TIGHT:
                yield sh.put(span.start, span.end, f"({new})")
    for i in range(1, len(sh.tokens) - 1):
        constant = sh.tokens[i + 1].kind in ("number", "string")
        if sh.tokens[i].text in ("+", "-") and constant and is_operand(sh.tokens[i - 1]):
            yield sh.text[: sh.tokens[i - 1].end] + sh.text[sh.tokens[i + 1].end :]


def terms(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A sum, difference or product of an operand and a name of the function."""
    sh = line.shape
    names = [name for name in line.scope.variables if name in ctx.counters][:_MAX_TERMS]
    for span, before, after in operands(sh):
        first = sh.tokens[span.start]
        if first.kind in ("string", "const") or first.text in OPENERS or before == "not":
            continue
        operand = sh.slice(span)
        tight = before in _TIGHT or after in _TIGHT
        for name in names:
            if name != operand:
                for form in ("{1} + {0}", "{0} - {1}", "{1} - {0}", "{0} * {1}"):
                    new = form.format(operand, name)
                    yield sh.put(span.start, span.end, f"({new})" if tight else new)


def conversions(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Wrap an operand, or the whole of an argument or result, in a call."""
    sh = line.shape
    done: dict[Span, None] = {}
    for span, before, after in operands(sh):
        done[span] = None
        names = _fitting(sh, span, before, after)
        if sh.tokens[span.start].kind == "name" and names:
            names = tuple(dict.fromkeys((*names, *ctx.called[:3])))
        yield from _wrap(sh, span, names)
    if sh.first in _NO_EXPRESSION:
        return
    for opener, elements in sh.groups:
        if opener >= 0 and sh.tokens[opener].text != "(":
            continue
        for span in elements if opener >= 0 or len(elements) == 1 else ():
            words = {t.text for t in sh.tokens[span.start : span.end]}
            if span in done or words & {"=", "*", "**", "lambda"}:
                continue
            if opener < 0 and sh.first in ("if", "elif", "while", "assert", "raise"):
                continue
            yield from _wrap(sh, span, _RESULTS if opener < 0 else _ARGUMENTS)


def _wrap(sh: Shape, span: Span, names: tuple[str, ...]) -> Iterator[str]:
    source = sh.slice(span)
    bare = sh.tokens[span.start].text == "(" and sh.pairs.get(span.start) == span.end - 1
    for name in names:
        if not source.startswith(f"{name}("):
            yield sh.put(span.start, span.end, f"{name}{source}" if bare else f"{name}({source})")


def _fitting(sh: Shape, span: Span, before: str, after: str) -> tuple[str, ...]:
    """Conversions that make sense: fewer where the place or the operand's kind says so."""
    first = sh.tokens[span.start]
    single = span.end == span.start + 1
    if first.text in _CALLS_ONLY and single:
        return ()
    if single and first.kind == "number":
        return ("str",) if "+" in (before, after) else ()
    if single and first.kind == "string":
        return ("len", "int", "list", "set") if before in (*COMPARISONS, "(", "in") else ()
    if before == "in":
        return _ITERABLES
    if before in ("[", ":") or after in ("]", ":"):
        return ("int", "len", "str") if sh.first not in ("if", "while", "for") else ("len", "int")
    if before in COMPARISONS or after in COMPARISONS or sh.first in ("if", "elif", "while"):
        return ("len", "int", "abs", "str", "set")
    if before in ARITHMETIC or after in ARITHMETIC:
        return ("int", "len", "abs", "str", "float")
    if before == "(" and span.start > 1 and sh.tokens[span.start - 2].text == "range":
        return ("len", "int")
    if before in ("return", "=") and after in ("", "#", "if", "for"):
        return _RESULTS
    return _ARGUMENTS if before in (*OPENERS, ",") else ("int", "len", "str")


def iterated(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Other forms of a ``for`` line: over the values, their indices, or both."""
    sh = line.shape
    for i, token in enumerate(sh.tokens):
        if token.text != "in" or not _is_loop_target(sh, i):
            continue
        end = i + 1
        while end < sh.code_end and sh.tokens[end].text not in (":", "if", "for", ")", "]", "}"):
            end = sh.pairs.get(end, end) + 1
        source = sh.slice((i + 1, end))
        inner = _INDICES.fullmatch(source)
        if inner:
            yield sh.put(i + 1, end, inner[1])
            yield sh.put(i + 1, end, f"enumerate({inner[1]})")
        elif source:
            for form in ("range(len({}))", "range({})", "enumerate({})"):
                yield sh.put(i + 1, end, form.format(source))


def methods(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A method without arguments called on an operand."""
    sh = line.shape
    for span, before, after in operands(sh):
        last = sh.tokens[span.end - 1]
        if sh.tokens[span.start].kind != "name" or last.text in _CALLS_ONLY or before in ARITHMETIC:
            continue
        if after in ARITHMETIC or (last.text == ")" and before not in ("in", "return", "=")):
            continue
        choice = _METHODS if before == "in" or after in ("", ")", ":") else _METHODS[:3]
        for name in choice:
            yield sh.text[: last.end] + f".{name}()" + sh.text[last.end :]
    if sh.tokens[0].kind == "name" and sh.pairs.get(sh.code_end - 1) == 1:
        return
    if sh.tokens[0].kind == "name" and sh.tokens[sh.code_end - 1].kind == "name":
        yield sh.text[: sh.tokens[sh.code_end - 1].end] + "()"
