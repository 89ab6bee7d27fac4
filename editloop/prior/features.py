"""What a command looks like in a state, as named features for which a linear model has weights.

A feature says what tokens an edit takes away and brings, what stands around them, how often the
names among them occur, and what the checks say: never a program's own words, but for those of the
language and of its built-in functions and methods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from editloop.document.commands import Command
from editloop.document.transcript import Observation
from editloop.prior.changes import MOST, NOTHING, Edit, Line, depth, edit_of, few, line_of
from editloop.prior.signs import expected, signs
from editloop.python.lexer import Token
from editloop.python.scope import BUILTIN_NAMES


class Features:
    """The features of commands in one observation, as names."""

    def __init__(self, observation: Observation) -> None:
        self.window = observation.window
        self.lines = [line_of(text) for text in self.window]
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

    def _signed(self, *words: str) -> list[str]:
        """Features by themselves and with what the checks say."""
        sign = self.signs[0]
        return [*words, *[f"{word} | {sign}" for word in words]]

    def _place(self, number: int, word: str) -> Iterator[str]:
        """Where the command is, beside the lines that the checks name."""
        if self.named:
            away = min((number - line for line in self.named), key=abs)
            where = str(away) if abs(away) <= 2 else "above" if away < 0 else "below"
            yield f"at {where}"
            yield f"at {where} | {self.signs[0]}"
            yield f"at {where} | {word} | {self.signs[0]}"
        else:
            where = "last" if number >= len(self.window) else few(number)
            yield f"line {where} | {word}"

    def _above(self, index: int) -> Line:
        """The nearest line of code above."""
        return next((x for x in reversed(self.lines[:index]) if x.head != "nothing"), NOTHING)

    def _below(self, index: int) -> Line:
        """The nearest line of code from here on."""
        return next((x for x in self.lines[index:] if x.head != "nothing"), NOTHING)

    def _inserted(self, command: Command) -> list[str]:
        line = line_of(command.text)
        above, below = self._above(command.line - 1), self._below(command.line - 1)
        form = " ".join(line.classes[: 2 * MOST])
        first = line.classes[0] if line.classes else ""
        level = f"{depth(line, above)} {depth(line, below)} {above.opens}"
        found = [
            *self._signed(f"insert {form}"),
            *self._signed(f"insert {first}"),
            *self._signed(f"insert {level}"),
            f"insert {first} {level}",
            f"insert {first} after {above.head} {above.opens}",
            f"insert {first} before {below.head} {depth(line, below)}",
            f"insert {form} after {above.head} before {below.head}",
            f"insert known {command.text.strip() in self.texts}",
            *self._place(command.line, f"insert {first}"),
        ]
        for at, token in enumerate(line.tokens):
            if token.kind == "name":
                word = "target" if at == 0 and "=" in line.head else "name"
                found.append(f"insert {word} {few(self.count[token.text])}")
                if token.text in self.said:
                    found.append(f"insert {word} that is said | {self.signs[0]}")
        if self._is_expected(line.tokens):
            found.append("insert what is expected")
        return found

    def _deleted(self, command: Command) -> list[str]:
        line = self.lines[command.line - 1]
        above, below = self._above(command.line - 1), self._below(command.line)
        level = f"{depth(line, above)} {depth(line, below)}"
        found = [
            *self._signed("delete"),
            *self._signed(f"delete {line.head}"),
            f"delete {' '.join(line.classes[:MOST])}",
            f"delete {level} {above.opens} {line.opens}",
            f"delete {line.head} after {above.head} before {below.head}",
            f"delete same {above.text.strip() == line.text.strip()}",
            *self._place(command.line, "delete"),
        ]
        if line.tokens and line.tokens[0].kind == "name":
            found.append(f"delete name {few(self.count[line.tokens[0].text])}")
        return found

    def _changed(self, command: Command) -> list[str]:
        was = self.lines[command.line - 1]
        new = command.text
        if command.verb == "REPW":
            new = was.text.replace(command.source, command.text, 1)
        edit = edit_of(was.text, new)
        if edit is None:
            return self._moved(command.line, was, line_of(new))
        found = [
            *edit.words,
            *self._signed(*edit.signed),
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

    def _paired(self, edit: Edit) -> Iterator[str]:
        """Whether what stands side by side does so elsewhere in the window."""
        known = [self.pairs[pair] for pair in edit.new]
        yield f"pairs {few(min([self.pairs[p] for p in edit.old]) - 1)} {few(min(known))}"
        yield f"new pairs {known[:4].count(0)}"

    def _names(self, edit: Edit, line: Line) -> Iterator[str]:
        """How often the names occur that an edit takes away and brings."""
        old, new = edit.takes, edit.brings
        for verb, names in (("takes", old), ("brings", new)):
            for name in names[:3]:
                if verb == "brings" and name in BUILTIN_NAMES:
                    continue
                times = few(self.count[name])
                here = sum(token.kind == "name" and token.text == name for token in line.tokens)
                yield f"{verb} {times} | {edit.kinds}"
                yield f"{verb} {times} here {few(here)}"
                if name in self.said:
                    yield f"{verb} what is said | {self.signs[0]}"
        if len(old) == 1 and len(new) == 1:
            [x], [y] = old, new
            yield f"name {few(self.count[x])} to {few(self.count[y])}"
            yield f"name alike {x[0] == y[0]} {abs(len(x) - len(y)) <= 1} {x in y or y in x}"

    def _moved(self, number: int, was: Line, now: Line) -> list[str]:
        """A line of which only the level changes."""
        above, below = self._above(number - 1), self._below(number)
        word = "in" if now.indent > was.indent else "out"
        new = f"{depth(now, above)} {depth(now, below)}"
        old = f"{depth(was, above)} {depth(was, below)}"
        return [
            *self._signed(f"move {word}"),
            *self._signed(f"move {word} {new} {old} {above.opens}"),
            f"move {word} {was.head} {new} {old}",
            f"move {word} {was.head} after {above.head}",
            f"move {word} {was.head} after {above.head} before {below.head}",
            *self._place(number, f"move {word}"),
        ]
