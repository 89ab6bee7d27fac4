"""Tests for a reference: calls with guessed arguments, whose answers the sandbox records.

A recorded test says what the reference does, not what it should do; for corruptions of the same
reference that is the same thing.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from editloop.checks.callruns import record_calls
from editloop.sandbox import SandboxPool, open_pool
from editloop_trainer.arguments import arguments, parameters
from editloop_trainer.corpus import Entry, read_corpus
from editloop_trainer.jsonl import read_jsonl, read_mbpp
from editloop_trainer.pieces import parse
from editloop_trainer.stream import Rows, stream

_CALLS = 36
_SHORT = 90
_ENTRY = "_call"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Assertions on an entry."""

    id: str
    asserts: tuple[str, ...]


def read_recorded(path: Path) -> dict[str, Recorded]:
    """By entry. Raises JsonlError."""
    rows = read_jsonl(path, "id", "asserts")
    return {row["id"]: Recorded(row["id"], tuple(row["asserts"])) for row in rows}


def target(entry: Entry) -> tuple[ast.FunctionDef, str] | None:
    """The function to call and how it is written in a call."""
    tree = parse(entry.source)
    nodes = {n.name: n for n in tree.body if hasattr(n, "name")} if tree else {}
    node = nodes.get(entry.names[-1])
    if isinstance(node, ast.FunctionDef):
        return node, node.name
    if isinstance(node, ast.ClassDef) and node.name == "Solution":
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
        public = [n for n in methods if not n.name.startswith("_")]
        if public and not any(n.name == "__init__" for n in methods):
            return public[0], f"Solution().{public[0].name}"
    return None


def record_entry(entry: Entry, pool: SandboxPool, seed: int) -> Recorded | None:
    """3 to 5 assertions that the reference passes, twice over; None where too few were found."""
    found = target(entry)
    if found is None or not entry.pure:
        return None
    node, call = found
    if parameters(node) is None:
        return None
    if any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(node)):
        return _record(entry, node, f"list({call}(%s))", pool, seed)
    made = _record(entry, node, f"{call}(%s)", pool, seed)
    # What cannot be compared may be an iterator over what can.
    return made or _record(entry, node, f"list({call}(%s))", pool, seed)


def _record(
    entry: Entry, node: ast.FunctionDef, form: str, pool: SandboxPool, seed: int
) -> Recorded | None:
    tries = arguments(node, Random(f"{seed}/{entry.id}"), _CALLS)
    if not tries:
        return None
    source = f"{entry.source}\n\ndef {_ENTRY}(*args):\n    return {form % '*args'}\n"
    calls = [(_ENTRY, args) for args in tries]
    answers = record_calls(pool, source, calls, cpu_seconds=0.4, wall_seconds=5.0)
    good = [(a, v) for a, v in zip(tries, answers, strict=True) if _usable(a, v)]
    if len(good) < 3:
        return None
    again = record_calls(pool, source, [(_ENTRY, a) for a, _ in good], cpu_seconds=0.4)
    good = [(a, v) for (a, v), w in zip(good, again, strict=True) if repr(v) == repr(w)]
    chosen = choose(good)
    if len(chosen) < 3:
        return None
    asserts = tuple(_assert(form, args, value) for args, value in chosen)
    return Recorded(entry.id, asserts)


def _usable(args: tuple[Any, ...], value: Any) -> bool:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return False
    return len(repr(args)) <= _SHORT and len(repr(value)) <= _SHORT and "nan" not in repr(value)


def choose(good: Sequence[tuple[tuple[Any, ...], Any]]) -> list[tuple[tuple[Any, ...], Any]]:
    """Up to 5 calls: at least two different answers, larger inputs first, a trivial one last."""
    ordered = sorted(good, key=lambda g: -min(len(repr(g[0])), 40))
    chosen: list[tuple[tuple[Any, ...], Any]] = []
    seen: dict[str, int] = {}
    for repeat in (1, 2, 3):
        for args, value in ordered:
            key = repr(value)
            if len(chosen) < 4 and seen.get(key, 0) < repeat and (args, value) not in chosen:
                seen[key] = seen.get(key, 0) + 1
                chosen.append((args, value))
    if ordered and len(chosen) == 4 and ordered[-1] not in chosen:
        chosen.append(ordered[-1])
    return chosen if len(seen) >= 2 else []


def _assert(form: str, args: tuple[Any, ...], value: Any) -> str:
    return f"assert {form % ', '.join(map(repr, args))} == {value!r}"


def mbpp_tests(path: Path) -> dict[str, Recorded]:
    """MBPP's own assertions for its training and validation programs."""
    found = {}
    for row in read_mbpp(path, "train", "validation"):
        if not row["test_setup_code"]:
            identity = f"mbpp-train/{row['task_id']}"
            found[identity] = Recorded(identity, tuple(row["test_list"]))
    return found


def _worker(seed: int, given: dict[str, Recorded]) -> Callable[[Entry], Rows]:
    pool = open_pool(1)

    def work(entry: Entry) -> Rows:
        made = given.get(entry.id) or record_entry(entry, pool, seed)
        if made is None and entry.id.endswith(".solution"):
            made = _as_method(entry, given.get(entry.id.removesuffix(".solution")))
        return {"tests": [json.dumps(asdict(made))] if made else []}

    return work


def _as_method(entry: Entry, base: Recorded | None) -> Recorded | None:
    """The assertions of a function, for its form as a method."""
    found = target(entry)
    if base is None or found is None:
        return None
    name, call = found[0].name, found[1]
    asserts = tuple(text.replace(f"{name}(", f"{call}(") for text in base.asserts)
    return replace(base, id=entry.id, asserts=asserts)


def build_tests(
    corpus: Path,
    out: Path,
    *,
    mbpp: Path | None = None,
    seed: int = 0,
    workers: int = 2,
    minutes: float | None = None,
) -> tuple[int, bool]:
    """Write the recorded tests of every pure entry that has some.

    Returns (rows written by this call, all done), and goes on where it was stopped.
    """
    entries = [e for e in read_corpus(corpus) if e.pure or e.package == "mbpp-train"]
    given = mbpp_tests(mbpp) if mbpp is not None else {}
    return stream(
        "tests",
        entries,
        _worker,
        {"tests": out},
        arguments=(seed, given),
        workers=workers,
        minutes=minutes,
    )
