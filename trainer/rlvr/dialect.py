"""One row of tokens for an episode that is being played: observations in, commands out.

Observations are encoded by the ``Encoder`` that the base was fine-tuned with, so their ids are
those of serving. What the model writes stays in the row token by token as it was sampled.
"""

from __future__ import annotations

from collections.abc import Sequence

from editloop.commands import EXIT, VERBS
from editloop.state import MAX_VIEW_LINES
from editloop.transcript import (
    SPECIAL_TOKENS,
    TO,
    Observation,
    Transcript,
    line_token,
    verb_token,
)
from trainer.encode import Base
from trainer.run import RunError

_SEEN = Observation(("x",))
NO_COMMAND = "no command"
_BROKEN = "\n\n"
"""Several lines, which no command has."""


class Dialect:
    """``end`` is the token that ends a command, ``pad`` fills batches.

    Raises RunError for a chat template that shows earlier turns differently once they are over:
    its episodes are not one row.
    """

    def __init__(self, base: Base) -> None:
        self._encoder, self._tokenizer = base.encoder, base.tokenizer
        self.end = base.encoder.end
        pad = base.tokenizer.pad_token_id
        self.pad: int = self.end if pad is None else pad
        first = base.encoder.prefix(Transcript((_SEEN,)))
        self._past = [*first, *base.encoder.command(EXIT)]
        if self._played(_SEEN)[: len(self._past)] != self._past:
            raise RunError(
                f"{base.folder} has a chat template that changes earlier turns: "
                "choose another base for reinforcement learning"
            )
        self._spell = _compact_names(base) if base.encoder.rendering == "compact" else None

    def first(self, observation: Observation) -> list[int]:
        """Ids of the first observation, up to where the model writes."""
        return self._encoder.prefix(Transcript((observation,)))

    def later(self, observation: Observation) -> list[int]:
        """Ids of an observation that follows a command with its end token."""
        return self._played(observation)[len(self._past) :]

    def text(self, written: Sequence[int]) -> str:
        """The wire text of what the model wrote; a text that is no command where it is none."""
        if not written or written[-1] != self.end:
            return NO_COMMAND
        if self._spell is not None:
            return self._wire(list(written[:-1]))
        return self._plain(list(written[:-1]))

    def _played(self, observation: Observation) -> list[int]:
        return self._encoder.prefix(Transcript((_SEEN, observation), (EXIT,)))

    def _wire(self, body: list[int]) -> str:
        """Verb, line, and text, which REPW has two of."""
        assert self._spell is not None
        names = [self._spell.get(token, "") for token in body]
        verb = names[0] if names else ""
        if verb == "EXIT":
            return "### EXIT" + self._plain(body[1:])
        if verb not in VERBS or len(names) < 2 or not names[1].isdigit():
            return NO_COMMAND
        head, rest = f"### {verb} {names[1]}", body[2:]
        if verb == "DELL":
            return head + self._plain(rest)
        if verb == "REPW":
            if TO not in names:
                return NO_COMMAND
            cut = names.index(TO) - 2
            head, rest = f"{head} >>>{self._plain(rest[:cut])}", rest[cut + 1 :]
        return f"{head} >>>{self._plain(rest)}"

    def _plain(self, ids: list[int]) -> str:
        """Text without special tokens; with them, or where it is not UTF-8, it is broken."""
        text = str(self._tokenizer.decode(ids, skip_special_tokens=False))
        odd = self._spell is not None and not self._spell.keys().isdisjoint(ids)
        return _BROKEN if odd or "\ufffd" in text else text


def _compact_names(base: Base) -> dict[int, str]:
    """What the special tokens of the compact rendering stand for: a verb, a line number, TO."""
    names = dict.fromkeys(SPECIAL_TOKENS, "?") | {TO: TO}
    names |= {verb_token(verb): verb for verb in VERBS}
    names |= {line_token(n): str(n) for n in range(1, MAX_VIEW_LINES + 2)}
    vocabulary = base.tokenizer.get_vocab()
    return {vocabulary[token]: name for token, name in names.items()}
