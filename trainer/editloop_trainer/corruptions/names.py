"""Families about names: a wrong one in scope, one that does not exist, keywords gone wrong."""

from __future__ import annotations

import ast
import keyword
from random import Random

from editloop_trainer.corruptions.base import Change, Module, Token
from editloop_trainer.corruptions.tables import FOREIGN, INVENTED, INVENTED_CALLS, OPPOSITES
from editloop_trainer.pieces import words

_NEAR = {"a": "s", "s": "d", "e": "r", "r": "t", "t": "r", "i": "o", "o": "i", "n": "m", "m": "n"}


def misspell(word: str, rng: Random) -> str:
    """A typing slip: two letters swapped, one dropped, doubled or missed on the keyboard."""
    if len(word) < 2:
        return word + rng.choice((word, "1", "s"))
    for _ in range(8):
        i = rng.randrange(len(word) - 1)
        kind = rng.choice(("swap", "drop", "drop", "double", "near", "plural", "case"))
        new = word
        if kind == "swap":
            new = word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        elif kind == "drop" and len(word) > 2:
            i = rng.randrange(1, len(word))
            new = word[:i] + word[i + 1 :]
        elif kind == "double":
            new = word[: i + 1] + word[i:]
        elif kind == "near":
            new = word[:i] + _NEAR.get(word[i], word[i]) + word[i + 1 :]
        elif kind == "plural":
            new = word[:-1] if word.endswith("s") else word + "s"
        elif kind == "case":
            new = word.replace("_", "") if "_" in word else word[0].swapcase() + word[1:]
        if new != word and new.isidentifier() and not keyword.iskeyword(new):
            return new
    return word + "s"


def _loads(m: Module) -> list[ast.Name]:
    return [n for n in m.of(ast.Name) if isinstance(n.ctx, ast.Load)]


