"""One self-contained module text out of one function or class of a file.

A definition is taken with the imports, constants and helpers of its own file that it uses, and
nothing else. What needs more than that (relative imports, names that cannot be found) is left out.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from editloop.document.text import split_lines
from editloop_trainer.pieces import Piece, check_piece, parse, stable, tidy

MIN_LINES, MAX_LINES, MAX_CHARS = 3, 60, 2500
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
_MAX_CONSTANT = 400
_MAX_HELPERS = 4

Definition = ast.FunctionDef | ast.ClassDef


def harvest(text: str) -> Iterator[Piece]:
    """The pieces of one file, in order. A file that does not parse has none."""
    tree = parse(text)
    if tree is None:
        return
    file = _File(text, tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield from _piece(file, node, file.segment(node))
        elif isinstance(node, ast.ClassDef):
            whole = list(_piece(file, node, file.segment(node)))
            yield from whole
            yield from _methods(file, node, alone=bool(whole))


class _File:
    """Where the module-level names of a file come from."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.lines = [line.text for line in split_lines(text)]
        self.imports: dict[str, str] = {}
        self.constants: dict[str, ast.Assign | ast.AnnAssign] = {}
        self.helpers: dict[str, Definition] = {}
        for node in tree.body:
            self._add(node)

    def _add(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                self.imports[name] = ast.unparse(ast.Import([alias]))
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module != "__future__":
                for alias in node.names:
                    text = ast.unparse(ast.ImportFrom(node.module, [alias], 0))
                    self.imports[alias.asname or alias.name] = text
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.helpers[node.name] = node
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            if isinstance(node.targets[0], ast.Name):
                self.constants[node.targets[0].id] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            self.constants[node.target.id] = node

    def segment(self, node: ast.stmt) -> str:
        """The source of a statement with its decorators, docstrings shortened."""
        first = node.lineno
        if isinstance(node, Definition) and node.decorator_list:
            first = min(first, *(d.lineno for d in node.decorator_list))
        assert node.end_lineno is not None
        lines = self.lines[first - 1 : node.end_lineno]
        for start, stop, kept in reversed(_docstrings(node, self.lines)):
            lines[start - first : stop - first] = kept
        return "\n".join(lines)


def _docstrings(node: ast.AST, lines: list[str]) -> list[tuple[int, int, list[str]]]:
    """(first line, line after the last, what stays) of every docstring in ``node``, in order.

    A third of the short ones stay as they are, a third of the long ones leave their first line.
    """
    found = []
    for owner in ast.walk(node):
        if not isinstance(owner, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        head = owner.body[0]
        text = ast.get_docstring(owner)
        if text is None or head.lineno == owner.lineno or len(owner.body) == 1:
            continue
        assert head.end_lineno is not None
        rows = lines[head.lineno - 1 : head.end_lineno]
        choice = stable(text) % 3
        if choice == 0 and len(rows) <= 3:
            continue
        first = text.strip().split("\n")[0].strip()
        kept = []
        if (
            choice == 1
            and 0 < len(first) < 80
            and first.isascii()
            and '"' not in first
            and "\\" not in first
        ):
            kept = [f'{" " * head.col_offset}"""{first}"""']
        if rows[0].lstrip() != rows[0][head.col_offset :] or "\t" in rows[0][: head.col_offset]:
            kept = []
        stop = head.end_lineno + 1
        if not kept and stop <= len(lines) and not lines[stop - 1].strip():
            stop += 1
        found.append((head.lineno, stop, kept))
    return sorted(found)


def free_names(node: ast.AST) -> set[str]:
    """Names that are read anywhere in ``node`` and bound nowhere in it."""
    read: set[str] = set()
    bound: set[str] = set()
    for child in ast.walk(node):
        match child:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name):
                bound.add(name)
            case ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.alias(name=name, asname=asname):
                bound.add(asname or name.partition(".")[0])
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bound.add(name)
    return read - bound


def _piece(file: _File, node: Definition, body: str, name: str = "") -> Iterator[Piece]:
    """The module of one definition, if it can stand alone and has the right size."""
    if node.name.startswith(("test_", "Test")) or len(body) > MAX_CHARS:
        return
    needed = _closure(file, free_names(node) - {node.name}, node.name)
    if needed is None:
        return
    imports, constants, helpers = needed
    parts = []
    if imports:
        parts.append("\n".join(imports))
    if constants:
        parts.append("\n".join(file.segment(c) for c in constants))
    parts += [file.segment(h) for h in helpers]
    parts.append(body)
    source = tidy("\n\n".join(parts))
    if not MIN_LINES <= source.count("\n") <= MAX_LINES or len(source) > MAX_CHARS:
        return
    if piece := check_piece(source, (*(h.name for h in helpers), name or node.name)):
        yield piece


def _closure(
    file: _File, wanted: set[str], own: str
) -> tuple[list[str], list[ast.Assign | ast.AnnAssign], list[Definition]] | None:
    """Imports, constants and helpers that ``wanted`` needs; None where one cannot be had."""
    imports: set[str] = set()
    constants: dict[str, ast.Assign | ast.AnnAssign] = {}
    helpers: dict[str, Definition] = {}
    queue, seen = sorted(wanted), {own}
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        node: ast.AST
        if name in file.imports:
            imports.add(file.imports[name])
            continue
        if name in file.constants:
            node = constants[name] = file.constants[name]
            if len(file.segment(constants[name])) > _MAX_CONSTANT:
                return None
        elif name in file.helpers:
            node = helpers[name] = file.helpers[name]
            if len(helpers) > _MAX_HELPERS:
                return None
        elif name in _BUILTINS:
            continue
        else:
            return None
        queue += sorted(free_names(node))
    by_line = sorted(constants.values(), key=lambda n: n.lineno)
    return sorted(imports), by_line, sorted(helpers.values(), key=lambda n: n.lineno)


def _methods(file: _File, node: ast.ClassDef, *, alone: bool) -> Iterator[Piece]:
    """Methods that use no ``self`` as functions or as a ``class Solution``; of a class that is too
    large also each longer method under the class's bare header."""
    for method in node.body:
        if not isinstance(method, ast.FunctionDef) or method.name.startswith("__"):
            continue
        if method.decorator_list or not method.args.args or method.args.args[0].arg != "self":
            continue
        body = file.segment(method)
        loads = [n for n in ast.walk(method) if isinstance(n, ast.Name)]
        if any(n.id in ("super", "__class__") for n in loads):
            continue
        if any(n.id == "self" for n in loads):
            if not alone and body.count("\n") >= 7:
                yield from _piece(file, method, f"class {node.name}:\n{body}", node.name)
        elif stable(body) % 2:
            yield from _piece(file, method, f"class Solution:\n{body}", "Solution")
        elif function := _standalone(body):
            yield from _piece(file, method, function)


def _standalone(body: str) -> str | None:
    """A method's text as a function: dedented by its own indentation, without ``self``."""
    indent = body[: len(body) - len(body.lstrip())]
    lines = body.split("\n")
    if not all(line.startswith(indent) or not line.strip() for line in lines):
        return None
    text = "\n".join(line[len(indent) :] for line in lines)
    head, found, rest = text.partition("(self")
    if not found or "\n" in head:
        return None
    rest = rest.removeprefix(",").lstrip()
    return f"{head}({rest}"
