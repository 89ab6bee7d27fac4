"""How an edit may silence a failure instead of repairing it.

"It no longer raises" is easily met by not running the code that raised. What is said here makes no
fix impossible: it is for ranking, and for the words that a person is shown.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from editloop.checks.suitetrace import SuiteTrace
from editloop.rules.statements import Changes, Statement, changes

REMOVES_FAILED = "removes the statement that failed"
CONSTANT = "replaces what failed with a constant"
CATCHES = "catches the exception that was raised"
UNREACHABLE = "makes the failing code unreachable"
SKIPS = "no longer runs the statement that failed"
REMOVES = "removes a statement"
LITERAL = "changes a literal that was given"

_FIELDS = re.compile(r"%[-+ #0]*[\d.*]*[a-zA-Z%]|\{[^{}]*\}")
_NOTHING = (ast.Pass, ast.Continue, ast.Break)
_HARMLESS = (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)


def weak_ways(
    before: str,
    after: str,
    traces: Sequence[SuiteTrace] = (),
    ran: Sequence[SuiteTrace] = (),
) -> tuple[str, ...]:
    """In which of these ways, in words, an edit may only hide a failure; () for none.

    ``traces``: runs of ``before``; the frames of those that failed say which statements raised, and
    what led there. ``ran``: runs of ``after``; they say what is not reached any more. () where one
    of the sources does not parse.
    """
    found = changes(before, after)
    if found is None:
        return ()
    failing = [trace for trace in traces if not trace.passed and trace.frames]
    calls = _at(found, (line for trace in failing for line in trace.frames[:-1]))
    raised = _at(found, (trace.frames[-1] for trace in failing))
    lines = frozenset(line for trace in ran for line in trace.lines)
    led = _at(found, (line for trace in failing for line in trace.frames))
    ways = [
        (REMOVES_FAILED, any(_is_gone(found, statement) for statement in led)),
        (CONSTANT, any(_is_constant_now(found, statement) for statement in led)),
        (CATCHES, _catches(found, led)),
        (UNREACHABLE, _is_unreachable(found, led) or _has_other_guard(found)),
        (UNREACHABLE, _is_not_reached(found, calls, lines)),
        (SKIPS, _is_not_reached(found, raised, lines)),
        (REMOVES, _removes(found, led)),
        (LITERAL, _changes_literal(found)),
    ]
    said = dict.fromkeys(words for words, holds in ways if holds)
    if len(said) > 1:  # it follows from the others
        said.pop(SKIPS, None)
    return tuple(said)


def _at(found: Changes, lines: Iterator[int]) -> list[Statement]:
    statements = (found.at(line) for line in dict.fromkeys(lines))
    return list(dict.fromkeys(s for s in statements if s is not None))


def _is_gone(found: Changes, statement: Statement) -> bool:
    """Whether nothing is left of it, or nothing that does anything."""
    now = found.became[statement]
    if now is None:
        return True
    if isinstance(statement.node, ast.Raise | ast.Assert) and type(now.node) is not type(
        statement.node
    ):
        return True
    if isinstance(now.node, _NOTHING) or _says_nothing(now.node):
        return now.own != statement.own
    empty = isinstance(now.node, ast.Return) and now.node.value is None
    return empty and not isinstance(statement.node, ast.Return)


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_constant_now(found: Changes, statement: Statement) -> bool:
    """Whether something that was computed is written down instead: names are lost, none is new, and
    there is a literal that was not there.
    """
    now = found.became[statement]
    if now is None or now.own == statement.own or _is_gone(found, statement):
        return False
    (names, literals), (new_names, new_literals) = _values(statement.node), _values(now.node)
    return new_names < names and bool(new_literals - literals)


def _values(node: ast.stmt) -> tuple[Counter[str], Counter[str]]:
    """Names and literals of a statement's own, without indices: a[len(a)] may become a[-1]."""
    names: Counter[str] = Counter()
    literals: Counter[str] = Counter()

    def walk(part: ast.AST) -> None:
        if isinstance(part, ast.Constant):
            literals[repr(part.value)] += 1
        elif isinstance(part, ast.Name):
            names[part.id] += 1
        elif isinstance(part, ast.Attribute):
            names["." + part.attr] += 1
        for child in _own_children(part):
            if not (isinstance(part, ast.Subscript) and child is part.slice):
                walk(child)

    walk(node)
    return names, literals


