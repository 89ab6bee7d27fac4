"""Where a name is used, and what stands around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from editloop.moves.context import CodeLine, Context
from editloop.python.scope import parameters

DEFINES = ("def", "async")


@dataclass(frozen=True, slots=True)
class Use:
    """A name in a line: the index of its token, and the attributes that follow it."""

    line: CodeLine
    at: int
    attributes: tuple[str, ...]

    @property
    def before(self) -> str:
        return self.line.shape.tokens[self.at - 1].text if self.at else ""

    @property
    def after(self) -> str:
        """The token after the name; behind a subscript that is closed, the one after that."""
        tokens, at = self.line.shape.tokens, self.at + 1
        if at < len(tokens) and tokens[at].text == "[":
            at = self.line.shape.pairs.get(at, at - 1) + 1
        return tokens[at].text if at < len(tokens) else ""

    @property
    def subscript(self) -> bool:
        tokens = self.line.shape.tokens
        return self.at + 1 < len(tokens) and tokens[self.at + 1].text == "["

    def text_at(self, distance: int) -> str:
        """The token so many places after the name."""
        tokens = self.line.shape.tokens
        return tokens[self.at + distance].text if self.at + distance < len(tokens) else ""


def uses_of(ctx: Context, name: str) -> Iterator[Use]:
    """Where the name is used; functions that have a parameter of that name are left out."""
    for line in ctx.lines:
        headers = [line.shape, *([ctx.shapes[line.scope.start]] if line.scope.start >= 0 else [])]
        if any(name in parameters(header) for header in headers if header.first in DEFINES):
            continue
        tokens = line.shape.tokens
        for at, token in enumerate(tokens):
            if token.text != name or token.kind != "name":
                continue
            if at and tokens[at - 1].text in (".", "def", "class"):
                continue
            attributes = []
            for i in range(at + 1, len(tokens) - 1, 2):
                if tokens[i].text != "." or tokens[i + 1].kind != "name":
                    break
                attributes.append(tokens[i + 1].text)
            yield Use(line, at, tuple(attributes))
