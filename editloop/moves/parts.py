"""Kinds of moves on the parts of an expression: take away, exchange, repeat, parenthesize."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from editloop.moves.context import CodeLine, Context
from editloop.python.lexer import ARITHMETIC, COMPARISONS, OPENERS, Shape, Span, is_operand

_LEVELS = (("if", "else"), ("or",), ("and",), tuple(COMPARISONS | {"not"}), tuple(ARITHMETIC))


def deletions(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Take a part away: an argument, one side of an operator, a trailer, a wrapping call."""
    sh = line.shape
    for opener, spans in sh.groups:
        yield from _drop_elements(sh, opener, spans)
        for span in spans:
            yield from _drop_sides(sh, span)
    yield from _unwrap(sh)
    yield from _drop_words(sh)


def _unwrap(sh: Shape) -> Iterator[str]:
    """Without a call's or subscript's brackets, without what is called, without parentheses."""
    for opener, closer in sh.pairs.items():
        if opener > closer:
            continue
        inner = sh.slice((opener + 1, closer))
        before = sh.tokens[opener - 1] if opener else None
        if before is not None and is_operand(before):
            yield sh.text[: before.end] + sh.text[sh.tokens[closer].end :]
            if before.kind == "name" and inner:
                start = _chain_start(sh, opener)
                yield sh.put(start, closer + 1, inner)
        elif inner:
            yield sh.put(opener, closer + 1, inner)


def _drop_words(sh: Shape) -> Iterator[str]:
    """Without an attribute and its call, without what stands before a dot, a keyword, a target."""
    for i, token in enumerate(sh.tokens):
        if token.text == "." and i and i + 1 < len(sh.tokens) and sh.tokens[i + 1].kind == "name":
            end = sh.pairs.get(i + 2, i + 1) if i + 2 < len(sh.tokens) else i + 1
            if is_operand(sh.tokens[i - 1]):
                yield sh.text[: token.start] + sh.text[sh.tokens[max(end, i + 1)].end :]
                if sh.tokens[i - 1].kind == "name":
                    yield sh.text[: sh.tokens[i - 1].start] + sh.text[token.end :]
    if sh.first in ("return", "yield", "raise") and sh.code_end > 1:
        yield sh.put(0, sh.code_end, sh.first)
        yield sh.put(0, 2, sh.tokens[1].text)
    for i, token in enumerate(sh.tokens[: max(sh.code_end - 1, 0)]):
        if token.text == "=" and i and not any(a < i < b for a, b in sh.pairs.items()):
            yield sh.indent + sh.text[sh.tokens[i + 1].start :]
            break


def _chain_start(sh: Shape, opener: int) -> int:
    """The first token of the chain that is called or subscripted at ``opener``."""
    return max((s.start for s in sh.primaries if s.end == opener), default=opener - 1)


def _drop_elements(sh: Shape, opener: int, spans: tuple[Span, ...]) -> Iterator[str]:
    if opener < 0 and len(spans) < 2:
        return
    for n, (start, end) in enumerate(spans):
        if n + 1 < len(spans):
            yield sh.text[: sh.tokens[start].start] + sh.text[sh.tokens[spans[n + 1].start].start :]
        elif n:
            yield sh.text[: sh.tokens[spans[n - 1].end - 1].end] + sh.text[sh.tokens[end - 1].end :]
        else:
            yield sh.put(start, end, "")


_BINARY = ARITHMETIC | COMPARISONS | {"and", "or", "if", "else"}


def _operators(sh: Shape, span: Span) -> list[Span]:
    """The binary operators of a region outside of its brackets."""
    found, i = [], span.start
    while i < span.end:
        token = sh.tokens[i]
        if token.kind == "op" and token.text in OPENERS and i in sh.pairs:
            i = sh.pairs[i]
        elif i > span.start and is_operand(sh.tokens[i - 1]):
            pair = " ".join(t.text for t in sh.tokens[i : i + 2])
            wide = pair in ("not in", "is not")
            if token.text in _BINARY or wide:
                found.append(Span(i, i + 1 + wide))
                i += wide
        i += 1
    return [op for op in found if op.end < span.end]


