"""One or several corruptions of a module, with the commands that undo them exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from editloop.document.commands import Command, CommandError
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.python.syntax import check_syntax
from editloop_trainer.corruptions.base import Change, Family, Module
from editloop_trainer.corruptions.inverse import MAX_COMMANDS, inverse
from editloop_trainer.corruptions.registry import training_families

_TRIES = 6
_RANK = {"syntax": 0, "name": 1, "logic": 2, "random": 2}


@dataclass(frozen=True, slots=True)
class Corruption:
    """``commands`` applied in order to ``source`` give the original back, byte for byte.

    ``family`` joins the names of several by ``+``, in the order in which they are undone.
    """

    family: str
    source: str
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One change of a module with the family that made it."""

    family: Family
    change: Change


def corrupt(
    source: str | Module, rng: Random, families: Sequence[Family] | None = None
) -> Corruption | None:
    """One corruption by a random family, None where none was found. Raises SyntaxError."""
    return corrupt_many(source, rng, 1, families)


def corrupt_many(
    source: str | Module, rng: Random, n: int, families: Sequence[Family] | None = None
) -> Corruption | None:
    """``n`` corruptions of different places (fewer where the module has no room)."""
    module = source if isinstance(source, Module) else Module(source)
    faults: list[Fault] = []
    for _ in range(n):
        fault = propose(module, rng, families)
        if fault is not None and not any(_overlap(fault.change, f.change) for f in faults):
            faults.append(fault)
    return compose(module, faults) if faults else None


def corrupt_by(module: Module, rng: Random, order: Sequence[Family], n: int) -> Corruption | None:
    """``n`` corruptions of different places, one each by the first families of ``order`` that can;
    None where the first cannot or the module has no room."""
    faults: list[Fault] = []
    for family in order:
        fault = propose(module, rng, [family])
        if fault is None and not faults:
            return None
        if fault and not any(_overlap(fault.change, f.change) for f in faults):
            faults.append(fault)
        if len(faults) == n:
            return compose(module, faults)
    return None


def propose(module: Module, rng: Random, families: Sequence[Family] | None = None) -> Fault | None:
    """One change that differs from the module and that a few commands undo."""
    chosen = training_families() if families is None else families
    weights = [f.weight for f in chosen]
    for _ in range(_TRIES):
        family = rng.choices(chosen, weights)[0]
        change = family.propose(module, rng)
        if change is not None and _is_fit(module, change):
            return Fault(family, change)
    return None


def _is_fit(module: Module, change: Change) -> bool:
    if change.lines == module.lines[change.start : change.stop]:
        return False
    if any("\n" in line or len(line) > 160 for line in change.lines):
        return False
    return 1 <= len(inverse(module, change)) <= MAX_COMMANDS


def compose(module: Module, faults: Sequence[Fault]) -> Corruption | None:
    """Apply changes that do not overlap. What breaks the syntax is undone first, then wrong names,
    then the rest, each from the top: the order in which the checks report them."""
    text = module.render([f.change for f in faults])
    if not text.strip():
        return None
    ordered = sorted(faults, key=lambda f: (_rank(module, f), f.change.start))
    commands: list[Command] = []
    for i, fault in enumerate(ordered):
        above = [f.change for f in ordered[i + 1 :] if f.change.start < fault.change.start]
        offset = sum(len(c.lines) - (c.stop - c.start) for c in above)
        commands += inverse(module, fault.change, offset)
    corruption = Corruption("+".join(f.family.name for f in ordered), text, tuple(commands))
    return corruption if undoes(corruption, module.source) else None


def undoes(corruption: Corruption, original: str) -> bool:
    """Whether the commands really give the original back."""
    state = EditState.open(Snapshot.from_text(corruption.source))
    try:
        for command in corruption.commands:
            state = apply(state, command)
    except CommandError:
        return False
    return state.text == original


def _rank(module: Module, fault: Fault) -> int:
    if check_syntax(module.render([fault.change])) is not None:
        return 0
    return max(1, _RANK[fault.family.group])


def _overlap(a: Change, b: Change) -> bool:
    """Changes that touch: an insertion between two changed lines would be ambiguous."""
    return a.start <= b.stop and b.start <= a.stop
