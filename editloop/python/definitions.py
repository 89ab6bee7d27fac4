"""The functions and classes of a document, with their lines.

tree-sitter finds functions in files that do not parse; where an error has swallowed a header,
indentation does. All indices are 0-based document lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import tree_sitter_python
from tree_sitter import Language, Node, Parser, Tree

from editloop.document.text import Snapshot

_HEADER = re.compile(r"([ \t\f]*)(?:async[ \t]+def|def|class)\b[ \t]*(\w*)")


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class: its dotted name and its lines, decorators included."""

    name: str
    kind: str
    start: int
    header: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_python.language()))


def parse_tree(texts: Sequence[str]) -> Tree:
    """tree-sitter's tree, whose rows are the document's lines: it knows LF only."""
    return _parser().parse("\n".join(texts).encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=4)
def definitions(document: Snapshot) -> tuple[Definition, ...]:
    """Every function and class of a document in order of their headers.

    Remembered for the last documents: one repair asks several times.
    """
    texts = [item.text for item in document.lines]
    root = parse_tree(texts).root_node
    found = list(_walk(root, "", len(texts)))
    if root.has_error:
        found = _repair(found, texts)
    return tuple(found)


def _walk(node: Node, prefix: str, count: int) -> Iterator[Definition]:
    """Iterates over statements only: definitions are never inside of expressions."""
    stack = [(child, prefix, child.start_point[0]) for child in reversed(node.children)]
    while stack:
        node, prefix, start = stack.pop()
        if node.type in ("function_definition", "class_definition"):
            name_node = node.child_by_field_name("name")
            name = (name_node.text or b"").decode("utf-8", "replace") if name_node else ""
            dotted = f"{prefix}{name}"
            stop = node.end_point[0] + (1 if node.end_point[1] else 0)
            kind = "class" if node.type == "class_definition" else "function"
            yield Definition(
                dotted, kind, start, node.start_point[0], min(max(stop, start + 1), count)
            )
            body = node.child_by_field_name("body")
            children = body.children if body else []
            stack += [(c, f"{dotted}.", c.start_point[0]) for c in reversed(children)]
        elif node.type == "decorated_definition":
            stack += [(c, prefix, start) for c in reversed(node.children)]
        elif node.type in _NESTS or node.type == "ERROR":
            stack += [(c, prefix, c.start_point[0]) for c in reversed(node.children)]


_NESTS = frozenset(
    {
        *("block", "if_statement", "else_clause", "elif_clause", "try_statement", "except_clause"),
        *(
            "finally_clause",
            "with_statement",
            "for_statement",
            "while_statement",
            "match_statement",
        ),
        "case_clause",
    }
)


def _repair(found: list[Definition], texts: Sequence[str]) -> list[Definition]:
    """Headers that an error has swallowed or cut short, by indentation."""
    by_header = {d.header: d for d in found}
    stack: list[tuple[int, str]] = []
    for i, text in enumerate(texts):
        match = _HEADER.match(text)
        if match is None:
            continue
        width = len(match[1].expandtabs())
        while stack and stack[-1][0] >= width:
            stack.pop()
        name = ".".join([*(word for _, word in stack), match[2]])
        stack.append((width, match[2]))
        known = by_header.get(i)
        stop = _block_end(texts, i, width)
        kind = "class" if "class" in text.split()[:1] else "function"
        if known is None:
            by_header[i] = Definition(name, kind, i, i, stop)
        elif known.stop < stop:
            by_header[i] = Definition(name, known.kind, known.start, i, stop)
    return [by_header[i] for i in sorted(by_header)]


def indent(text: str) -> int:
    """The width of a line's indentation in columns."""
    return len(text[: len(text) - len(text.lstrip())].expandtabs())


def _block_end(texts: Sequence[str], header: int, width: int) -> int:
    """After the last line that is deeper than a header. A closing bracket ends no block."""
    stop = header + 1
    for i in range(header + 1, len(texts)):
        bare = texts[i].strip()
        if not bare or bare.startswith("#"):
            continue
        if indent(texts[i]) <= width and bare[0] not in ")]}":
            break
        stop = i + 1
    return stop
