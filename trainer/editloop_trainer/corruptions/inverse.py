"""The commands that undo a change: they follow from the change alone."""

from __future__ import annotations

from editloop.document.commands import Command, edit_line
from editloop.document.edits import common_prefix
from editloop_trainer.corruptions.base import Change, Module

MAX_COMMANDS = 3


def inverse(module: Module, change: Change, offset: int = 0) -> tuple[Command, ...]:
    """Commands that undo a change; ``offset``: how far changes above it have moved its lines."""
    old, new = list(module.lines[change.start : change.stop]), list(change.lines)
    first = change.start + offset + 1
    if len(old) == len(new) == 2 and old == new[::-1]:
        # Two lines changed places: take the lower one out and put it back above.
        return (Command("DELL", first + 1), Command("ADDL", first, old[0]))
    if len(old) == len(new):
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(new, old, strict=True)) if a != b]
        return tuple(edit_line(first + i, a, b) for i, a, b in pairs)
    head = common_prefix(old, new)
    if len(new) > len(old):
        surplus = len(new) - len(old)
        if new[:head] + new[head + surplus :] == old:
            return tuple(Command("DELL", first + head) for _ in range(surplus))
    else:
        missing = len(old) - len(new)
        if old[:head] + old[head + missing :] == new:
            return tuple(Command("ADDL", first + head + i, old[head + i]) for i in range(missing))
    return ()
