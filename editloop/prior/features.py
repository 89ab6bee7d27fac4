"""What a command looks like in a state, as named features for which a linear model has weights.

A feature says what tokens an edit takes away and brings, what stands around them, how often the
names among them occur, and what the checks say: never a program's own words, but for those of the
language and of its built-in functions and methods.
"""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from editloop.commands import Command
from editloop.moves.lexer import Token, lex
from editloop.moves.tables import ATTRIBUTES, BUILTIN_NAMES, BUILTINS
from editloop.prior.signs import expected, signs
from editloop.transcript import Observation

_MOST = 6
"""Tokens of one side of an edit that its features tell apart."""
_SMALL = frozenset({"0", "1", "2", "10", "0.0", "1.0", "0.5"})
_METHODS = frozenset(
    name
    for kind in (str, list, dict, set, tuple, int)
    for name in dir(kind)
    if not name.startswith("_")
)
SIBLINGS = {
    word: (*ATTRIBUTES.get(word, ()), *BUILTINS.get(word, ())) for word in ATTRIBUTES | BUILTINS
}
"""Words by those that people take them for."""
_COMPARED = frozenset({"==", "!=", "<=", ">="})


class _Line(NamedTuple):
    """A line without its program's own words; ``head`` is the kind of its statement."""

    text: str
    indent: int
    tokens: tuple[Token, ...]
    classes: tuple[str, ...]
    first: str
    head: str
    opens: bool


_NOTHING = _Line("", -1, (), (), "", "nothing", False)


