"""The editor's state and the pure function that applies a command to it.

The document is kept whole; ``view`` names the lines that may be seen and edited. What is outside of
the view cannot change: no command can name it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from editloop.document.commands import Command, CommandError, occurs_once
from editloop.document.text import Line, Snapshot, common_newline

MAX_VIEW_LINES = 200
"""Lines that a window can number."""


@dataclass(frozen=True, slots=True)
class EditState:
    """A document under edit. ``view``: ascending indices (0-based) of the editable lines."""

    document: Snapshot
    view: tuple[int, ...]

    @classmethod
    def open(cls, document: Snapshot, view: tuple[int, ...] | None = None) -> EditState:
        """A state over ``document``; without ``view`` every line is in the window."""
        return cls(document, tuple(range(len(document.lines))) if view is None else view)

    @property
    def text(self) -> str:
        return self.document.text

    @property
    def window(self) -> tuple[str, ...]:
        """The window's lines, in order; line ``n`` of a command is ``window[n - 1]``."""
        return tuple(self.document.lines[i].text for i in self.view)

    def number_of(self, index: int) -> int | None:
        """The window's number (1-based) of a document line index (0-based), None outside."""
        return self.view.index(index) + 1 if index in self.view else None


def apply(state: EditState, command: Command) -> EditState:
    """The state after ``command``; EXIT changes nothing. Raises CommandError if impossible."""
    match command.verb:
        case "EXIT":
            return state
        case "ADDL":
            return _insert(state, command)
        case "DELL":
            return _delete(state, _position(state, command))
        case "REPL":
            return _replace(state, _position(state, command), command.text)
        case "REPW":
            position = _position(state, command)
            old = state.window[position]
            if not occurs_once(old, command.source):
                times = "more than once" if command.source in old and command.source else "nowhere"
                raise CommandError(f"the text to replace occurs {times} on line {command.line}")
            return _replace(state, position, old.replace(command.source, command.text, 1))


def _position(state: EditState, command: Command) -> int:
    if not 1 <= command.line <= len(state.view):
        raise CommandError(f"there is no line {command.line}, the last is {len(state.view)}")
    return command.line - 1


def _check(text: str) -> None:
    if "\n" in text or "\r" in text:
        raise CommandError("a line holds no line break")


def _with_lines(state: EditState, lines: tuple[Line, ...], view: tuple[int, ...]) -> EditState:
    return EditState(replace(state.document, lines=lines), view)


def _replace(state: EditState, position: int, text: str) -> EditState:
    _check(text)
    index = state.view[position]
    lines = state.document.lines
    if lines[index].text == text:
        raise CommandError("the command changes nothing")
    changed = (*lines[:index], Line(text, lines[index].end), *lines[index + 1 :])
    return _with_lines(state, changed, state.view)


def _delete(state: EditState, position: int) -> EditState:
    index = state.view[position]
    lines = list(state.document.lines)
    gone = lines.pop(index)
    if not gone.end and lines:
        # The last line had no terminator: its predecessor becomes such a last line.
        lines[-1] = Line(lines[-1].text, "")
    view = tuple(i - (i > index) for i in state.view if i != index)
    return _with_lines(state, tuple(lines), view)


def _insert(state: EditState, command: Command) -> EditState:
    _check(command.text)
    count = len(state.view)
    if not 1 <= command.line <= count + 1:
        raise CommandError(f"cannot insert before line {command.line}, the last is {count}")
    if count >= MAX_VIEW_LINES:
        raise CommandError("the window is full")
    position = command.line - 1
    index = state.view[position] if position < count else (state.view[-1] + 1 if count else 0)
    lines = list(state.document.lines)
    newline = common_newline(lines)
    end = newline
    if index == len(lines) and lines:
        end = lines[-1].end
        lines[-1] = Line(lines[-1].text, lines[-1].end or newline)
    lines.insert(index, Line(command.text, end))
    before, after = state.view[:position], state.view[position:]
    return _with_lines(state, tuple(lines), (*before, index, *(i + 1 for i in after)))
