"""One row of tokens for an episode that is being played: observations in, commands out.

Observations are encoded by the ``Encoder`` that the base was fine-tuned with, so their ids are
those of serving. What the model writes stays in the row token by token as it was sampled.
"""

from __future__ import annotations

from collections.abc import Sequence

from editloop.commands import EXIT
from editloop.transcript import Observation, Transcript
from editloop_trainer.encode import Base
from editloop_trainer.run import RunError

_SEEN = Observation(("x",))
NO_COMMAND = "no command"


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
        # Special tokens stay as text, which no command has; what is not UTF-8 is none either.
        text = str(self._tokenizer.decode(list(written[:-1]), skip_special_tokens=False))
        return NO_COMMAND if "\ufffd" in text else text

    def _played(self, observation: Observation) -> list[int]:
        return self._encoder.prefix(Transcript((_SEEN, observation), (EXIT,)))
