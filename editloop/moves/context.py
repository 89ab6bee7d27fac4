"""What every kind of move looks at: the window's lines, their scopes, the findings. Built once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from editloop.checks.kinds import UNBOUND
from editloop.document.state import EditState
from editloop.document.transcript import Finding
from editloop.python.lexer import Shape, shape, string_lines
from editloop.python.scope import Scope, module_names, scopes

_SYNTAX = re.compile(r"(?:Syntax|Indentation|Tab)Error\b|E999\b|invalid-syntax\b")
_UNDEFINED = re.compile(r"\b(?:name|variable|keyword argument) [`'\"](\w+)[`'\"]", re.IGNORECASE)
_NO_ATTRIBUTE = re.compile(r"has no attribute '(\w+)'")
NEAR = 2
"""Lines of code on either side of a syntax error where its cause is looked for."""
BLOCK = 12
"""Lines of code above one that nothing encloses: what should open its block may be far up."""


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of the window that moves may change; ``index`` is 0-based in the window."""

    index: int
    shape: Shape
    scope: Scope

    @property
    def number(self) -> int:
        return self.index + 1

    @property
    def text(self) -> str:
        return self.shape.text


@dataclass(frozen=True, slots=True)
class Context:
    """``lines`` holds code lines only; ``shapes`` and ``scopes`` every line of the window."""

    state: EditState
    shapes: tuple[Shape, ...]
    scopes: tuple[Scope, ...]
    lines: tuple[CodeLine, ...]
    nearest_first: tuple[CodeLine, ...]
    """``lines`` with those that a syntax error names before the others."""
    in_string: tuple[bool, ...]
    unit: str
    indents: tuple[str, ...]
    """Indentations of the window's code, each once."""
    broken: bool
    """Whether a finding is a syntax error."""
    near: frozenset[int]
    """Window indices where a syntax error may have its cause; every index where none is known."""
    undefined: frozenset[str]
    attributes: tuple[str, ...]
    methods: tuple[str, ...]
    """Attributes of the window that are called."""
    called: tuple[str, ...]
    """Plain names of the window that are called."""
    numbers: tuple[str, ...]
    strings: tuple[str, ...]
    counters: frozenset[str]
    """Names that some line adds to, compares, uses as a subscript, or sets to a number."""
    first: int
    """The window's number before which an import may be inserted."""


def is_syntax_finding(finding: Finding) -> bool:
    """Findings of the syntax check begin with the name of the exception."""
    return _SYNTAX.match(finding.text) is not None


def undefined_names(findings: Sequence[Finding]) -> frozenset[str]:
    """Names and attributes that findings say do not exist."""
    words = " ".join(f.text for f in findings if not f.kind)
    named = (f.name for f in findings if f.kind in UNBOUND and f.name)
    return frozenset((*_UNDEFINED.findall(words), *_NO_ATTRIBUTE.findall(words), *named))


def build(state: EditState, findings: Sequence[Finding]) -> Context:
    texts = list(state.window)
    shapes = tuple(shape(text) for text in texts)
    inside = string_lines(texts)
    found = scopes(
        [shape("") if s else sh for s, sh in zip(inside, shapes, strict=True)],
        module_names(state.text),
    )
    lines = tuple(
        CodeLine(i, sh, found[i])
        for i, sh in enumerate(shapes)
        if sh.is_code and not inside[i] and not _is_docstring(sh)
    )
    syntax = [f for f in findings if is_syntax_finding(f)]
    attributes, methods, called, numbers, strings = _frequent_words(lines)
    return Context(
        state,
        shapes,
        tuple(found),
        lines,
        _nearest_first(state, lines, syntax),
        tuple(inside),
        indent_unit(shapes),
        tuple(dict.fromkeys(line.shape.indent for line in lines)),
        bool(syntax),
        _near(state, lines, syntax),
        undefined_names(findings),
        attributes,
        methods,
        called,
        numbers,
        strings,
        _counters(lines),
        _import_place(shapes, inside),
    )


