"""What is to be said of one line of code, and of a change of one, wherever it stands: without a
program's own words, but for names that are counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from editloop.document.edits import common_ends
from editloop.moves.tables import ATTRIBUTES, BUILTINS
from editloop.python.lexer import Token, lex
from editloop.python.scope import BUILTIN_NAMES

MOST = 6
"""Tokens of one side of an edit that its features tell apart."""
_SMALL = frozenset({"0", "1", "2", "10", "0.0", "1.0", "0.5"})
_METHODS = frozenset(
    name
    for kind in (str, list, dict, set, tuple, int)
    for name in dir(kind)
    if not name.startswith("_")
)
_SIBLINGS = {
    word: (*ATTRIBUTES.get(word, ()), *BUILTINS.get(word, ())) for word in ATTRIBUTES | BUILTINS
}
"""Words by those that people take them for."""
_COMPARED = frozenset({"==", "!=", "<=", ">="})


class Line(NamedTuple):
    """A line without its program's own words; ``head`` is the kind of its statement."""

    text: str
    indent: int
    tokens: tuple[Token, ...]
    classes: tuple[str, ...]
    head: str
    opens: bool


NOTHING = Line("", -1, (), (), "nothing", False)


@lru_cache(maxsize=16384)
def line_of(text: str) -> Line:
    """Remembered: most lines of a state are those of the one before."""
    tokens = lex(text)
    code = tokens[:-1] if tokens and tokens[-1].kind == "comment" else tokens
    return Line(
        text,
        len(text) - len(text.lstrip()),
        tokens,
        tuple(_class(tokens, i) for i in range(len(tokens))),
        _head(tokens),
        bool(code) and code[-1].text == ":",
    )


def _head(tokens: Sequence[Token]) -> str:
    if not tokens or tokens[0].kind == "comment":
        return "nothing"
    if tokens[0].kind == "keyword":
        return tokens[0].text
    texts = (token.text for token in tokens)
    return next((t for t in texts if t[-1] == "=" and t not in _COMPARED), "call")


def _class(tokens: tuple[Token, ...], i: int) -> str:
    kind, text = tokens[i][:2]
    match kind:
        case "name":
            if i and tokens[i - 1].text == ".":
                return text if text in _METHODS else "attribute"
            return text if text in BUILTIN_NAMES or text == "self" else "name"
        case "number":
            return text if text in _SMALL else "number"
        case "op" | "keyword" | "const":
            return text
        case _:
            return kind


class Edit(NamedTuple):
    """Features of a change of one line that hold wherever the line stands; they are cached, as the
    same lines come again in every state of a search."""

    gone: Sequence[Token]
    come: Sequence[Token]
    kinds: str
    words: Sequence[str]
    """Features."""
    signed: Sequence[str]
    """Features that are features together with what the checks say, too."""
    takes: Sequence[str]
    """Names."""
    brings: Sequence[str]
    old: Sequence[tuple[str, str]]
    """Neighbours of which at least one is taken away, or those between which something comes."""
    new: Sequence[tuple[str, str]]
    """Neighbours of which at least one is brought, or those between which nothing is left."""


@lru_cache(maxsize=8192)
def edit_of(old: str, new: str) -> Edit | None:
    """What turns one line into another; None where the tokens stay as they are."""
    was, now = line_of(old), line_of(new)
    a, b = was.tokens, now.tokens
    head, tail = common_ends([t.text for t in a], [t.text for t in b])
    gone, come = a[head : len(a) - tail], b[head : len(b) - tail]
    if not gone and not come:
        return None
    left = " ".join(was.classes[head : len(a) - tail][:MOST])
    right = " ".join(now.classes[head : len(b) - tail][:MOST])
    edit = f"{left} > {right}"
    kinds = f"{' '.join(t.kind for t in gone[:3])} > {' '.join(t.kind for t in come[:3])}"
    before = was.classes[head - 1] if head else "^"
    after = was.classes[len(a) - tail] if tail else "$"
    words = [
        f"{edit} | {before} _ {after}",
        f"{kinds} | {before} _ {after}",
        f"{edit} | {was.head}",
        f"{kinds} | {was.head}",
    ]
    if was.indent != now.indent:
        words.append("and moved")
    signed = [edit, kinds, f"{few(len(gone))} > {few(len(come))}"]
    if len(gone) == len(come) == 1 and come[0].text in _SIBLINGS.get(gone[0].text, ()):
        signed.append(f"sibling {gone[0].kind}")
    if gone and _is_repeated(a, head, len(a) - tail):
        signed.append(f"repeated {' '.join(t.kind for t in gone[:3])}")
    return Edit(
        gone,
        come,
        kinds,
        words,
        signed,
        [t.text for t in gone if t.kind == "name"],
        [t.text for t in come if t.kind == "name"],
        _pairs(a, head, tail),
        _pairs(b, head, tail),
    )


def _is_repeated(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Whether a run of tokens, with its neighbours, stands on the line once more."""
    texts = ["", *(token.text for token in tokens), ""]
    run = texts[start : end + 2]
    return sum(texts[i : i + len(run)] == run for i in range(len(texts) - len(run) + 1)) > 1


def _pairs(tokens: Sequence[Token], head: int, tail: int) -> list[tuple[str, str]]:
    """Neighbours of which at least one is in the run between head and tail; or all around it."""
    texts = ["", *(token.text for token in tokens), ""]
    run = texts[head : len(tokens) - tail + 2]
    return list(pairwise(run))


def depth(line: Line, beside: Line) -> str:
    """How the level of a line compares with that of another."""
    if beside.indent < 0:
        return "none"
    return (
        "same"
        if line.indent == beside.indent
        else "deeper"
        if line.indent > beside.indent
        else "higher"
    )


def few(count: int) -> str:
    """A count, in steps that grow."""
    return str(max(0, count)) if count < 3 else "3" if count < 5 else "5"