def _drop_sides(sh: Shape, span: Span) -> Iterator[str]:
    operators = _operators(sh, span)
    for level in _LEVELS:
        cuts = [op for op in operators if sh.tokens[op.start].text in level]
        edges = [Span(span.start, span.start), *cuts, Span(span.end, span.end)]
        for n, op in enumerate(cuts, 1):
            left, right = edges[n - 1].end, edges[n + 1].start
            if left < op.start:
                yield sh.text[: sh.tokens[left].start] + sh.text[sh.tokens[op.end].start :]
            yield sh.text[: sh.tokens[op.start - 1].end] + sh.text[sh.tokens[right - 1].end :]


def swaps(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Exchange neighbours between commas, or the two sides of an operator; repeat a side."""
    sh = line.shape
    for _, spans in sh.groups:
        for a, b in pairwise(spans):
            yield _exchange(sh, a, b)
        for span in spans:
            for a, op, b in _triples(sh, span):
                left, right, word = sh.slice(a), sh.slice(b), f" {sh.slice(op)} "
                yield _exchange(sh, a, b)
                if a.end - a.start + b.end - b.start > 2:
                    yield sh.put(a.start, b.end, left + word + left)
                    yield sh.put(a.start, b.end, right + word + right)
    subscripts = [Span(i, j + 1) for i, j in sorted(sh.pairs.items()) if sh.tokens[i].text == "["]
    for a, b in pairwise(subscripts):
        if a.end == b.start:
            yield _exchange(sh, a, b)
    if sh.code_end > 2 and sh.tokens[1].text == "," and sh.groups:
        opener, values = sh.groups[0]
        at = values[0].start - 1
        if opener == -1 and sh.tokens[at].text == "=":
            left = sh.slice((0, at))
            yield sh.put(0, sh.code_end, f"{sh.slice((at + 1, sh.code_end))} = {left}")


def exchanges(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Two different names or numbers of a line, each in the place of the other."""
    sh = line.shape
    if sh.first in ("import", "from", "class"):
        return
    places: list[Span] = []
    for i, token in enumerate(sh.tokens):
        if token.kind in ("name", "number") and not (i and sh.tokens[i - 1].text in (".", "def")):
            called = i + 1 < len(sh.tokens) and sh.tokens[i + 1].text == "("
            if not called:
                places.append(Span(i, i + 1))
    for a, b in combinations(places[:8], 2):
        if sh.slice(a) != sh.slice(b):
            yield _exchange(sh, a, b)


def _exchange(sh: Shape, a: Span, b: Span) -> str:
    between = sh.text[sh.tokens[a.end - 1].end : sh.tokens[b.start].start]
    return sh.put(a.start, b.end, sh.slice(b) + between + sh.slice(a))


def _triples(sh: Shape, span: Span) -> Iterator[tuple[Span, Span, Span]]:
    """(left side, operator, right side) of each binary operator of a region."""
    operators = _operators(sh, span)
    edges = [Span(span.start, span.start), *operators, Span(span.end, span.end)]
    for n, op in enumerate(operators, 1):
        left, right = Span(edges[n - 1].end, op.start), Span(op.end, edges[n + 1].start)
        if left.start < left.end and right.start < right.end:
            yield left, op, right


def parentheses(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Parenthesize two neighbouring operands where there are more."""
    sh = line.shape
    for _, spans in sh.groups:
        for span in spans:
            triples = list(_triples(sh, span))
            for left, op, right in triples if len(triples) > 1 else ():
                if sh.tokens[op.start].text not in ("if", "else"):
                    run = Span(left.start, right.end)
                    yield sh.put(run.start, run.end, f"({sh.slice(run)})")