@lru_cache(maxsize=16384)
def _line(text: str) -> _Line:
    tokens = lex(text)
    code = tokens[:-1] if tokens and tokens[-1].kind == "comment" else tokens
    first = tokens[0].text if tokens else ""
    return _Line(
        text,
        len(text) - len(text.lstrip()),
        tokens,
        tuple(_class(tokens, i) for i in range(len(tokens))),
        first if keyword.iskeyword(first) else "",
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


class Features:
    """Those of commands in one observation."""

    def __init__(self, observation: Observation) -> None:
        self.window = observation.window
        self.lines = [_line(text) for text in self.window]
        self.count: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        for line in self.lines:
            texts = [token.text for token in line.tokens]
            self.count.update(t.text for t in line.tokens if t.kind == "name")
            self.pairs.update(zip(["", *texts], [*texts, ""], strict=True))
        said = [text for _, text in observation.findings]
        self.signs = signs(said) or ("nothing",)
        self.expected = expected(said)
        self.said = {w for text in said for w in text.replace("'", "`").split("`")[1::2]}
        self.named = [number for number, _ in observation.findings if number is not None]
        self.texts = {text.strip() for text in self.window}

    def of(self, command: Command) -> list[str]:
        """The features of one command that is legal here."""
        match command.verb:
            case "ADDL":
                return self._inserted(command)
            case "DELL":
                return self._deleted(command)
            case _:
                return self._changed(command)

    def _signed(self, word: str) -> Iterator[str]:
        """A feature by itself and with what the checks say."""
        yield word
        yield f"{word} | {self.signs[0]}"

    def _place(self, number: int, word: str) -> Iterator[str]:
        """Where the command is, beside the lines that the checks name."""
        if self.named:
            away = min((number - line for line in self.named), key=abs)
            where = str(away) if abs(away) <= 2 else "above" if away < 0 else "below"
            yield f"at {where}"
            yield f"at {where} | {self.signs[0]}"
            yield f"at {where} | {word} | {self.signs[0]}"
        else:
            where = "last" if number >= len(self.window) else _few(number)
            yield f"line {where} | {word}"

    def _above(self, index: int) -> _Line:
        """The nearest line of code above."""
        return next((x for x in reversed(self.lines[:index]) if x.head != "nothing"), _NOTHING)

    def _below(self, index: int) -> _Line:
        """The nearest line of code from here on."""
        return next((x for x in self.lines[index:] if x.head != "nothing"), _NOTHING)

    def _inserted(self, command: Command) -> list[str]:
        line = _line(command.text)
        above, below = self._above(command.line - 1), self._below(command.line - 1)
        form = " ".join(line.classes[: 2 * _MOST])
        first = line.classes[0] if line.classes else ""
        level = f"{_level(line, above)} {_level(line, below)} {above.opens}"
        found = [
            *self._signed(f"insert {form}"),
            *self._signed(f"insert {first}"),
            *self._signed(f"insert {level}"),
            f"insert {first} {level}",
            f"insert {first} after {above.head} {above.opens}",
            f"insert {first} before {below.head} {_level(line, below)}",
            f"insert {form} after {above.head} before {below.head}",
            f"insert known {command.text.strip() in self.texts}",
            *self._place(command.line, f"insert {first}"),
        ]
        for at, token in enumerate(line.tokens):
            if token.kind == "name":
                word = "target" if at == 0 and "=" in line.head else "name"
                found.append(f"insert {word} {_few(self.count[token.text])}")
                if token.text in self.said:
                    found.append(f"insert {word} that is said | {self.signs[0]}")
        if self._is_expected(line.tokens):
            found.append("insert what is expected")
        return found

    def _deleted(self, command: Command) -> list[str]:
        line = self.lines[command.line - 1]
        above, below = self._above(command.line - 1), self._below(command.line)
        level = f"{_level(line, above)} {_level(line, below)}"
        found = [
            *self._signed("delete"),
            *self._signed(f"delete {line.head}"),
            f"delete {' '.join(line.classes[:_MOST])}",
            f"delete {level} {above.opens} {line.opens}",
            f"delete {line.head} after {above.head} before {below.head}",
            f"delete same {above.text.strip() == line.text.strip()}",
            *self._place(command.line, "delete"),
        ]
        if line.tokens and line.tokens[0].kind == "name":
            found.append(f"delete name {_few(self.count[line.tokens[0].text])}")
        return found

    def _changed(self, command: Command) -> list[str]:
        was = self.lines[command.line - 1]
        new = command.text
        if command.verb == "REPW":
            new = was.text.replace(command.source, command.text, 1)
        edit = _edit(was.text, new)
        if edit is None:
            return self._moved(command.line, was, _line(new))
        sign = self.signs[0]
        found = [
            *edit.words,
            *edit.signed,
            *[f"{word} | {sign}" for word in edit.signed],
            *self._place(command.line, edit.kinds),
            *self._paired(edit),
            *self._names(edit, was),
        ]
        if len(self.signs) > 1:
            found.append(f"{edit.signed[0]} | and {self.signs[1]}")
        if self.expected:
            if self._is_expected(edit.come):
                found.append("brings what is expected")
            if self._is_expected(edit.gone):
                found.append("takes what is expected")
        return found

    def _is_expected(self, tokens: Sequence[Token]) -> bool:
        """Whether a value that a call should have is among them."""
        return any(token.text.replace('"', "'") in self.expected for token in tokens)

    def _paired(self, edit: _Edit) -> Iterator[str]:
        """Whether what stands side by side does so elsewhere in the window."""
        known = [self.pairs[pair] for pair in edit.new]
        yield f"pairs {_few(min([self.pairs[p] for p in edit.old]) - 1)} {_few(min(known))}"
        yield f"new pairs {known[:4].count(0)}"

    def _names(self, edit: _Edit, line: _Line) -> Iterator[str]:
        """How often the names occur that an edit takes away and brings."""
        old, new = edit.takes, edit.brings
        for verb, names in (("takes", old), ("brings", new)):
            for name in names[:3]:
                if verb == "brings" and name in BUILTIN_NAMES:
                    continue
                times = _few(self.count[name])
                here = sum(token.kind == "name" and token.text == name for token in line.tokens)
                yield f"{verb} {times} | {edit.kinds}"
                yield f"{verb} {times} here {_few(here)}"
                if name in self.said:
                    yield f"{verb} what is said | {self.signs[0]}"
        if len(old) == 1 and len(new) == 1:
            [x], [y] = old, new
            yield f"name {_few(self.count[x])} to {_few(self.count[y])}"
            yield f"name alike {x[0] == y[0]} {abs(len(x) - len(y)) <= 1} {x in y or y in x}"

    def _moved(self, number: int, was: _Line, now: _Line) -> list[str]:
        """A line of which only the level changes."""
        above, below = self._above(number - 1), self._below(number)
        word = "in" if now.indent > was.indent else "out"
        new = f"{_level(now, above)} {_level(now, below)}"
        old = f"{_level(was, above)} {_level(was, below)}"
        return [
            *self._signed(f"move {word}"),
            *self._signed(f"move {word} {new} {old} {above.opens}"),
            f"move {word} {was.head} {new} {old}",
            f"move {word} {was.head} after {above.head}",
            f"move {word} {was.head} after {above.head} before {below.head}",
            *self._place(number, f"move {word}"),
        ]


class _Edit(NamedTuple):
    """What is to be said of a change of one line, wherever it stands: the same lines come again in
    every state of a search."""

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
def _edit(old: str, new: str) -> _Edit | None:
    """None where the tokens stay as they are."""
    was, now = _line(old), _line(new)
    a, b = was.tokens, now.tokens
    most = min(len(a), len(b))
    head = 0
    while head < most and a[head].text == b[head].text:
        head += 1
    tail = 0
    while tail < most - head and a[-1 - tail].text == b[-1 - tail].text:
        tail += 1
    gone, come = a[head : len(a) - tail], b[head : len(b) - tail]
    if not gone and not come:
        return None
    left = " ".join(was.classes[head : len(a) - tail][:_MOST])
    right = " ".join(now.classes[head : len(b) - tail][:_MOST])
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
    signed = [edit, kinds, f"{_few(len(gone))} > {_few(len(come))}"]
    if len(gone) == len(come) == 1 and come[0].text in SIBLINGS.get(gone[0].text, ()):
        signed.append(f"sibling {gone[0].kind}")
    if gone and _is_repeated(a, head, len(a) - tail):
        signed.append(f"repeated {' '.join(t.kind for t in gone[:3])}")
    return _Edit(
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


def _level(line: _Line, beside: _Line) -> str:
    if beside.indent < 0:
        return "none"
    return (
        "same"
        if line.indent == beside.indent
        else "deeper"
        if line.indent > beside.indent
        else "higher"
    )


def _few(count: int) -> str:
    """A count, in steps that grow."""
    return str(max(0, count)) if count < 3 else "3" if count < 5 else "5"
