"""Differences between two snapshots: their size, minimal text edits, and a unified diff."""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from editloop.document.text import Line, Snapshot, join, split_lines

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|\w+|\*\*=|//=|>>=|<<=|[-+*/%&|^@:!=<>]=|->|\*\*|//|<<|>>'
    r"|[^\w\s]"
)
_MAX_TABLE = 250_000
"""Cells of the exact table of a longest common subsequence; beyond it order is ignored."""


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace a range by ``new_text``; lines and characters are 0-based, in code points."""

    start_line: int
    start_character: int
    end_line: int
    end_character: int
    new_text: str


def edit_size(before: Snapshot, after: Snapshot) -> int:
    """Tokens inserted plus tokens deleted; an indentation is a token, other white space is none."""
    old, new = _trim(before.lines, after.lines)
    a, b = _tokens(old), _tokens(new)
    head, tail = common_ends(a, b)
    a, b = a[head : len(a) - tail], b[head : len(b) - tail]
    return len(a) + len(b) - 2 * _longest_common(a, b)


def minimal_hunks(before: Snapshot, after: Snapshot) -> tuple[TextEdit, ...]:
    """Edits that turn ``before`` into ``after``: by lines, then trimmed by characters.

    No position is between the two characters of a CRLF.
    """
    offsets = _offsets(before.lines)
    text = before.text
    edits = []
    for a1, a2, b1, b2 in _changed(before.lines, after.lines):
        start, end = offsets[a1], offsets[a2]
        new = join(after.lines[b1:b2])
        head = common_prefix(text[start:end], new)
        head -= _splits_crlf(text, start + head) or _splits_crlf(new, head)
        tail = common_prefix(text[start + head : end][::-1], new[head:][::-1])
        tail -= _splits_crlf(text, end - tail) or _splits_crlf(new, len(new) - tail)
        first = _position(before.lines, offsets, start + head)
        last = _position(before.lines, offsets, end - tail)
        edits.append(TextEdit(*first, *last, new[head : len(new) - tail]))
    return tuple(edits)


def edit_characters(before: Snapshot, after: Snapshot) -> int:
    """Characters inserted plus characters deleted by the minimal hunks."""
    inserted = sum(len(edit.new_text) for edit in minimal_hunks(before, after))
    return 2 * inserted + len(before.text) - len(after.text)


def apply_edits(before: Snapshot, edits: Iterable[TextEdit]) -> Snapshot:
    """The snapshot after edits that do not overlap; positions are those of ``before``."""
    offsets = _offsets(before.lines)
    text = before.text
    for edit in sorted(edits, key=lambda e: (e.start_line, e.start_character), reverse=True):
        start = offsets[edit.start_line] + edit.start_character
        end = offsets[edit.end_line] + edit.end_character
        text = text[:start] + edit.new_text + text[end:]
    return Snapshot(split_lines(text), before.encoding, before.bom)


def unified_diff(before: Snapshot, after: Snapshot, path: str) -> str:
    """A diff for patch tools. CRLF stays as it is; a lone CR, which would break the diff's own
    lines and a terminal's, is shown as U+240D."""
    old = [line.text + line.end for line in before.lines]
    new = [line.text + line.end for line in after.lines]
    parts = []
    for text in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        if text.endswith("\n"):
            parts.append(text)
        elif text.endswith("\r"):
            parts.append(text[:-1] + "\u240d\n")
        else:
            parts.append(text + "\n\\ No newline at end of file\n")
    return "".join(parts)


def _trim(old: Sequence[Line], new: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    head, tail = common_ends(old, new)
    return old[head : len(old) - tail], new[head : len(new) - tail]


def _tokens(lines: Iterable[Line]) -> list[str]:
    tokens = []
    for line in lines:
        bare = line.text.lstrip()
        if bare:
            tokens.append("\n" + line.text[: len(line.text) - len(bare)])
            tokens += _TOKEN.findall(bare)
    return tokens


def common_prefix(a: Sequence[object], b: Sequence[object]) -> int:
    """The length of the common prefix."""
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count


def common_ends(a: Sequence[object], b: Sequence[object]) -> tuple[int, int]:
    """The lengths of the common prefix and of the common suffix of what follows it."""
    head = common_prefix(a, b)
    return head, common_prefix(a[head:][::-1], b[head:][::-1])


def _longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    if not a or not b:
        return 0
    if len(a) * len(b) > _MAX_TABLE:
        return (Counter(a) & Counter(b)).total()
    row = [0] * (len(b) + 1)
    for x in a:
        previous = row
        row = [0]
        for j, y in enumerate(b):
            row.append(previous[j] + 1 if x == y else max(previous[j + 1], row[j]))
    return row[-1]


def _changed(old: Sequence[Line], new: Sequence[Line]) -> Iterable[tuple[int, int, int, int]]:
    head = common_prefix(old, new)
    a, b = _trim(old, new)
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag != "equal":
            yield a1 + head, a2 + head, b1 + head, b2 + head


def _offsets(lines: Iterable[Line]) -> list[int]:
    """Where each line starts, and as the last entry where the text ends."""
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line.text) + len(line.end))
    return offsets


def _position(lines: Sequence[Line], offsets: list[int], offset: int) -> tuple[int, int]:
    line = bisect_right(offsets, offset) - 1
    if line and line == len(lines) and not lines[-1].end:
        line -= 1  # there is no line after one without a terminator
    return line, offset - offsets[line]


def _splits_crlf(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1] == "\r" and text[at] == "\n"
