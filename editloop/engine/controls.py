"""Texts that a vocabulary reads as one control token, found in ordinary text and cut there.

A tokenizer that is told to read control tokens reads those of a template and those that the file
under repair happens to spell. Text that is cut inside each of the latter, and read piece by piece,
holds none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise

CUT = "\x00"
"""Stands where a text is to be cut; no Python source and no template holds it."""


def is_mark(text: str) -> bool:
    """Whether a token that is no control token by its type looks like one, as ``<think>`` does."""
    return len(text) > 2 and text[0] == "<" and text[-1] == ">" and not text.isspace()


class Controls:
    """The control tokens of one vocabulary by their texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = frozenset(text for text in texts if len(text) > 1)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        longest_first = sorted(self.texts, key=len, reverse=True)
        # A lookahead finds those that overlap, too.
        spelled = "|".join(re.escape(text) for text in longest_first)
        return re.compile(f"(?=({spelled}))") if spelled else None

    def pieces(self, text: str) -> list[str]:
        """The text in pieces of which none spells a control token; joined they are the text."""
        found = self._pattern.finditer(text) if self._pattern else ()
        cuts = [match.start() + 1 for match in found]
        return [text[start:stop] for start, stop in pairwise([0, *cuts, len(text)])]

    def marked(self, text: str) -> str:
        """The pieces of a text, in which a CUT is no character, with CUT between them."""
        return CUT.join(self.pieces(text.replace(CUT, "\ufffd")))
