"""What a model's reply does to a state: a place filled in, or lines written anew, as commands."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from editloop.document.commands import Command, CommandError, Step
from editloop.document.state import EditState, apply
from editloop.model.backend import Gap, Prompt
from editloop.model.infill import Place, begun, written
from editloop.model.whole import read_part
from editloop.moves.context import build
from editloop.moves.imports import lacking

_NEAR = 3
"""Lines by which a place may have moved between states."""


def steps_of(state: EditState, place: Place, prompt: Prompt, text: str) -> Iterator[Step]:
    """The steps that a reply to a question about a place can mean."""
    if isinstance(prompt, Gap):
        found = (step_of(state, place, lines) for lines in written(begun(prompt), text))
        yield from filter(None, found)
    else:
        old = [line.text for line in state.document.lines[place.first : place.stop]]
        yield from rewritten(state, place, read_part(text, old))


@dataclass(frozen=True, slots=True)
class Told:
    """A reply to a question about a place of some state, which may help others of the search too;
    ``around``: the place's lines, of an insertion those beside it."""

    place: Place
    around: tuple[str, ...]
    prompt: Prompt
    text: str
    log_prob: float

    @staticmethod
    def of(lines: Sequence[str], place: Place, prompt: Prompt, text: str, gain: float) -> Told:
        """The reply ``text`` with its log-probability ``gain``."""
        first, stop = _beside(place)
        return Told(place, tuple(lines[first:stop]), prompt, text, gain)

    def steps(self, state: EditState) -> Iterator[Step]:
        """The steps that it can mean in another state, where its lines are there and near."""
        lines = state.document.lines
        first, stop = _beside(self.place)
        for shift in sorted(range(-_NEAR, _NEAR + 1), key=abs):
            there = tuple(line.text for line in lines[max(0, first + shift) : stop + shift])
            if first + shift >= 0 and there == self.around:
                place = self.place
                moved = replace(place, first=place.first + shift, stop=place.stop + shift)
                yield from steps_of(state, moved, self.prompt, self.text)
                return


def with_import(state: EditState, step: Step) -> Step:
    """The step, and the import of what it names and nothing binds."""
    try:
        after = reduce(apply, step, state)
    except CommandError:
        return step
    new = {command.text for command in step if command.verb in ("REPL", "ADDL")}
    return (*step, *lacking(build(after, ()), new))


def _beside(place: Place) -> tuple[int, int]:
    return (max(place.first - 1, 0), place.stop + 1) if place.inserts else (place.first, place.stop)


def step_of(state: EditState, place: Place, text: Sequence[str]) -> Step | None:
    """The commands that put ``text`` (lines) in a place; None where they would change nothing or
    the place is not in the window."""
    old = [line.text for line in state.document.lines[place.first : place.stop]]
    numbers = [state.number_of(i) for i in range(place.first, place.stop)]
    if place.inserts:
        first = state.number_of(place.first)
        if first is None and place.first - 1 in state.view:
            first = len([i for i in state.view if i < place.first]) + 1
    else:
        first = numbers[0] if numbers else None
    if first is None or None in numbers:
        return None
    commands: list[Command] = []
    kept = min(len(old), len(text))
    for at in range(kept):
        if text[at] != old[at]:
            commands.append(Command("REPL", first + at, text[at]))
    commands += [Command("DELL", first + kept) for _ in old[kept:]]
    commands += _inserted(state, first + kept, place.first + kept, text[:kept], text[kept:])
    return tuple(commands) or None


def _inserted(
    state: EditState, number: int, index: int, above: Sequence[str], text: Sequence[str]
) -> list[Command]:
    """The commands that insert lines before the window's line ``number``, so that they come before
    the document's line ``index``; ``above`` are new lines that then stand just above.

    A command inserts before a line. Where the window has a hole at ``index``, the line of that
    number is further down, so the line above is written once more and the old one replaced. The
    hole below a header is a docstring, and nothing belongs between the two.
    """
    follows = state.view[number - 1 : number]
    upper = above[-1] if above else state.document.lines[index - 1].text if index else ""
    if not text or not follows or follows[0] == index or upper.rstrip().endswith(":"):
        return [Command("ADDL", number + at, line) for at, line in enumerate(text)]
    lines = [upper, *text]
    added = [Command("ADDL", number - 1 + at, line) for at, line in enumerate(lines[:-1])]
    last = [Command("REPL", number - 1 + len(text), lines[-1])] if lines[-1] != upper else []
    return [*added, *last]


def rewritten(state: EditState, place: Place, text: Sequence[str]) -> Iterator[Step]:
    """The steps that make ``text`` of the lines of a place: all changes at once, and of several
    each alone, as a model that writes much anew rarely has only the right in mind. What would
    change lines outside of the window is left out."""
    old = [line.text for line in state.document.lines[place.first : place.stop]]
    matcher = difflib.SequenceMatcher(None, old, text, autojunk=False)
    hunks = [
        (Place(place.first + a, place.first + b), text[c:d])
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]
    # From below, so that the numbers of the lines above stay as they are.
    steps = [step for one in reversed(hunks) if (step := step_of(state, *one))]
    if steps:
        yield tuple(command for step in steps for command in step)
    if len(steps) > 1:
        yield from steps
