"""Kinds of moves that repair the signs of a line that does not parse: colons, brackets, quotes, an
equals sign, what lacks between two operands. Used only near a syntax error; words are in keywords.
"""

from __future__ import annotations

from collections.abc import Iterator

from editloop.document.commands import Command, edit_line
from editloop.moves.context import CodeLine, Context
from editloop.moves.keywords import BLOCKS
from editloop.python.lexer import CLOSERS, OPENERS, Shape, is_operand

_FOR_EQUALS = ("==", "!=", "<", ">", "<=", ">=", "-", "+", "*", "in")


def colons(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A colon at the end of a block's header, in place of a wrong sign too, or taken away."""
    sh = line.shape
    end = sh.code_end
    body = sh.text[: sh.tokens[end - 1].end] if end else sh.text
    rest = sh.text[len(body) :]
    if body.endswith(":"):
        yield body[:-1].rstrip() + rest
    else:
        yield body + ":" + rest
        if sh.tokens[end - 1].kind == "op":
            yield body[: sh.tokens[end - 1].start].rstrip() + ":" + rest
    for i, token in enumerate(sh.tokens[:end]):
        if token.text in (":", ";", "=", ",", ".") and i + 1 < end:
            yield sh.put(i, i + 1, ":")
            yield sh.put(i, i + 1, ",")
            yield sh.put(i, i + 1, "")
    if sh.first in BLOCKS:
        # The body may stand on the header's line, or ``else if`` may be meant.
        for i in range(1, end):
            if sh.tokens[i].kind in ("name", "keyword") and sh.pairs.get(i - 1, i) < i:
                yield sh.text[: sh.tokens[i - 1].end] + ":" + sh.text[sh.tokens[i - 1].end :]
    if sh.first == "else" and end > 2:
        yield sh.put(0, 1, "elif")


def comparisons(ctx: Context, line: CodeLine) -> Iterator[str]:
    """A single ``=`` that should be an operator."""
    for i, token in enumerate(line.shape.tokens):
        if token.text == "=" and i:
            yield from (line.shape.put(i, i + 1, other) for other in _FOR_EQUALS)


def brackets(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Add, remove or exchange a bracket, at every token boundary where one is missing."""
    sh = line.shape
    for i in sh.loose:
        yield _without(sh, i)
        for other in "()[]{}":
            if other != sh.tokens[i].text:
                yield sh.put(i, i + 1, other)
    wanted = [OPENERS[sh.tokens[i].text] for i in sh.loose if sh.tokens[i].text in OPENERS]
    wanted += [CLOSERS[sh.tokens[i].text] for i in sh.loose if sh.tokens[i].text in CLOSERS]
    for bracket in dict.fromkeys(wanted or [")", "]", "}"]):
        for at in _boundaries(sh) if sh.loose else [sh.tokens[sh.code_end - 1].end]:
            yield sh.text[:at] + bracket + sh.text[at:]
    closing = "".join(reversed(wanted))
    if wanted and sh.opens_block:
        at = sh.tokens[sh.code_end - 1].start
        yield sh.text[:at] + closing + sh.text[at:]
    if len(wanted) > 1:
        at = sh.tokens[sh.code_end - 1].end
        yield sh.text[:at] + closing + sh.text[at:]
        yield sh.text[:at] + closing + ":" + sh.text[at:]
    for i, token in enumerate(sh.tokens):
        if token.text in (*OPENERS, *CLOSERS) and i in sh.pairs:
            yield _without(sh, i)
            if token.text in OPENERS:
                inner = sh.slice((i + 1, sh.pairs[i]))
                for opener, closer in OPENERS.items():
                    yield sh.put(i, sh.pairs[i] + 1, f"{opener}{inner}{closer}")
    if len(sh.loose) == 2:
        a, b = sh.loose
        if sh.tokens[a].text in OPENERS and sh.tokens[b].text in CLOSERS:
            yield sh.put(b, b + 1, OPENERS[sh.tokens[a].text])


def _without(sh: Shape, i: int) -> str:
    return sh.text[: sh.tokens[i].start] + sh.text[sh.tokens[i].end :]


def _boundaries(sh: Shape) -> list[int]:
    places: dict[int, None] = {}
    for token in sh.tokens[: sh.code_end]:
        places[token.start] = None
        places[token.end] = None
    return list(places)


def quotes(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Close a string that is open, or open one that is only closed."""
    sh = line.shape
    for token in sh.tokens:
        if token.kind not in ("broken", "open"):
            continue
        quote = '"""' if '"""' in token.text[:5] else "'''" if "'''" in token.text[:5] else ""
        quote = quote or token.text.lstrip("rRbBfFuU")[:1]
        head = sh.text[: token.start]
        inner = token.text[token.text.index(quote) + len(quote) :]
        opened = [sh.tokens[i].text for i in sh.loose if sh.tokens[i].text in OPENERS]
        closing = "".join(OPENERS[bracket] for bracket in reversed(opened))
        colon = ":" if sh.first in BLOCKS else ""
        for ending in dict.fromkeys((closing, closing + colon)):
            if ending:
                yield sh.text + quote + ending
                yield head + token.text.replace(quote, "", 1) + ending
        for at in reversed(range(len(inner) + 1)):
            if at == len(inner) or not (inner[at].isalnum() or inner[at] == " "):
                yield head + token.text[: len(token.text) - len(inner) + at] + quote + inner[at:]
        yield head + token.text.replace(quote, "", 1)
        other = "'" if '"' in quote else '"'
        if other in inner:
            yield head + token.text.replace(quote, other, 1)
            yield head + token.text.replace(other, quote, 1)
            if closing:
                yield head + token.text.replace(other, quote, 1) + closing + colon
        for i, before in enumerate(sh.tokens):
            if before.end <= token.start and before.kind in ("name", "number", "op"):
                yield sh.text[: before.start] + quote + sh.text[before.start :]
                del i
        if len(quote) == 3:
            yield head + token.text.replace(quote, quote[0], 1)
    for i, token in enumerate(sh.tokens):
        if token.kind == "string" and i + 1 < len(sh.tokens) and sh.tokens[i + 1].kind == "name":
            # A quote of the same kind inside of a string: escape it.
            last = max(
                (t.end for t in sh.tokens if t.kind in ("string", "broken")), default=token.end
            )
            inner = sh.text[token.start + 1 : last - 1]
            mark = sh.text[token.start]
            if mark in "'\"":
                yield (
                    sh.text[: token.start + 1]
                    + inner.replace(mark, "\\" + mark)
                    + sh.text[last - 1 :]
                )


def docstrings(ctx: Context) -> Iterator[Command]:
    """Three quotes at both ends of a line that has fewer, or others, at one of them."""
    for i, sh in enumerate(ctx.shapes):
        body = sh.text.strip()
        inner = body.strip("\"'")
        for quote in ('"""', "'''"):
            whole = f"{sh.indent}{quote}{inner}{quote}"
            if inner and whole != sh.text and (body.startswith(quote) or body.endswith(quote)):
                yield edit_line(i + 1, sh.text, whole)
            opened = f"{sh.indent}{quote}{body.lstrip(quote[0])}"
            if body.startswith(quote[0]) and opened != sh.text:
                yield edit_line(i + 1, sh.text, opened)


def gaps(ctx: Context, line: CodeLine) -> Iterator[str]:
    """Between two operands: a comma, an operator, a dot, a keyword; or one of them goes."""
    sh = line.shape
    for i in range(1, sh.code_end):
        a, b = sh.tokens[i - 1], sh.tokens[i]
        starts = (
            b.kind in ("name", "number", "string", "const", "open", "broken") or b.text in OPENERS
        )
        if is_operand(a) and starts and not (b.text in ("(", "[") and a.kind != "number"):
            words = (
                ", ",
                " = ",
                " == ",
                " + ",
                " in ",
                ".",
                " and ",
                " - ",
                " * ",
                ": ",
                " if ",
                " is ",
                "",
            )
            for word in words:
                yield sh.text[: a.end] + word + sh.text[b.start :]
            for word in ("(", "["):
                yield sh.text[: a.end] + word + sh.text[b.start :]
            if a.kind == "name":
                end = sh.tokens[sh.code_end - 1 - sh.opens_block].end
                yield f"{sh.text[: a.end]}({sh.text[b.start : end]}){sh.text[end:]}"
            if b.start > a.end:
                yield sh.text[: a.end] + "_" + sh.text[b.start :]
            yield _without(sh, i - 1).replace("  ", " ") if a.start else _without(sh, i - 1)
        elif a.kind == "op" and b.kind == "op" and a.text not in CLOSERS and b.text not in OPENERS:
            yield _without(sh, i)
            yield _without(sh, i - 1)
            yield sh.text[: a.end] + sh.text[b.start :]
    for i, token in enumerate(sh.tokens):
        if token.kind == "op" and token.text not in OPENERS and token.text not in CLOSERS:
            yield _without(sh, i)
        elif token.kind in ("keyword", "name") and i + 1 < len(sh.tokens):
            yield sh.text[: token.start] + sh.text[sh.tokens[i + 1].start :]
