"""Lessons as token rows of a base, in each rendering, and as a dataset for TRL.

Rows are rendered by the functions that the product asks by. A row of places and texts stands alone:
what the checks say after a turn is in the next turn's own rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset  # type: ignore[import-untyped]  # it has no stubs

from editloop.document.transcript import Transcript
from editloop.model.answers import gap_ids, plain_ids
from editloop.model.turns import ask_place, ask_text, say_place, say_text
from editloop.model.whole import ask_whole, say_whole
from editloop_trainer.encode import Encoder, Row
from editloop_trainer.lessons import Turn, Whole, read_transcripts, read_turns, read_whole
from editloop_trainer.rendering import Rendering
from editloop_trainer.run import RunError


def read_rows(
    paths: Sequence[Path], encoder: Encoder, rendering: Rendering, context: int
) -> Iterator[Row]:
    """The rows of files in a rendering; an episode of commands is cut to ``context`` tokens.

    Raises JsonlError, RunError.
    """
    if rendering is Rendering.places:
        return (row for turn in read_turns(paths) for row in turn_rows(turn, encoder))
    if rendering is Rendering.direct:
        return (whole_row(one, encoder) for one in read_whole(paths))
    found = read_transcripts(paths)
    return (row for one in found for row in chat_rows(one, encoder, context))


def make_dataset(rows: Iterable[Row], context: int) -> Dataset:
    """``input_ids`` and ``labels`` of the rows that teach something and fit. Raises RunError."""
    ids, labels = [], []
    for tokens, written in rows:
        if any(written) and len(tokens) <= context:
            ids.append(np.array(tokens, np.int32))
            labels.append(np.where(written, ids[-1], np.int32(-100)))
    if not ids:
        raise RunError(f"no row has a command and fits into {context} tokens")
    return Dataset.from_dict({"input_ids": ids, "labels": labels})


def chat_rows(transcript: Transcript, encoder: Encoder, context: int) -> list[Row]:
    """The rows of the longest beginning of an episode whose longest row fits."""
    rows = list(encoder.rows(transcript))
    for turns in range(len(transcript.commands) - 1, 0, -1):
        if max(len(ids) for ids, _ in rows) <= context:
            break
        rows = list(encoder.rows(transcript.upto(turns, turns)))
    return rows


def turn_rows(turn: Turn, encoder: Encoder) -> Iterator[Row]:
    """The name of the place, and the text unless it is a deletion; prompts are not learned.

    Raises RunError for a base without fill-in tokens.
    """
    if encoder.fill is None:
        raise RunError("this base has no fill-in tokens: use --rendering chat")
    lines = turn.seen
    view, deletes = range(len(lines)), not turn.lines
    asked = plain_ids(encoder.tokens, ask_place(lines, view, turn.failed))
    yield encoder.answered(asked, say_place(turn.place, view, deletes=deletes))
    if not deletes:
        gap = ask_text(lines, turn.place, turn.failed)
        yield encoder.answered(gap_ids(encoder.tokens, encoder.fill, gap), say_text(turn.lines))


def whole_row(one: Whole, encoder: Encoder) -> Row:
    """The repaired program as an answer in a conversation."""
    asked = encoder.messages(ask_whole(one.source, one.failed))
    return encoder.answered(asked, say_whole(one.fixed))
