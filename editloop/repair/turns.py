"""One turn of the loop by a place and a text: what to ask in a state, and what an answer does.

It asks no model and runs no check: a benchmark asks by a `Model`, training by its own batches.
"""

from __future__ import annotations

from collections.abc import Iterable

from editloop.document.commands import CommandError, Step
from editloop.document.state import EditState, apply
from editloop.document.transcript import Finding
from editloop.model.backend import Gap, Plain
from editloop.model.infill import Place, written
from editloop.model.turns import TOLD, ask_place, ask_text, read_place
from editloop.repair.replies import step_of


def question(state: EditState, findings: Iterable[Finding], place: Place | None) -> Plain | Gap:
    """What to ask next: the place, or the text of one that was named."""
    lines = [line.text for line in state.document.lines]
    failed = [finding.text for finding in findings][:TOLD]
    if place is None:
        return ask_place(lines, state.view, failed)
    return ask_text(lines, place, failed)


def answered(state: EditState, place: Place | None, text: str) -> Place | EditState | None:
    """The place that is to be filled in, or the state after the edit; None where the answer is
    neither. An edit that changes nothing gives the state itself."""
    if place is not None:
        return _applied(state, step_of(state, place, written("", text)[0]))
    named = read_place(text, state.view)
    if named is None:
        return None
    if named.verb == "delete":
        return _applied(state, step_of(state, named.place, ()))
    return named.place


def _applied(state: EditState, step: Step | None) -> EditState | None:
    try:
        for command in step or ():
            state = apply(state, command)
    except CommandError:
        return None
    return state
