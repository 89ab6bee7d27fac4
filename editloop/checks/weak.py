"""How an edit may silence a failure instead of repairing it.

"It no longer raises" is easily met by not running the code that raised. What is said here makes no
fix impossible: it is for ranking, and for the words that a person is shown.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from editloop.checks.literals import changes_literal
from editloop.checks.suitetrace import SuiteTrace
from editloop.python.statements import Changes, Statement, changes, own_children

REMOVES_FAILED = "removes the statement that failed"
CONSTANT = "replaces what failed with a constant"
CATCHES = "catches the exception that was raised"
UNREACHABLE = "makes the failing code unreachable"
EARLY = "leaves a loop before its end"
SKIPS = "no longer runs the statement that failed"
REMOVES = "removes a statement"
LITERAL = "changes a literal that was given"

_NOTHING = (ast.Pass, ast.Continue, ast.Break)
_HARMLESS = (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)


def weak_ways(
    before: str, after: str, traces: Sequence[SuiteTrace] = (), ran: Sequence[SuiteTrace] = ()
) -> tuple[str, ...]:
    """The ways, in words, in which an edit may only hide a failure; () for none.

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
        (EARLY, _leaves_early(found)),
        (SKIPS, _is_not_reached(found, raised, lines)),
        (REMOVES, _removes(found, led)),
        (LITERAL, changes_literal(found)),
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
        for child in own_children(part):
            if not (isinstance(part, ast.Subscript) and child is part.slice):
                walk(child)

    walk(node)
    return names, literals


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


def _leaves_early(found: Changes) -> bool:
    """Whether a jump stands right in the body of a loop now, without a condition."""
    olds = {id(now): old for old, now in found.became.items() if now is not None}
    loops = (ast.For, ast.AsyncFor, ast.While)
    for now in found.now:
        inside = now.jumps and now.above and isinstance(now.above[-1].node, loops)
        if inside and not isinstance(now.node, ast.Continue) and now.block[1] == "body":
            old = olds.get(id(now))
            if old is None or not old.jumps or len(old.above) < len(now.above):
                return True
    return False


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
