"""Whole programs as rows of a base: the repairs of `turns`, each answered at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from editloop.model.turns import TOLD
from editloop.model.whole import ask_whole, say_whole
from editloop_trainer.encode import Encoder, Row
from editloop_trainer.jsonl import read_jsonl
from editloop_trainer.rows import Rows, RowsError, as_rows, demo_transcript


def read_repaired(paths: Iterable[Path]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(program, what the checks say, repaired program) of files of demonstrations or repairs.

    Raises JsonlError, RowsError.
    """
    for path in paths:
        for row in read_jsonl(path):
            if "turns" in row:
                first = row["turns"][0]
                yield first["source"], tuple(first["failed"]), row["fixed"]
            elif "observations" in row:
                yield _demonstrated(row)
            else:
                raise RowsError(f"{path} holds neither demonstrations nor repairs")


def _demonstrated(row: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    seen = demo_transcript(row).observations
    before, after = ("".join(f"{line}\n" for line in one.window) for one in (seen[0], seen[-1]))
    return before, tuple(text for _, text in seen[0].findings[:TOLD]), after


def encode_repaired(
    repaired: Iterable[tuple[str, tuple[str, ...], str]], encoder: Encoder, max_tokens: int
) -> Rows:
    """A row a program; longer ones are dropped."""
    return as_rows((_row(encoder, *one) for one in repaired), max_tokens)


def _row(encoder: Encoder, source: str, failed: tuple[str, ...], fixed: str) -> Row:
    asked = encoder.messages(ask_whole(source, failed))
    written = [*encoder.tokens.tokenize(say_whole(fixed)), encoder.end]
    return asked + written, [False] * len(asked) + [True] * len(written)