def indent_unit(shapes: Sequence[Shape]) -> str:
    """The most common step of indentation; four spaces where there is none."""
    steps: Counter[str] = Counter()
    previous = ""
    for sh in shapes:
        if sh.is_code:
            if sh.indent.startswith(previous) and len(sh.indent) > len(previous):
                steps[sh.indent[len(previous) :]] += 1
            previous = sh.indent
    return steps.most_common(1)[0][0] if steps else "    "


def _is_docstring(sh: Shape) -> bool:
    return (
        len(sh.tokens) == 1
        and sh.tokens[0].kind in ("string", "open")
        and sh.tokens[0].text.endswith(('"""', "'''"))
    ) or (sh.tokens[0].kind == "open" if sh.tokens else False)


def _near(state: EditState, lines: Sequence[CodeLine], syntax: Sequence[Finding]) -> frozenset[int]:
    indices = [line.index for line in lines]
    near: set[int] = set()
    for finding in syntax:
        number = None if finding.line is None else state.number_of(finding.line)
        if number is None:
            return frozenset(range(len(state.view)))
        far = "unindent" in finding.text or "outside function" in finding.text
        reach = BLOCK if far else NEAR
        before = [i for i in indices if i < number - 1][-reach:]
        after = [i for i in indices if i >= number - 1][: NEAR + 1]
        near.update(before, after, [number - 1])
        # A bracket or quote that is open further up is the other usual cause.
        near.update(
            line.index
            for line in lines
            if line.index < number and (line.shape.loose or line.shape.tokens[-1].kind == "broken")
        )
    return frozenset(near)


def _nearest_first(
    state: EditState, lines: tuple[CodeLine, ...], syntax: Sequence[Finding]
) -> tuple[CodeLine, ...]:
    numbers = [state.number_of(f.line) for f in syntax if f.line is not None]
    places = [number - 1 for number in numbers if number is not None]
    if not places:
        return lines
    return tuple(sorted(lines, key=lambda line: min(abs(line.index - p) for p in places)))


def _frequent_words(lines: Sequence[CodeLine]) -> Iterator[tuple[str, ...]]:
    """Attributes, methods, plain names that are called, numbers, strings: most frequent first."""
    attributes: Counter[str] = Counter()
    methods: Counter[str] = Counter()
    called: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    strings: Counter[str] = Counter()
    for line in lines:
        tokens = line.shape.tokens
        for i, token in enumerate(tokens):
            before = tokens[i - 1].text if i else ""
            is_called = i + 1 < len(tokens) and tokens[i + 1].text == "("
            if token.kind == "number":
                numbers[token.text] += 1
            elif token.kind == "string" and len(token.text) < 40:
                strings[token.text] += 1
            elif token.kind == "name" and before == ".":
                (methods if is_called else attributes)[token.text] += 1
            elif token.kind == "name" and is_called and before not in ("def", "class"):
                called[token.text] += 1
    for counter in (attributes, methods, called, numbers, strings):
        yield tuple(w for w, _ in sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _import_place(shapes: Sequence[Shape], inside: Sequence[bool]) -> int:
    """After a module docstring and ``__future__`` imports."""
    place = 0
    for i, sh in enumerate(shapes):
        if inside[i]:
            place = i + 1
        elif sh.tokens and (sh.tokens[0].kind in ("comment", "string", "open") and not sh.indent):
            place = i + 1 if sh.tokens[0].kind != "comment" else place
        elif sh.is_code and "__future__" in sh.text:
            place = i + 1
        elif sh.is_code:
            break
    return place + 1


def _counters(lines: Sequence[CodeLine]) -> frozenset[str]:
    found = set()
    for line in lines:
        tokens = line.shape.tokens
        for a, b in pairwise(tokens):
            if a.kind == "name" and b.text in _NUMERIC_BEFORE:
                found.add(a.text)
            if b.kind == "name" and a.text in ("<", "<=", ">", ">=", "["):
                found.add(b.text)
        if len(tokens) > 2 and tokens[1].text == "=" and tokens[2].kind == "number":
            found.add(tokens[0].text)
    return frozenset(found)


_NUMERIC_BEFORE = frozenset({"+=", "-=", "<", "<=", ">", ">=", "-", "//", "%", "]"})
