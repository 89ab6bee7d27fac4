"""How a function is shown: alone, as a LeetCode-like method under a hidden prelude, or in a file
among others. Text only; nothing is run here."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from editloop_trainer.pieces import parse

SOLUTION_PRELUDE = """\
from typing import *
import math, collections, heapq, bisect, functools, itertools, string, re, random, operator
from math import *
from collections import *
from heapq import *
from bisect import *
from functools import *
from itertools import *

"""
_COVERED = frozenset(
    {
        *("typing", "math", "collections", "heapq", "bisect", "functools", "itertools"),
        *("string", "re", "random", "operator"),
    }
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A source with the assertions that judge it, and what is put before it unseen."""

    kind: Literal["plain", "untested", "prelude"]
    source: str
    asserts: tuple[str, ...] = ()
    prelude: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A longer module; line ``i >= first`` of the original is line ``i + offset`` of it."""

    source: str
    first: int
    offset: int


def without_imports(source: str) -> str | None:
    """The module without imports that the prelude covers; None where it needs others."""
    tree = parse(source)
    if tree is None:
        return None
    last = 0
    for node in tree.body:
        if isinstance(node, ast.Import):
            fine = all(a.name in _COVERED and a.asname is None for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            fine = node.module in _COVERED and all(a.asname is None for a in node.names)
        else:
            break
        if not fine:
            return None
        last = node.end_lineno or last
    return "\n".join(source.split("\n")[last:]).lstrip("\n")


def embed(source: str, neighbours: Sequence[str]) -> Placed | None:
    """The module within a file: all imports on top, then a neighbour, the module, the others.

    None where names would clash.
    """
    own = _split(source)
    others = [part for part in map(_split, neighbours) if part is not None]
    if own is None or not others:
        return None
    names = set(own.names)
    chosen = []
    for other in others:
        if names.isdisjoint(other.names):
            chosen.append(other)
            names |= other.names
    if not chosen:
        return None
    imports = list(dict.fromkeys(i for part in (own, *chosen) for i in part.imports))
    before = [*imports, *([""] if imports else []), *chosen[0].body, ""]
    after = [line for part in chosen[1:] for line in ("", *part.body)]
    text = "\n".join([*before, *own.body, *after]) + "\n"
    return Placed(text, own.first, len(before) - own.first)


@dataclass(frozen=True, slots=True)
class _Parts:
    imports: tuple[str, ...]
    body: tuple[str, ...]
    names: frozenset[str]
    first: int


def _split(source: str) -> _Parts | None:
    tree = parse(source)
    if tree is None:
        return None
    lines = source.removesuffix("\n").split("\n")
    imports: list[str] = []
    first = 0
    for node in tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        if node.lineno != node.end_lineno:
            return None
        imports.append(lines[node.lineno - 1])
        first = node.lineno
    while first < len(lines) and not lines[first].strip():
        first += 1
    defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    assigned = {
        t.id
        for n in tree.body
        if isinstance(n, ast.Assign)
        for t in n.targets
        if isinstance(t, ast.Name)
    }
    return _Parts(tuple(imports), tuple(lines[first:]), frozenset(defined | assigned), first)
