"""Keeping benchmark programs out of the training data.

A piece coincides with a benchmark task when its normalized syntax tree is one of the task's, or a
function of it has the name and the number of parameters of one of the task's functions. Long names
count alone: two programs called ``longestPalindromicSubstring`` solve the same problem.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from editloop_trainer.jsonl import JsonlError, read_jsonl
from editloop_trainer.pieces import parse

_LONG_NAME = 10
_IGNORED = frozenset({"check", "main", "solve", "solution"})


@dataclass(slots=True)
class Exclusion:
    """What must not be in a corpus: digests of whole programs and of functions, and signatures."""

    digests: set[str] = field(default_factory=set)
    signatures: set[str] = field(default_factory=set)

    def add(self, source: str) -> None:
        """Take in a benchmark program; one that does not parse is passed over."""
        tree = parse(source)
        if tree is None:
            return
        self.digests.add(digest(tree))
        for node in functions(tree):
            if len(node.body) > 1:
                self.digests.add(digest(ast.Module([node], [])))
            self.signatures.update(signatures(node))

    def hits(self, tree: ast.Module) -> bool:
        """Whether a program coincides with one that was added."""
        if digest(tree) in self.digests:
            return True
        for node in functions(tree):
            if not self.signatures.isdisjoint(signatures(node)):
                return True
            if digest(ast.Module([node], [])) in self.digests:
                return True
        return False


def load_exclusion(paths: Iterable[Path]) -> Exclusion:
    """Read task files, and files in MBPP's own format: their test split alone.

    Raises JsonlError.
    """
    exclusion = Exclusion()
    for path in paths:
        for row in read_jsonl(path):
            if "buggy" not in row and "split" not in row:
                raise JsonlError(f"{path}: neither tasks nor MBPP, so nothing is kept out by it")
            for source in _programs(row):
                exclusion.add(source)
    return exclusion


def _programs(row: dict[str, Any]) -> Iterator[str]:
    if "split" in row and "code" in row:
        keys = ("code", "plus_code") if row["split"] in ("test", "prompt") else ()
    else:
        keys = ("fixed", "buggy")
    for key in keys:
        if isinstance(row.get(key), str):
            yield row[key].replace("\r\n", "\n")


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions at the top level and methods of classes there; dunder methods are left out."""
    for node in tree.body:
        body = node.body if isinstance(node, ast.ClassDef) else [node]
        for child in body:
            if isinstance(child, ast.FunctionDef) and not child.name.startswith("__"):
                yield child


def signatures(node: ast.FunctionDef) -> tuple[str, ...]:
    """``name/parameters`` without case, underscores and ``self``; long names also alone."""
    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg != "self"]
    name = node.name.lower().replace("_", "")
    if name in _IGNORED:
        return ()
    alone = (name,) if len(name) >= _LONG_NAME else ()
    return (f"{name}/{len(arguments)}", *alone)


class _Normalizer(ast.NodeTransformer):
    """Names in order of appearance, no docstrings, no annotations."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def _name(self, name: str) -> str:
        return self.names.setdefault(name, f"n{len(self.names)}")

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._name(node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self._name(node.arg), None)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], node.value)

    def _definition(self, node: ast.FunctionDef | ast.ClassDef) -> ast.stmt:
        node.name = self._name(node.name)
        if len(node.body) > 1 and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        return self._definition(node)


def digest(tree: ast.Module) -> str:
    """A digest of the normalized tree; the tree given is not changed."""
    copy = ast.parse(ast.unparse(tree))
    normal = _Normalizer().visit(copy)
    return hashlib.blake2b(ast.dump(normal).encode(), digest_size=12).hexdigest()
