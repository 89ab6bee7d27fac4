"""Families of bounds: off by one, wrong index, wrong slice."""

from __future__ import annotations

import ast
import re
from random import Random

from editloop_trainer.corruptions.base import Change, Module
from editloop_trainer.corruptions.expressions import between

_SMALL = re.compile(r"\s*[-+]\s*1$")


def off_by_one(m: Module, rng: Random) -> Change | None:
    """``+ 1`` or ``- 1`` forgotten, turned round, or put where none belongs."""
    ones = [n for n in m.of(ast.BinOp) if isinstance(n.op, ast.Add | ast.Sub) and _one(n.right)]
    if ones and rng.random() < 0.65:
        node = rng.choice(ones)
        text = m.text(node)
        if rng.random() < 0.6 and _SMALL.search(text):
            return m.replace(node, _SMALL.sub("", text))
        place = between(m, node.left, node.right)
        return m.put(*place, "-" if isinstance(node.op, ast.Add) else "+") if place else None
    places = [s for s in _bounds(m) if not isinstance(s, ast.BinOp | ast.Starred)]
    if not places:
        return None
    node_ = rng.choice(places)
    text, sign = m.text(node_), rng.choice("+-")
    if isinstance(node_, ast.Constant):
        if not isinstance(node_.value, int) or isinstance(node_.value, bool):
            return None
        return m.replace(node_, str(abs(node_.value + (1 if sign == "+" else -1))))
    space = " " if rng.random() < 0.6 else ""
    return m.replace(node_, f"{text}{space}{sign}{space}1")


def _one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _bounds(m: Module) -> list[ast.expr]:
    """Arguments of ``range``, indices, slice bounds, and right sides of orderings."""
    found: list[ast.expr] = []
    for node in m.nodes:
        match node:
            case ast.Call(func=ast.Name(id="range"), args=args):
                found += args * 2
            case ast.Subscript(slice=ast.Slice(lower=low, upper=up)):
                found += [n for n in (low, up) if n is not None]
            case ast.Subscript(slice=(ast.Name() | ast.BinOp() | ast.Constant()) as index):
                found.append(index)
            case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()], comparators=[x]):
                found.append(x)
    return [n for n in found if n.lineno == n.end_lineno]


def index(m: Module, rng: Random) -> Change | None:
    """``i`` for ``j``, ``[0]`` for ``[-1]``, two indices exchanged."""
    nodes = [n for n in m.of(ast.Subscript) if not isinstance(n.slice, ast.Slice)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    inner, text = node.slice, m.text(node.slice)
    if isinstance(node.value, ast.Subscript) and rng.random() < 0.4:
        return m.swap(node.value.slice, inner)
    if text in ("0", "-1", "1"):
        return m.replace(inner, rng.choice([c for c in ("0", "-1", "1") if c != text]))
    if isinstance(inner, ast.Name):
        names = [n for n in m.names_at(inner.lineno - 1) if n != text]
        short = [n for n in names if len(n) <= 2] or names
        return m.replace(inner, rng.choice(short)) if short else None
    return None


def slice_bounds(m: Module, rng: Random) -> Change | None:
    """A bound forgotten, moved to the other side, or a step turned round."""
    nodes = [n for n in m.of(ast.Subscript) if isinstance(n.slice, ast.Slice)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    text = m.text(node.slice)
    if text == "::-1":
        return m.replace(node.slice, rng.choice((":", ":-1", "::1")))
    parts = text.split(":")
    if len(parts) != 2 or "[" in text or "(" in text:
        return None
    low, high = (p.strip() for p in parts)
    options = [f"{high}:{low}", f"{low}:{high} + 1", f"{low}:{high} - 1"]
    options += [f":{high}", f"{low}:"] if low and high else []
    options = [o for o in options if o != text and not o.startswith(": ") and ": " not in o]
    return m.replace(node.slice, rng.choice(options)) if options else None
