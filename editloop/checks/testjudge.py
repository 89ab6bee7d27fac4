"""Assert tests: starts judge and player, reads the judge's verdicts, and finds the expected text in
the test source.
"""

from __future__ import annotations

import ast
import builtins
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from editloop.checks.syntax import parse_quietly
from editloop.checks.testoutcome import Limits, clean, short
from editloop.sandbox.job import Answers
from editloop.sandbox.pool import SandboxPool

if TYPE_CHECKING:
    from editloop.checks.plans import TestPlan

_LACKING = {"isclose": "math:isclose"}
"""What tests use without importing it, where the candidate has nothing of that name."""
IMPORTABLE = frozenset(
    [
        "sys",
        "math",
        "cmath",
        "collections",
        "itertools",
        "functools",
        "re",
        "datetime",
        "random",
        "string",
        "operator",
        "heapq",
        "bisect",
        "typing",
        "decimal",
        "fractions",
        "statistics",
        "copy",
        "json",
        "time",
        "dataclasses",
        "enum",
    ]
)
"""Standard modules that tests may use through the candidate's imports; the judge has its own."""


CONVERSATION_CAP = 32 << 20
"""Bytes that either side may say in all; a single message stays under the answer cap."""


@dataclass(frozen=True, slots=True)
class Told:
    """The judge's word on one test."""

    status: Literal["pass", "fail", "error"]
    call: str = ""
    got: str = ""
    line: int | None = None
    test_line: int | None = None
    wanted: str = ""
    """The value that a name stands for which was compared with."""
    weak: str = ""
    """Why a pass is weaker evidence, "" where it is not."""


@dataclass(frozen=True, slots=True)
class JudgeRun:
    """What the judge told, by test number; `current` is the one that was running at the end."""

    told: dict[int, Told]
    current: int
    judge: Answers
    player: Answers


def run(
    pool: SandboxPool,
    source: str,
    plan: TestPlan,
    functions: Sequence[str],
    prelude: str,
    limits: Limits,
    cancel: threading.Event | None,
) -> JudgeRun:
    """Run test functions of the plan in a judge against stand-ins of the candidate in a player."""
    names = list(plan.player_names)
    imported = imports(source, names)
    player = {
        "kind": "player",
        "source": source,
        "prelude": prelude,
        "names": names,
        "imports": imported,
    }
    judge = {
        "kind": "judge",
        "tests": plan.judge_source,
        "names": list(functions),
        "prelude": prelude,
        "player_names": names,
        "imports": imported,
        "lacking": {name: path for name, path in _LACKING.items() if name in names},
        "library": dict(plan.library),
        "functions": list(plan.functions),
        "objects": plan.objects,
        "wanted": _names(plan.judge_source),
        "stop": limits.stop,
    }
    judged, played = pool.converse(
        limits.job(judge, CONVERSATION_CAP), limits.job(player, CONVERSATION_CAP), cancel
    )
    told: dict[int, Told] = {}
    current = 0
    for frame in judged.frames:
        if "start" in frame:
            current = frame["start"]
        elif "n" in frame:
            told[frame["n"]] = _told(frame)
    return JudgeRun(told, current, judged, played)


def _told(frame: dict[str, Any]) -> Told:
    if frame["status"] == "pass":
        return Told("pass", weak=frame["weak"])
    got = frame["got"] if frame["status"] == "fail" and frame["got"] else frame["error"]
    line = frame["line"] if type(frame["line"]) is int else None
    return Told(
        frame["status"],
        short(clean(frame["call"])),
        short(clean(got)),
        line,
        frame["test_line"],
        short(clean(frame.get("wanted", ""))),
    )


def imports(source: str, names: Sequence[str]) -> dict[str, str]:
    """Which of the names are standard modules, or their members, that a module imports under their
    own name.

    It may bind such a name to something else as well; `defined` says where that can be read off it.
    """
    found: dict[str, str] = {}
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in IMPORTABLE and not alias.asname:
                    found[alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module in IMPORTABLE and not node.level:
            for alias in node.names:
                if not alias.asname or alias.asname == alias.name:
                    found[alias.name] = f"{node.module}:{alias.name}"
    return {name: path for name, path in found.items() if name in names}


def defined(source: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """Names that a module binds to something of its own at its top level, and those of them that
    are functions; None where it does not parse.
    """
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    functions: set[str] = set()
    for node in _top_level(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            functions ^= functions & {node.name}
            if not isinstance(node, ast.ClassDef):
                functions.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names), frozenset(functions)


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but what is inside of functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from _top_level(child)


def meant(tests: Sequence[ast.stmt], names: Sequence[str]) -> dict[str, str]:
    """Standard modules that tests use as such without importing them: `math.isclose(x, y)`."""
    used: dict[str, set[str]] = {}
    plain: set[str] = set()
    for node in (part for statement in tests for part in ast.walk(statement)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Name) and child.id in IMPORTABLE.intersection(names):
                if isinstance(node, ast.Attribute):
                    used.setdefault(child.id, set()).add(node.attr)
                else:
                    plain.add(child.id)
    return {
        name: name
        for name, members in used.items()
        if name not in plain and all(hasattr(import_module(name), part) for part in members)
    }


def expected(tests: str, line: int | None) -> str:
    """What the assertion on that line of the tests wants, "" when it cannot be read off it."""
    if line is None:
        return ""
    return next((wanted for lines, wanted in _assertions(tests) if line in lines), "")


@lru_cache(maxsize=32)
def _assertions(tests: str) -> tuple[tuple[range, str], ...]:
    """The lines of each assertion and what it wants; asked again for every candidate."""
    found = [node for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Assert)]
    return tuple(
        (range(node.lineno, (node.end_lineno or node.lineno) + 1), _wanted(node.test))
        for node in found
    )


@lru_cache(maxsize=32)
def _names(tests: str) -> dict[str, str]:
    """The names that assertions compare with, by the assertions' lines."""
    return {
        str(line): text
        for lines, text in _assertions(tests)
        if text.isidentifier()
        for line in lines
    }


def _wanted(test: ast.expr) -> str:
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, right = test.left, test.comparators[0]
        part, other = (left, right) if isinstance(left, ast.Constant) else (right, left)
        if not _is_answer(other):
            return ""
    elif isinstance(test, ast.Call) and test.args:
        part = test.args[-1]  # a helper such as same(got, 30)
    else:
        return ""
    return short(ast.unparse(part))


def _is_answer(node: ast.expr) -> bool:
    """Whether what is compared is what a call answers, not something made of it."""
    if isinstance(node, ast.Call):
        return not (isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id))
    return isinstance(node, ast.Name)
