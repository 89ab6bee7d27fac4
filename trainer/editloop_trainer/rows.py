"""Demonstrations as token rows: one flat array of ids, one of what the model writes, and the rows'
bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from editloop.commands import parse
from editloop.transcript import Observation, Transcript
from editloop_trainer.jsonl import read_jsonl

if TYPE_CHECKING:
    from editloop_trainer.encode import Encoder, Row

WIDTH_STEP = 32


class RowsError(Exception):
    """A file cannot be read as what it should be."""


@dataclass(frozen=True, slots=True)
class Rows:
    """``ids[bounds[i]:bounds[i + 1]]`` is row i; ``written`` marks the tokens of commands."""

    ids: NDArray[np.uint16 | np.uint32]
    written: NDArray[np.bool_]
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.bounds)


def demo_transcript(row: dict[str, Any]) -> Transcript:
    """The transcript of one line of a demonstrations file (version 1). Raises RowsError."""
    if row.get("v") != 1:
        raise RowsError(f"demonstrations version {row.get('v')!r}, this program reads 1")
    observations = tuple(
        Observation(tuple(o["window"]), tuple((n, t) for n, t in o["findings"]))
        for o in row["observations"]
    )
    commands = tuple(parse(text) for text in row["commands"])
    return Transcript(observations, commands, frozenset(row.get("mistakes", ())))


def read_transcripts(paths: Sequence[Path]) -> Iterator[Transcript]:
    """The demonstrations of files. Raises RowsError."""
    for path in paths:
        for row in read_jsonl(path, "observations"):
            yield demo_transcript(row)


def encode_rows(transcripts: Iterable[Transcript], encoder: Encoder, max_tokens: int) -> Rows:
    """Encode; an episode longer than ``max_tokens`` is cut to its first whole turns, or dropped."""
    rows = (row for one in transcripts for row in _fitting(one, encoder, max_tokens))
    return as_rows(rows, max_tokens)


def as_rows(rows: Iterable[Row], max_tokens: int) -> Rows:
    """Rows of at most ``max_tokens`` in flat arrays; longer ones are dropped."""
    ids: list[NDArray[np.uint32]] = []
    written: list[NDArray[np.bool_]] = []
    for tokens, flags in rows:
        if len(tokens) <= max_tokens:
            ids.append(np.array(tokens, np.uint32))
            written.append(np.array(flags, np.bool_))
    bounds = np.concatenate([[0], np.cumsum([len(row) for row in ids])]).astype(np.int64)
    flat = np.concatenate([np.zeros(0, np.uint32), *ids])
    small = not len(flat) or flat.max() <= np.iinfo(np.uint16).max
    return Rows(
        flat.astype(np.uint16) if small else flat,
        np.concatenate([np.zeros(0, np.bool_), *written]),
        bounds,
    )


def _fitting(transcript: Transcript, encoder: Encoder, max_tokens: int) -> list[Row]:
    """The rows of the longest beginning of an episode whose longest row fits."""
    rows = list(encoder.rows(transcript))
    for turns in range(len(transcript.commands) - 1, 0, -1):
        if max(len(ids) for ids, _ in rows) <= max_tokens:
            break
        rows = list(encoder.rows(transcript.upto(turns, turns)))
    return rows


@dataclass(frozen=True, slots=True)
class Batch:
    """``ids`` (rows, width), right-padded; ``lengths`` (rows,); ``written`` (rows, width)."""

    ids: NDArray[np.int64]
    written: NDArray[np.bool_]
    lengths: NDArray[np.int64]


def batches(rows: Rows, tokens: int, *, seed: int, pad: int) -> Iterator[Batch]:
    """One epoch in batches of about ``tokens`` padded tokens, rows of like length together.

    The order depends on the seed alone. Right padding after a causal row needs no attention mask,
    and one row never holds two episodes, so nothing leaks.
    """
    rng = np.random.default_rng(seed)
    # Noise on the sort key mixes the neighbours of a length from epoch to epoch.
    order = np.argsort(rows.lengths * rng.uniform(0.95, 1.05, len(rows)), kind="stable")
    groups: list[list[int]] = []
    width = 0
    for index in order:
        width = max(width, int(rows.lengths[index]))
        if not groups or (len(groups[-1]) + 1) * width > tokens:
            groups.append([])
            width = int(rows.lengths[index])
        groups[-1].append(int(index))
    rng.shuffle(groups)
    for group in groups:
        yield _collate(rows, group, pad)


def _collate(rows: Rows, group: list[int], pad: int) -> Batch:
    lengths = rows.lengths[group]
    # Few distinct shapes: each new one costs the matrix library time and memory.
    width = -(-int(lengths.max()) // WIDTH_STEP) * WIDTH_STEP
    ids = np.full((len(group), width), pad, np.int64)
    written = np.zeros(ids.shape, np.bool_)
    for row, index in enumerate(group):
        span = slice(rows.bounds[index], rows.bounds[index + 1])
        ids[row, : lengths[row]] = rows.ids[span]
        written[row, : lengths[row]] = rows.written[span]
    return Batch(ids, written, lengths)
