"""Test plans: which calls, examples or test functions show that a module is right. Made on the
host, runs nothing.

Three forms come in (a task file's tests, bare assertions, docstrings) and three kinds come out:
"calls" (the host compares answers), "doctests" (the host compares output) and "asserts" (a judge
process runs the test functions against stand-ins). None of them lets the candidate's process see an
expected value.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from editloop.checks.doccompare import DocGroup
from editloop.checks.templates import Unsupported
from editloop.checks.testdoc import extract, has_objects
from editloop.checks.testexpr import HELPER, STANDARD, CallCheck, judged_by, split
from editloop.python.library import defined, imports, meant


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """One named test. `checks` for the calls kind; empty when the judge runs `function` instead."""

    name: str
    checks: tuple[CallCheck, ...] = ()
    function: str = ""
    weak: str = ""
    """Why a pass of what the judge runs is weaker evidence, as far as it can be read off it."""


@dataclass(frozen=True, slots=True)
class TestPlan:
    """What to run. `judge_source` and `player_names` are for tests that the judge runs, `groups`
    for doctests.

    `library`: names, and where the standard library has what the tests mean by them. `functions`:
    what has to be one. `objects`: whether right answers may be of classes that cannot cross as
    plain data, so that a comparison which only they can make is believed, as weaker evidence.
    """

    __test__ = False  # not a test class, whatever pytest thinks of its name

    kind: str
    tests: tuple[PlannedTest, ...] = ()
    judge_source: str = ""
    player_names: tuple[str, ...] = ()
    groups: tuple[DocGroup, ...] = ()
    prelude: str = ""
    library: tuple[tuple[str, str], ...] = ()
    functions: frozenset[str] = frozenset()
    objects: bool = True

    def about(self, original: str) -> TestPlan:
        """The plan, knowing the module that the tests were written for.

        What it defines is the candidate's to give; what it only imports from the standard library
        is the library's, whatever a candidate has under that name.
        """
        own = defined(original)
        if own is None:
            return self
        names, functions = own
        library = dict(self.library) | imports(original, self.player_names)
        kept = {name: path for name, path in library.items() if name not in names}
        objects = has_objects(original)
        return replace(self, library=tuple(kept.items()), functions=functions, objects=objects)


def plan_tests(tests: str, test_names: Sequence[str], prelude: str = "") -> TestPlan:
    """A task file's tests: source and the zero-argument functions in it to call, in order.

    The calls kind when every function is a list of plain assertions, else judge and player. Raises
    SyntaxError for tests that do not parse, and ValueError for a name that they do not define.
    """
    tree = ast.parse(tests)
    body = [node for node in tree.body if not _starts_tests(node, set(test_names))]
    bound = frozenset(_bound_names(body))
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    missing = [name for name in test_names if name not in bound]
    if missing:
        raise ValueError(f"the tests do not define {missing[0]}")
    try:
        planned = tuple(PlannedTest(name, _checks(functions[name], bound)) for name in test_names)
        return TestPlan("calls", planned, prelude=prelude)
    except (Unsupported, KeyError):
        pass
    planned = tuple(
        PlannedTest(name, function=name, weak=_helped(functions.get(name), bound))
        for name in test_names
    )
    return _judged(planned, body, bound, prelude)


def plan_asserts(lines: Sequence[str], prelude: str = "") -> TestPlan:
    """Bare `assert ...` lines, or bare expressions that must be true. Raises SyntaxError."""
    planned: list[PlannedTest] = []
    judged: list[ast.stmt] = []
    for number, line in enumerate(lines, 1):
        statements = ast.parse(line.strip()).body
        statements = [
            ast.Assert(node.value) if isinstance(node, ast.Expr) else node for node in statements
        ]
        name = f"assert {number}"
        try:
            if not statements or not all(isinstance(node, ast.Assert) for node in statements):
                raise Unsupported("not an assertion")
            checks = tuple(split(node.test) for node in statements if isinstance(node, ast.Assert))
            planned.append(PlannedTest(name, checks))
        except Unsupported:
            function = f"test_{number}"
            made = ast.parse(f"def {function}(): pass").body[0]
            assert isinstance(made, ast.FunctionDef)
            made.body = statements or made.body
            judged.append(made)
            planned.append(PlannedTest(name, function=function, weak=_helped(made, frozenset())))
    if not judged:
        return TestPlan("calls", tuple(planned), prelude=prelude)
    return _judged(tuple(planned), judged, frozenset(_bound_names(judged)), prelude)


def _judged(
    planned: tuple[PlannedTest, ...], body: Sequence[ast.stmt], bound: frozenset[str], prelude: str
) -> TestPlan:
    """A plan with test functions for the judge."""
    names = _free_names(body, bound)
    library = tuple(meant(body, names).items())
    source = ast.unparse(ast.Module(list(body), []))
    return TestPlan("asserts", planned, source, names, prelude=prelude, library=library)


def _helped(function: ast.stmt | None, bound: frozenset[str]) -> str:
    """Why a test is weaker: an assertion of it is decided by a function that is the candidate's."""
    asserts = [n for n in ast.walk(function) if isinstance(n, ast.Assert)] if function else []
    names = {judged_by(node.test) for node in asserts} - {""}
    return HELPER if names - bound - STANDARD else ""


def plan_doctests(source: str) -> TestPlan | None:
    """The examples in a trusted version's docstrings; None without any."""
    groups = extract(source)
    return TestPlan("doctests", groups=groups, objects=has_objects(source)) if groups else None


def _starts_tests(node: ast.stmt, names: set[str]) -> bool:
    """A statement that would run the tests when they are loaded: `check()`, or a main block."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return isinstance(node.value.func, ast.Name) and node.value.func.id in names
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "__name__ == '__main__'",
        "'__main__' == __name__",
    )


def _bound_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Names that statements bind at their own level."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        else:
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id


def _free_names(body: Sequence[ast.stmt], bound: frozenset[str]) -> tuple[str, ...]:
    """Names that the tests read and neither they nor Python define: the candidate's, and its
    imports.
    """
    read = [
        part.id
        for node in body
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    ]
    return tuple(
        name for name in dict.fromkeys(read) if name not in bound and not hasattr(builtins, name)
    )


def _checks(function: ast.FunctionDef, bound: frozenset[str]) -> tuple[CallCheck, ...]:
    """A function that holds nothing but assertions on calls."""
    if function.args.args or function.args.posonlyargs or function.decorator_list:
        raise Unsupported("takes arguments")
    checks = []
    for node in function.body:
        if isinstance(node, ast.Assert):
            checks.append(split(node.test, bound))
        elif not (
            isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and _says_nothing(node.value))
        ):
            raise Unsupported(type(node).__name__)
    if not checks:
        raise Unsupported("asserts nothing")
    return tuple(checks)


def _says_nothing(node: ast.expr) -> bool:
    """A docstring, or a message printed."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
        return all(isinstance(part, ast.Constant) for part in node.args) and not node.keywords
    return isinstance(node, ast.Constant)
