"""Whether an edit changes a literal that a person gave, instead of what is done with it."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from editloop.python.statements import Changes, Statement, own_children

_FIELDS = re.compile(r"%[-+ #0]*[\d.*]*[a-zA-Z%]|\{[^{}]*\}")


def changes_literal(found: Changes) -> bool:
    """Whether a statement differs from its old version in literals alone."""
    known = _words(found.old)
    return any(
        now is not None and now.own != statement.own and _other_literal(statement, now, known)
        for statement, now in found.became.items()
    )


def _other_literal(old: Statement, now: Statement, known: frozenset[object]) -> bool:
    """Whether the two differ in literals alone, and one of the new ones is not the file's own."""
    before, after = _literals(old.node), _literals(now.node)
    if _skeleton(old.node) != _skeleton(now.node) or len(before) != len(after):
        return False
    return any(
        a.value != b.value and not _is_adjusted(a.value, b.value, fixed) and b.value not in known
        for (a, fixed), (b, _) in zip(before, after, strict=True)
    )


def _is_adjusted(old: object, new: object, counts: bool) -> bool:
    """What is no one's data: an index or a bound moved by one, a format's fields, a truth value."""
    if isinstance(old, bool) or isinstance(new, bool) or old is None or new is None:
        return True
    if isinstance(old, str) and isinstance(new, str):
        fields = _FIELDS.search(old + new) is not None
        return fields and _FIELDS.sub("", old) == _FIELDS.sub("", new)
    if isinstance(old, int | float) and isinstance(new, int | float):
        return counts and abs(old - new) == 1
    return False


def _literals(node: ast.stmt) -> list[tuple[ast.Constant, bool]]:
    """The literals of a statement without what is nested below it, and whether each counts: it is
    an index, a bound, or added to something.
    """
    found: list[tuple[ast.Constant, bool]] = []

    def walk(part: ast.AST, counts: bool) -> None:
        if isinstance(part, ast.Constant):
            found.append((part, counts))
            return
        inner = counts or isinstance(part, ast.Slice | ast.Compare)
        inner = inner or (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add | ast.Sub))
        inner = inner or (isinstance(part, ast.Call) and ast.unparse(part.func) == "range")
        for child in own_children(part):
            walk(child, inner or (isinstance(part, ast.Subscript) and child is part.slice))

    walk(node, False)
    return found


def _skeleton(node: ast.stmt) -> str:
    """A statement's form, with every literal alike and nothing of what is nested below it."""
    parts: list[str] = []

    def walk(part: ast.AST) -> None:
        parts.append(type(part).__name__)
        if not isinstance(part, ast.Constant):
            parts.extend(value for _, value in ast.iter_fields(part) if isinstance(value, str))
        for child in own_children(part):
            walk(child)
        parts.append(")")

    walk(node)
    return " ".join(parts)


def _words(statements: Sequence[Statement]) -> frozenset[object]:
    """Strings and names that the file itself has: one put in another's place is no invention."""
    found: set[object] = set()
    for statement in statements:
        if statement.above:
            continue
        for part in ast.walk(statement.node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found.add(part.value)
            elif isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.arg | ast.keyword) and part.arg:
                found.add(part.arg)
            elif isinstance(part, ast.Attribute):
                found.add(part.attr)
    return frozenset(found)
