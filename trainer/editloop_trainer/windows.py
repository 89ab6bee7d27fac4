"""Corruptions of long files seen through the product's own window."""

from __future__ import annotations

from editloop.document.commands import Command
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.repair.region import RegionError, window
from editloop_trainer.corruptions import Corruption


def through_window(
    corruption: Corruption, line: int
) -> tuple[tuple[int, ...] | None, tuple[Command, ...] | None]:
    """The product's own view on a line, and the commands with its numbers; None outside of it."""
    document = Snapshot.from_text(corruption.source)
    count = len(document.lines)
    try:
        view = window(document, line=min(line, count - 1), max_lines=min(80, count - 1))
    except RegionError:
        return None, None
    whole, state = EditState.open(document), EditState.open(document, view)
    commands = []
    for command in corruption.commands:
        number = state.number_of(command.line - 1)
        if number is None and command.verb == "ADDL" and command.line - 2 == state.view[-1]:
            number = len(state.view) + 1
        if number is None:
            return None, None
        mapped = Command(command.verb, number, command.text, command.source)
        whole, state = apply(whole, command), apply(state, mapped)
        if whole.text != state.text:
            return None, None
        commands.append(mapped)
    return view, tuple(commands)