def _own_children(part: ast.AST) -> Iterator[ast.AST]:
    """What belongs to a node, without the statements below it."""
    nested = (ast.stmt, ast.ExceptHandler, ast.match_case)
    return (child for child in ast.iter_child_nodes(part) if not isinstance(child, nested))


def _catches(found: Changes, led: Sequence[Statement]) -> bool:
    """Whether something new around it catches, and does not raise again."""
    around = {
        id(above)
        for statement in led
        if (now := found.became[statement]) is not None
        for above in (*now.above, now)
    }
    for statement in found.new:
        if led and id(statement) not in around:
            continue
        node = statement.node
        if isinstance(node, ast.Try | ast.TryStar) and any(map(_keeps, node.handlers)):
            return True
        if isinstance(node, ast.With | ast.AsyncWith) and "suppress(" in statement.own:
            return True
    return _has_new_handler(found)


def _keeps(handler: ast.ExceptHandler) -> bool:
    return not any(isinstance(part, ast.Raise) for part in ast.walk(handler))


def _has_new_handler(found: Changes) -> bool:
    """Whether a ``try`` that stood there got a further handler."""
    for statement, now in found.became.items():
        if now is not None and isinstance(now.node, ast.Try | ast.TryStar):
            before = getattr(statement.node, "handlers", [])
            kept = [handler for handler in now.node.handlers if _keeps(handler)]
            if len(now.node.handlers) > len(before) and len(kept) > sum(map(_keeps, before)):
                return True
    return False


def _is_unreachable(found: Changes, led: Sequence[Statement]) -> bool:
    """Whether one of the statements, or of all where none is known, cannot run any more."""
    pairs = ((old, found.became[old]) for old in led or found.old)
    return any(
        now is not None and _is_dead(now, found.now) and not _is_dead(old, found.old)
        for old, now in pairs
    )


def _is_dead(statement: Statement, among: Sequence[Statement]) -> bool:
    """Whether it stands behind a jump, or below a condition that never holds."""
    chain = (*statement.above, statement)
    places = {one.block: one.index for one in chain}
    behind = any(s.jumps and places.get(s.block, -1) > s.index for s in among)
    return behind or any(_never(above.node) for above in statement.above)


def _is_not_reached(found: Changes, some: Sequence[Statement], ran: frozenset[int]) -> bool:
    """Whether one of the statements is still there, and does not run any more."""
    places = (now for statement in some if (now := found.became[statement]) is not None)
    return bool(ran) and any(not ran.intersection(_head(now.node)) for now in places)


def _has_other_guard(found: Changes) -> bool:
    """Whether ``if __name__ == ...`` is other than it was."""
    guards = (old for old in found.old if isinstance(old.node, ast.If) and "__name__" in old.own)
    return any((now := found.became[old]) is None or now.own != old.own for old in guards)


def _head(node: ast.stmt) -> range:
    """Lines (0-based) of a statement without what is nested below it."""
    body = getattr(node, "body", None)
    end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
    return range(node.lineno - 1, max(end, node.lineno))


def _never(node: ast.stmt) -> bool:
    test = getattr(node, "test", None)
    return isinstance(test, ast.Constant) and not test.value


def _removes(found: Changes, led: Sequence[Statement]) -> bool:
    """Whether anything else that did something is gone."""
    for statement, now in found.became.items():
        if statement in led or hasattr(statement.node, "body") or now is statement:
            continue
        if isinstance(statement.node, _HARMLESS) or _says_nothing(statement.node):
            continue
        if now is None or (isinstance(now.node, _NOTHING) and now.own != statement.own):
            return True
    return False


def _changes_literal(found: Changes) -> bool:
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
        for child in _own_children(part):
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
        for child in _own_children(part):
            walk(child)
        parts.append(")")

    walk(node)
    return " ".join(parts)


def _words(statements: Sequence[Statement]) -> frozenset[object]:
    """Strings and names that the file itself has: one put in another's place is no invention."""
    found: Counter[object] = Counter()
    for statement in statements:
        if statement.above:
            continue
        for part in ast.walk(statement.node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found[part.value] += 1
            elif isinstance(part, ast.Name):
                found[part.id] += 1
            elif isinstance(part, ast.arg | ast.keyword) and part.arg:
                found[part.arg] += 1
            elif isinstance(part, ast.Attribute):
                found[part.attr] += 1
    return frozenset(found)
