"""Files that models learn from: demonstrations (``train demos``) and repairs (``train repairs``).

One line is a repaired program. It is read as an episode of commands, as turns by places and texts,
or as the program before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.document.commands import Command, parse
from editloop.document.transcript import Observation, Transcript
from editloop.model.infill import Place
from editloop.model.turns import TOLD
from editloop_trainer.jsonl import JsonlError, read_jsonl


@dataclass(frozen=True, slots=True)
class Turn:
    """One edit: in ``source``, of which the checks said ``failed``, ``lines`` take a place."""

    source: str
    failed: tuple[str, ...]
    place: Place
    lines: tuple[str, ...]

    @property
    def seen(self) -> list[str]:
        """The lines of the source."""
        return self.source.removesuffix("\n").split("\n")


@dataclass(frozen=True, slots=True)
class Whole:
    """A program, what the checks said of it, and the repaired one."""

    source: str
    failed: tuple[str, ...]
    fixed: str


def demo_transcript(row: dict[str, Any]) -> Transcript:
    """The transcript of one line of a demonstrations file (version 1). Raises JsonlError."""
    if row.get("v") != 1:
        raise JsonlError(f"demonstrations version {row.get('v')!r}, this program reads 1")
    observations = tuple(
        Observation(tuple(o["window"]), tuple((n, t) for n, t in o["findings"]))
        for o in row["observations"]
    )
    commands = tuple(parse(text) for text in row["commands"])
    return Transcript(observations, commands, frozenset(row.get("mistakes", ())))


def read_transcripts(paths: Iterable[Path]) -> Iterator[Transcript]:
    """The episodes of files of demonstrations. Raises JsonlError."""
    for path in paths:
        for row in read_jsonl(path, "observations"):
            yield demo_transcript(row)


def read_turns(paths: Iterable[Path]) -> Iterator[Turn]:
    """The turns of files of either kind, without those that are wrong on purpose.

    Raises JsonlError.
    """
    for row in _lines(paths):
        if "turns" in row:
            yield from map(_turn, row["turns"])
            continue
        transcript = demo_transcript(row)
        for at, command in enumerate(transcript.commands):
            if command.verb != "EXIT" and at not in transcript.mistakes:
                seen = transcript.observations[at]
                place, lines = _written(command, seen.window)
                yield Turn(_source(seen), _failed(seen), place, lines)


def read_whole(paths: Iterable[Path]) -> Iterator[Whole]:
    """The programs of files of either kind. Raises JsonlError."""
    for row in _lines(paths):
        if "turns" in row:
            first = _turn(row["turns"][0])
            yield Whole(first.source, first.failed, row["fixed"])
        else:
            seen = demo_transcript(row).observations
            yield Whole(_source(seen[0]), _failed(seen[0]), _source(seen[-1]))


def _lines(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for row in read_jsonl(path):
            if "turns" not in row and "observations" not in row:
                raise JsonlError(f"{path} holds neither demonstrations nor repairs")
            yield row


def _turn(row: dict[str, Any]) -> Turn:
    place = Place(row["first"], row["stop"])
    return Turn(row["source"], tuple(row["failed"]), place, tuple(row["lines"]))


def _source(seen: Observation) -> str:
    return "".join(f"{line}\n" for line in seen.window)


def _failed(seen: Observation) -> tuple[str, ...]:
    return tuple(text for _, text in seen.findings[:TOLD])


def _written(command: Command, window: tuple[str, ...]) -> tuple[Place, tuple[str, ...]]:
    """A command that edits, as a place and the lines that take it."""
    at = command.line - 1
    match command.verb:
        case "ADDL":
            return Place(at, at), (command.text,)
        case "DELL":
            return Place(at, at + 1), ()
        case "REPW":
            return Place(at, at + 1), (window[at].replace(command.source, command.text),)
    return Place(at, at + 1), (command.text,)