def wrong_name(m: Module, rng: Random) -> Change | None:
    """Another variable of the same function is read."""
    nodes = [n for n in _loads(m) if n.id in m.names_at(n.lineno - 1)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    others = [n for n in m.names_at(node.lineno - 1) if n != node.id]
    # People confuse names that look alike more often than others.
    alike = [n for n in others if n[0] == node.id[0] or abs(len(n) - len(node.id)) <= 1]
    pool = alike if alike and rng.random() < 0.6 else others
    return m.replace(node, rng.choice(pool)) if pool else None


def wrong_target(m: Module, rng: Random) -> Change | None:
    """A result is stored under another variable's name."""
    nodes = [n for n in m.of(ast.Name) if isinstance(n.ctx, ast.Store)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    others = [n for n in m.names_at(node.lineno - 1) if n != node.id]
    return m.replace(node, rng.choice(others)) if others else None


def undefined_name(m: Module, rng: Random) -> Change | None:
    """A typo in a name that is read or bound, a parameter among them."""
    nodes: list[ast.Name | ast.arg] = [n for n in m.of(ast.Name) if n.id not in ("self", "cls")]
    nodes += [n for n in m.of(ast.arg) if n.arg not in ("self", "cls")]
    if not nodes:
        return None
    node = rng.choice(nodes)
    name = node.id if isinstance(node, ast.Name) else node.arg
    row, start, _ = m.columns(node)
    return m.put(row, start, start + len(name), misspell(name, rng))


def misspelt_attribute(m: Module, rng: Random) -> Change | None:
    """A typo in the name of a method or attribute."""
    nodes = m.of(ast.Attribute)
    if not nodes:
        return None
    node = rng.choice(nodes)
    row, _, end = m.columns(node)
    return m.put(row, end - len(node.attr), end, misspell(node.attr, rng))


def invented_method(m: Module, rng: Random) -> Change | None:
    """A method or function of another language or of nobody: ``push``, ``length``, ``indexOf``."""
    places = []
    for node in m.of(ast.Call):
        func = node.func
        if func.lineno != func.end_lineno:
            continue
        row, start, end = m.columns(func)
        if isinstance(func, ast.Attribute) and func.attr in INVENTED:
            places.append((row, end - len(func.attr), end, INVENTED[func.attr]))
        elif isinstance(func, ast.Name) and func.id in INVENTED_CALLS:
            places.append((row, start, end, INVENTED_CALLS[func.id]))
    if not places:
        return None
    row, start, end, options = rng.choice(places)
    return m.put(row, start, end, rng.choice(options))


def missing_self(m: Module, rng: Random) -> Change | None:
    """``self`` left out of the parameters, or ``self.`` before an attribute."""
    methods = [n for n in m.of(ast.arg) if n.arg == "self"]
    uses = [
        n for n in m.of(ast.Attribute) if isinstance(n.value, ast.Name) and n.value.id == "self"
    ]
    if uses and rng.random() < 0.75:
        node = rng.choice(uses)
        return m.replace(node, node.attr)
    if not methods:
        return None
    row, start, end = m.columns(rng.choice(methods))
    rest = m.lines[row][end:]
    return m.put(row, start, end + len(rest) - len(rest.lstrip(", ")), "")


def extra_self(m: Module, rng: Random) -> Change | None:
    """``self.`` before what is a variable, a parameter or a function of the module."""
    rows = {
        row
        for function in m.functions
        if function.args.args and function.args.args[0].arg == "self"
        for row in range(function.lineno, function.end_lineno or function.lineno)
    }
    called = {n.func for n in m.of(ast.Call)}
    nodes = [n for n in _loads(m) if n.lineno - 1 in rows and n.id not in ("self", "cls")]
    nodes = [n for n in nodes if n.id in m.names_at(n.lineno - 1) or n in called]
    if not nodes:
        return None
    node = rng.choice(nodes)
    return m.replace(node, f"self.{node.id}")


def wrong_attribute(m: Module, rng: Random) -> Change | None:
    """Another attribute of the same object, such as ``left`` for ``right``."""
    known: dict[str, dict[str, None]] = {}
    nodes = m.of(ast.Attribute)
    for node in nodes:
        known.setdefault(m.text(node.value), {})[node.attr] = None
    nodes = [n for n in nodes if len(known[m.text(n.value)]) > 1 or n.attr in OPPOSITES]
    if not nodes:
        return None
    node = rng.choice(nodes)
    others = [name for name in known[m.text(node.value)] if name != node.attr]
    if node.attr in OPPOSITES and (not others or rng.random() < 0.7):
        others = [OPPOSITES[node.attr]]
    row, _, end = m.columns(node)
    return m.put(row, end - len(node.attr), end, rng.choice(others))


_CLAUSES = words(
    "return for while else elif def import from break continue pass lambda not and "
    "class try except raise yield with None True False"
)


def keyword_typo(m: Module, rng: Random) -> Change | None:
    """``retrun``, ``fro``, ``esle``, ``whlie``."""
    tokens = [t for t in m.tokens if t.kind == "keyword" and t.text in _CLAUSES]
    if not tokens:
        return None
    t = rng.choice(tokens)
    i = rng.randrange(len(t.text) - 1)
    kind = rng.random()
    if kind < 0.6:
        new = t.text[:i] + t.text[i + 1] + t.text[i] + t.text[i + 2 :]
    elif kind < 0.85:
        new = t.text[:i] + t.text[i + 1 :]
    else:
        new = t.text[: i + 1] + t.text[i:]
    return m.put(t.row, t.start, t.end, new)


def foreign_keyword(m: Module, rng: Random) -> Change | None:
    """A keyword of another language: ``null``, ``true``, ``else if``, ``function``, ``&&``."""
    groups: dict[str, list[Token]] = {}
    for t in m.tokens:
        if t.text in FOREIGN and (t.kind == "keyword" or t.text == "self"):
            groups.setdefault(t.text, []).append(t)
    if not groups:
        return None
    # By kind of keyword first: there are many more ``if`` than ``elif``.
    t = rng.choice(groups[rng.choice(sorted(groups))])
    return m.put(t.row, t.start, t.end, rng.choice(FOREIGN[t.text]))
