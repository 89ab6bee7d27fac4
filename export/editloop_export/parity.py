"""Does the GGUF behave like the checkpoint? Token ids, logits and greedy text, one by one.

`token_parity` needs tokenizers and llama-cpp-python; what logits are compared with comes from
``reference``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .reference import ReferenceRow

if TYPE_CHECKING:
    from editloop.engine import Engine

__all__ = ["LogitReport", "TokenReport", "compare", "open_engine", "token_parity"]


@dataclass(frozen=True, slots=True)
class TokenReport:
    """`differing` are (name of the text, position of the first different id)."""

    texts: int
    tokens: int
    differing: list[tuple[str, int]] = field(default_factory=list)

    @property
    def difference(self) -> str:
        """What llama.cpp reads differently, "" where nothing is."""
        if not self.differing:
            return ""
        name, at = self.differing[0]
        return (
            f"llama.cpp reads {len(self.differing)} of {self.texts} files differently, "
            f"{name} from token {at} on"
        )


@dataclass(frozen=True, slots=True)
class LogitReport:
    """`agreement` is the share of positions with the same most probable token.

    `greedy` counts the rows whose greedy continuation is the same, token by token.
    """

    rows: int
    positions: int
    agreement: float
    largest_difference: float
    greedy: int


def token_parity(
    tokenizer_json: str | Path, gguf: str | Path, texts: Iterable[tuple[str, str]]
) -> TokenReport:
    """Ids of each (name, text) by tokenizers and by llama.cpp, compared."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    differing, count, total = [], 0, 0
    with open_engine(gguf, 64) as engine:
        for name, text in texts:
            wanted = tokenizer.encode(text, add_special_tokens=False).ids
            found = engine.tokenize(text, special=True)
            count, total = count + 1, total + len(wanted)
            if wanted != found:
                pairs = enumerate(zip(wanted, found, strict=False))
                at = next((i for i, (a, b) in pairs if a != b), min(len(wanted), len(found)))
                differing.append((name, at))
    return TokenReport(count, total, differing)


def compare(
    engine: Engine, reference: Sequence[ReferenceRow], *, stop: int | None = None
) -> LogitReport:
    """Logits and greedy continuations of an engine beside those of the checkpoint."""
    same, positions, largest, greedy = 0, 0, 0.0, 0
    for row in reference:
        wanted = row.logits
        found = engine.logits(row.ids)[-len(wanted) :]
        same += int((wanted.argmax(1) == found.argmax(1)).sum())
        positions += len(wanted)
        largest = max(largest, float(np.abs(wanted - found).max()))
        if row.greedy:
            [[reply]] = engine.generate(
                [row.ids],
                1,
                ended=lambda ids: ids[-1] == stop,
                temperature=0.0,
                seed=0,
                max_tokens=len(row.greedy),
            )
            greedy += reply.ids == row.greedy
    return LogitReport(len(reference), positions, same / positions, largest, greedy)


@contextmanager
def open_engine(gguf: str | Path, n_ctx: int) -> Iterator[Engine]:
    """An engine of a file, whatever transcript it was trained on: parity is about the file."""
    from editloop.engine import Engine, read_info

    version = read_info(gguf).transcript_version or 0
    with Engine.load(gguf, transcript_version=version, n_ctx=n_ctx, n_gpu_layers=0) as engine:
        yield engine
