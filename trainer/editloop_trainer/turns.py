"""Turns of a repair as rows of a base: the place is one row, the text that takes it another.

They are rendered by ``editloop.model.turns``, as the product asks. Each row stands alone: what
the checks say after a turn is in the next turn's own rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editloop.commands import Command
from editloop.model.answers import gap_ids, plain_ids
from editloop.model.infill import Place
from editloop.model.turns import TOLD, ask_place, ask_text, say_place, say_text
from editloop_trainer.encode import Encoder, Row
from editloop_trainer.jsonl import read_jsonl
from editloop_trainer.rows import Rows, RowsError, as_rows, demo_transcript


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


def read_turns(paths: Iterable[Path]) -> Iterator[Turn]:
    """The turns of files of demonstrations (``train demos``) or repairs (``train repairs``).

    Raises JsonlError, RowsError.
    """
    for path in paths:
        for row in read_jsonl(path):
            if "turns" in row:
                yield from _repair_turns(row)
            elif "observations" in row:
                yield from _demo_turns(row)
            else:
                raise RowsError(f"{path} holds neither demonstrations nor repairs")


def _repair_turns(row: dict[str, Any]) -> Iterator[Turn]:
    for turn in row["turns"]:
        place = Place(turn["first"], turn["stop"])
        yield Turn(turn["source"], tuple(turn["failed"]), place, tuple(turn["lines"]))


def _demo_turns(row: dict[str, Any]) -> Iterator[Turn]:
    """Commands that edit as places and texts; those that are wrong on purpose are left out."""
    transcript = demo_transcript(row)
    for at, command in enumerate(transcript.commands):
        if command.verb == "EXIT" or at in transcript.mistakes:
            continue
        seen = transcript.observations[at]
        failed = tuple(text for _, text in seen.findings[:TOLD])
        source = "".join(f"{line}\n" for line in seen.window)
        yield Turn(source, failed, *_written(command, seen.window))


def _written(command: Command, window: tuple[str, ...]) -> tuple[Place, tuple[str, ...]]:
    at = command.line - 1
    if command.verb == "ADDL":
        return Place(at, at), (command.text,)
    if command.verb == "DELL":
        return Place(at, at + 1), ()
    if command.verb == "REPW":
        return Place(at, at + 1), (window[at].replace(command.source, command.text),)
    return Place(at, at + 1), (command.text,)


def turn_rows(turn: Turn, encoder: Encoder) -> Iterator[Row]:
    """The name of the place, and the text unless it is a deletion; prompts are not learned."""
    if encoder.fill is None:
        raise RowsError("this base has no fill-in tokens: use --rendering chat")
    lines = turn.seen
    view, deletes = range(len(lines)), not turn.lines
    asked = plain_ids(encoder.tokens, ask_place(lines, view, turn.failed))
    yield _row(encoder, asked, say_place(turn.place, view, deletes=deletes))
    if not deletes:
        gap = ask_text(lines, turn.place, turn.failed)
        yield _row(encoder, gap_ids(encoder.tokens, encoder.fill, gap), say_text(turn.lines))


def encode_turns(turns: Iterable[Turn], encoder: Encoder, max_tokens: int) -> Rows:
    """All rows of turns that fit; longer ones are dropped."""
    return as_rows((row for turn in turns for row in turn_rows(turn, encoder)), max_tokens)


def _row(encoder: Encoder, asked: list[int], answer: str) -> Row:
    written = [*encoder.tokens.tokenize(answer), encoder.end]
    return asked + written, [False] * len(asked) + [True] * len(written)
