"""Which lines of a document are shown: the whole file, or a function and what it uses.

All indices are 0-based document lines.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from editloop.document.state import MAX_VIEW_LINES
from editloop.document.text import Snapshot
from editloop.python.definitions import Definition, definitions, indent, parse_tree
from editloop.python.lexer import shape

MAX_LINES = 80
"""Lines of a document that is looked at as a whole. Chosen: a longer one has several functions."""
MAX_CHARACTERS = 2000
"""Characters of a line that is shown: longer ones are data that no person writes."""
_ROOM = 20
"""Line numbers kept free in a window, for insertions."""
_IMPORT = re.compile(r"(?:from|import)\b")
_WORD = re.compile(r"[^\W\d]\w*")


class RegionError(ValueError):
    """There is no such place in the document; the message lists near names."""


def window(
    document: Snapshot,
    *,
    line: int | None = None,
    function: str | None = None,
    lines: range | None = None,
    max_lines: int = MAX_LINES,
    narrow: bool = False,
    imports: bool = False,
) -> tuple[int, ...]:
    """The view on a line, a function (``f``, ``Class.method``) or given lines. Raises RegionError.

    Lines of more than MAX_CHARACTERS are left out.
    A file of at most ``max_lines`` is shown whole, unless ``narrow``. A longer region shrinks to
    the lines around ``line``; imports and signatures may add up to half of ``max_lines``.
    ``imports``: also where another import would go.
    """
    count = len(document.lines)
    texts = [item.text for item in document.lines]
    max_lines = max(1, min(max_lines, MAX_VIEW_LINES - _ROOM))
    if line is not None and not 0 <= line < max(count, 1):
        raise RegionError(f"there is no line {line + 1}, the last is {count}")
    if lines is not None and (lines.start < 0 or lines.stop > count or lines.step != 1):
        raise RegionError(
            f"there are no lines {lines.start + 1} to {lines.stop}, the last is {count}"
        )
    short = [len(text) <= MAX_CHARACTERS for text in texts]
    if count and not any(short if line is None else [short[line]]):
        characters = len(texts[line or 0])
        raise RegionError(
            f"line {(line or 0) + 1} has {characters:,} characters: lines of more than "
            f"{MAX_CHARACTERS:,} are not repaired"
        )
    whole = tuple(i for i in range(count) if short[i])
    if function is None and count <= max_lines and not narrow:
        return whole
    found = definitions(document)
    chosen: Definition | None = None
    if function is not None:
        chosen = _named(found, function)
        if count <= max_lines and not narrow:
            return whole
        region = range(chosen.start, chosen.stop)
    elif lines is not None:
        region = lines
    else:
        chosen = _enclosing(found, texts, line or 0, max_lines)
        region = range(chosen.start, chosen.stop) if chosen else range(count)
    region = _shrink(region, line, max_lines)
    view = set(region)
    if chosen is not None:
        view.add(chosen.header)
    if imports:
        view.update(_import_place(texts))
    budget = max(max_lines // 2, 1)
    for extra in _context(texts, found, region, max_lines):
        new = set(extra) - view
        if len(new) <= budget and len(view) + len(new) <= MAX_VIEW_LINES - _ROOM:
            view |= new
            budget -= len(new)
    return tuple(sorted(i for i in view if short[i]))


def opener(document: Snapshot, line: int) -> int | None:
    """The nearest line above that is indented less: what an "unindent" error is often about."""
    texts = [item.text for item in document.lines]
    width = indent(texts[line])
    above = (i for i in range(line - 1, -1, -1) if texts[i].strip() and indent(texts[i]) < width)
    return next(above, None)


def _named(found: Sequence[Definition], name: str) -> Definition:
    for definition in found:
        if definition.name == name:
            return definition
    ends = [d for d in found if d.name.rsplit(".", 1)[-1] == name]
    if len(ends) == 1:
        return ends[0]
    names = [d.name for d in ends or found]
    last = name.rsplit(".", 1)[-1]
    near = difflib.get_close_matches(name, names, 5, 0.5) or [n for n in names if last in n]
    hint = f"; there is {', '.join(near[:5] or names[:5])}" if names else "; there is none at all"
    raise RegionError(f"no function or class {name!r}{hint}")


def _enclosing(
    found: Sequence[Definition], texts: Sequence[str], line: int, max_lines: int
) -> Definition | None:
    """The outermost function around a line that fits, else the innermost; else a class."""
    around = [d for d in found if d.start <= line < d.stop]
    functions = [d for d in around if d.kind == "function"]
    for definition in functions:
        if definition.size <= max_lines:
            return definition
    if functions:
        return functions[-1]
    classes = [d for d in around if d.size <= max_lines]
    return classes[0] if classes else (around[-1] if around else None)


def _shrink(region: range, line: int | None, max_lines: int) -> range:
    if len(region) <= max_lines:
        return region
    middle = region.start if line is None else line
    start = max(region.start, min(middle - max_lines // 2, region.stop - max_lines))
    return range(start, start + max_lines)


def _context(
    texts: Sequence[str], found: Sequence[Definition], region: range, max_lines: int
) -> Iterator[range]:
    """Headers around a region, then imports it uses, then signatures it uses."""
    for definition in found:
        if definition.start < region.start and definition.stop >= region.stop:
            yield _signature(texts, definition.header)
    used = set()
    for i in region:
        used.update(_WORD.findall(texts[i]))
    for extent, names in _imports(texts):
        if not used.isdisjoint(names):
            yield extent
    for definition in found:
        if definition.name in used and not region.start <= definition.header < region.stop:
            yield _signature(texts, definition.header)


def _imports(texts: Sequence[str]) -> Iterator[tuple[range, set[str]]]:
    """Import statements of the module level: their lines and the names that they bind."""
    i = 0
    while i < len(texts):
        if not _IMPORT.match(texts[i]):
            i += 1
            continue
        extent = _signature(texts, i)
        names: set[str] = set()
        words = [
            t.text
            for k in extent
            for t in shape(texts[k]).tokens
            if t.kind in ("name", "keyword", "op")
        ]
        start = words.index("import") + 1 if "import" in words else len(words)
        dotted = words[0] == "import"
        for k in range(start, len(words)):
            after = words[k + 1] if k + 1 < len(words) else ""
            if "as" in (after, words[k]) or (dotted and words[k - 1] == "."):
                continue
            if _WORD.fullmatch(words[k]):
                names.add(words[k])
        yield extent, names
        i = extent.stop


def _import_place(texts: Sequence[str]) -> range:
    """The last of the module's first imports; where there is none, its first statement."""
    last = range(0)
    for extent, _ in _imports(texts):
        if last and extent.start > last.stop and "__future__" not in texts[last.start]:
            break
        last = extent
    if last:
        return last
    no_code = ("comment", "expression_statement")
    tops = (node for node in parse_tree(texts).root_node.children if node.type not in no_code)
    return next((range(node.start_point[0], node.start_point[0] + 1) for node in tops), range(0))


def _signature(texts: Sequence[str], header: int) -> range:
    """A header with the lines on which its brackets are closed, at most 10."""
    depth = 0
    for i in range(header, min(header + 10, len(texts))):
        sh = shape(texts[i])
        depth += sum(1 if sh.tokens[k].text in "([{" else -1 for k in sh.loose)
        if depth <= 0 and not texts[i].endswith("\\"):
            return range(header, i + 1)
    return range(header, header + 1)
