"""A piece of a corpus: one self-contained module text, and what is asked of it."""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from dataclasses import dataclass

from editloop.python.syntax import check_syntax


def words(text: str) -> frozenset[str]:
    """A set of words written as one text."""
    return frozenset(text.split())


PURE_MODULES = words(
    "math cmath itertools functools collections string re heapq bisect operator typing fractions "
    "decimal statistics copy enum dataclasses abc numbers textwrap types"
)
IMPURE_NAMES = words(
    "open input print exec eval compile globals locals vars __import__ exit quit breakpoint "
    "memoryview id hash setattr delattr super object __file__"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A self-contained module, the names that it defines, and whether it is safe to call."""

    source: str
    names: tuple[str, ...]
    pure: bool


def parse(source: str) -> ast.Module | None:
    """The syntax tree, None where there is none. Warnings about the text are not ours to show."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            return None


def stable(text: str) -> int:
    """A number that depends on the text alone, for choices that must not change between runs."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def tidy(source: str) -> str:
    """No trailing white space, no runs of blank lines, one final newline."""
    lines: list[str] = []
    for line in source.split("\n"):
        line = line.rstrip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n") + "\n"


def check_piece(source: str, names: tuple[str, ...]) -> Piece | None:
    """The piece, None where the text is not fit for a corpus."""
    if not source.isprintable() and any(c < " " and c not in "\n\t" for c in source):
        return None
    if len(source) - len(source.encode("ascii", "ignore")) > len(source) // 50:
        return None
    if any(len(line) > 120 for line in source.split("\n")):
        return None
    tree = parse(source)
    if tree is None or check_syntax(source) is not None:
        return None
    return Piece(source, names, is_pure(tree))


def is_pure(tree: ast.AST) -> bool:
    """Whether only computing modules and builtins are used: no input, output or reflection."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                if any(a.name.partition(".")[0] not in PURE_MODULES for a in names):
                    return False
            case ast.ImportFrom(module=module):
                if (module or "").partition(".")[0] not in PURE_MODULES:
                    return False
            case ast.Name(id=name) if name in IMPURE_NAMES:
                return False
            case ast.Global() | ast.Await() | ast.AsyncFunctionDef():
                return False
    return True


def as_solution(source: str, name: str) -> str | None:
    """A module of one function as ``class Solution`` with one method, None where it is not that."""
    tree = parse(source)
    if tree is None:
        return None
    *before, node = tree.body
    if not isinstance(node, ast.FunctionDef) or node.name != name or node.decorator_list:
        return None
    if any(not isinstance(n, ast.Import | ast.ImportFrom) for n in before):
        return None
    if any(isinstance(n, ast.Constant) and "\n" in str(n.value) for n in ast.walk(node)):
        return None
    lines = source.split("\n")
    cut = node.lineno - 1
    head, body = lines[:cut], lines[cut:]
    text = "\n".join(f"    {line}" if line.strip() else "" for line in body)
    text = text.replace(f"def {name}(", "def \0(", 1)
    text = re.sub(rf"(?<![\w.]){name}\(", f"self.{name}(", text)
    comma = ", " if (node.args.args or node.args.vararg) else ""
    text = text.replace("def \0(", f"def {name}(self{comma}", 1)
    return tidy("\n".join([*head, "class Solution:", text]))
