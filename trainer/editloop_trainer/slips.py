"""Wrong edits and the commands that take them back: what recovery demonstrations are made of."""

from __future__ import annotations

from random import Random

from editloop.checks.verdict import Verdict
from editloop.document.commands import Command, edit_line
from editloop.document.state import EditState, apply
from editloop.moves import moves

_TRIES = 4


def slip(
    state: EditState, verdict: Verdict, right: Command, rng: Random
) -> tuple[Command, EditState] | None:
    """A plausible wrong command and the state after it; None where none was found.

    Most are on the line that needs an edit, where a model errs too.
    """
    wrong = [move for move in moves(state, verdict.findings) if move != right]
    close = [move for move in wrong if move.line == right.line]
    for _ in range(_TRIES if wrong else 0):
        command = rng.choice(close if close and rng.random() < 0.7 else wrong)
        after = apply(state, command)
        if apply(after, undoing(state, command)) == state:
            return command, after
    return None


def undoing(before: EditState, command: Command) -> Command:
    """The command that takes ``command`` back, which was applied to ``before``."""
    if command.verb == "ADDL":
        return Command("DELL", command.line)
    old = before.window[command.line - 1]
    if command.verb == "DELL":
        return Command("ADDL", command.line, old)
    return edit_line(command.line, apply(before, command).window[command.line - 1], old)
