"""What is to be fixed: the ``data`` of a code action and the argument of ``editloop.fix``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

Place = tuple[int, int, int, int]
"""Start line and character, end line and character, in the client's units."""
Kind = Literal["diagnostic", "selection", "function", "file", "all", "tests", "run"]


class TargetError(JsonRpcInvalidParams):
    """The data names no target; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A place in a document."""

    uri: str
    kind: Kind
    version: int | None = None
    place: Place = (0, 0, 0, 0)
    message: str = ""
    """First line of the diagnostic's message."""
    code: str = ""
    source: str = ""
    """Who reported the diagnostic."""
    traceback: str = ""
    """For "run": what the last run printed."""
    command: str = ""
    """For "run": what was run, "" where nobody knows."""

    @property
    def key(self) -> tuple[object, ...]:
        """What is equal for the same wish at the same version."""
        told = self.message, self.source, self.traceback, self.command
        return (self.uri, self.version, self.kind, self.place, *told)

    @property
    def lines(self) -> tuple[int, int]:
        """The first line, and the line after the last one that holds something selected."""
        first, _, last, end = self.place
        stop = last + (1 if end or last == first else 0)
        return first, max(stop, first + 1)

    @property
    def title(self) -> str:
        """The title of its code action."""
        match self.kind:
            case "diagnostic":
                return f"Fix: {shorten(self.message)} (editloop)"
            case "all":
                return "Fix all verified (editloop)"
            case "tests":
                return "Fix until the tests pass (editloop)"
            case "run":
                return "Fix the error of the last run (editloop)"
            case _:
                return f"Fix this code: {self.kind} (editloop)"

    def data(self) -> dict[str, Any]:
        """JSON data; ``parse`` is the inverse."""
        line, character, end_line, end_character = self.place
        diagnostic = {"message": self.message, "code": self.code, "source": self.source}
        return {
            "uri": self.uri,
            "version": self.version,
            "kind": self.kind,
            "range": {
                "start": {"line": line, "character": character},
                "end": {"line": end_line, "character": end_character},
            },
            "diagnostic": diagnostic if self.kind == "diagnostic" else None,
            **({"traceback": self.traceback, "run": self.command} if self.kind == "run" else {}),
        }


def parse(data: object) -> Target:
    """The target of JSON data. Raises TargetError."""
    if not isinstance(data, Mapping):
        raise TargetError("what to fix has to be an object")
    uri, kind, version = data.get("uri"), data.get("kind", "file"), data.get("version")
    if not isinstance(uri, str) or not uri:
        raise TargetError("uri is missing")
    if kind not in get_args(Kind):
        raise TargetError(f"kind has to be one of {', '.join(get_args(Kind))}")
    if version is not None and not isinstance(version, int):
        raise TargetError("version has to be a number")
    traceback, command = data.get("traceback") or "", data.get("run") or ""
    if not isinstance(traceback, str) or not isinstance(command, str):
        raise TargetError("traceback and run have to be texts")
    if kind == "run" and not traceback and not command:
        raise TargetError("a run needs its traceback or its command")
    diagnostic = data.get("diagnostic")
    diagnostic = diagnostic if isinstance(diagnostic, Mapping) else {}
    place = data.get("range")
    return Target(
        uri,
        kind,
        version,
        (0, 0, 0, 0) if place is None else _place(place),
        first_line(str(diagnostic.get("message", ""))),
        str(diagnostic.get("code") or ""),
        str(diagnostic.get("source") or ""),
        traceback,
        command,
    )


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()


def shorten(text: str, length: int = 100) -> str:
    """A text cut to ``length`` characters, for a menu, which shows one line."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def place_of(place: types.Range) -> Place:
    return place.start.line, place.start.character, place.end.line, place.end.character


def _place(place: Any) -> Place:
    try:
        found = (
            int(place["start"]["line"]),
            int(place["start"]["character"]),
            int(place["end"]["line"]),
            int(place["end"]["character"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TargetError("range has to be a range of the protocol") from error
    if min(found) < 0:
        raise TargetError("range has to be a range of the protocol")
    return found
