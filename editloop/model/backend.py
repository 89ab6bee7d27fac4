"""What a model can be asked, whatever runs it: fill a gap, answer in a chat, judge a text.

Values and one protocol; nothing here loads a model. `child` runs llama.cpp in a process of its own,
`server` asks an OpenAI-compatible server, `scripted` plays what was written down.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class ModelError(Exception):
    """A model did not load or did not answer; the message is one line for a person."""


class ModelLost(ModelError):
    """A model will not answer any more: its process ended, or its server is gone."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A text with a hole: the model writes what stands between `before` and `after`."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation as pairs of role ("system", "user", "assistant") and content.

    `begun` is how the model's reply has to begin; it is not part of what comes back.
    """

    messages: tuple[tuple[str, str], ...]
    begun: str = ""


@dataclass(frozen=True, slots=True)
class Plain:
    """A text that the model goes on with."""

    text: str


Prompt = Gap | Chat | Plain


@dataclass(frozen=True, slots=True)
class Sampling:
    """How replies are drawn: `n` for each prompt, greedy where `temperature` is 0.

    A reply ends before the first of the `stop` texts, where the model ends it, or after
    `max_tokens`. One seed gives the same replies again where the backend can (`child`).
    """

    n: int = 1
    temperature: float = 0.0
    max_tokens: int = 64
    stop: tuple[str, ...] = ()
    seed: int = 0
    statement: bool = False
    """A reply is one statement of Python: it ends with its first line that leaves no bracket open
    and no block without a body. No comment comes before it."""
    unlike: tuple[str, ...] = ()
    """Texts that are no answer: a greedy reply that is one of them, blanks aside, is replaced by
    the one that leaves it at its likeliest second choice (where a backend sees tokens: `child`)."""
    rewrites: tuple[str, ...] = ()
    """Lines of which a reply is another version: it may end where it has changed something and then
    repeats two of them (see `whole.joint`)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`log_prob` in nats at temperature 1 over the whole vocabulary; 0 where a backend does not
    say.

    `finished` is False where `max_tokens` cut it off.
    """

    text: str
    log_prob: float
    tokens: int
    finished: bool


class Model(Protocol):
    """A model that is loaded, or loads at the first question. Methods may be called from any
    thread.

    All raise ModelError (ModelLost when it will not answer any more) and, soon after `cancel` is
    set, `editloop.policy.Cancelled`.
    """

    name: str

    def start(self) -> None:
        """Have it ready; does not wait for it. Raises ModelLost."""
        ...

    @property
    def fills(self) -> bool:
        """Whether the model can be asked to fill a gap."""
        ...

    @property
    def heeds(self) -> bool:
        """Whether comments before a gap help the model; one below a billion parameters goes on
        with the comments instead."""
        ...

    @property
    def points(self) -> bool:
        """Whether the model was trained to name places and to fill them in (see `turns`)."""
        ...

    @property
    def judges(self) -> bool:
        """Whether `score` can be asked."""
        ...

    def complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, cancel: threading.Event | None = None
    ) -> list[list[Reply]]:
        """`sampling.n` replies to each prompt, in the order of the prompts."""
        ...

    def score(
        self, context: str, texts: Sequence[str], cancel: threading.Event | None = None
    ) -> list[tuple[float, ...]]:
        """Log-probability in nats of each line of each text, read after `context`.

        A line's terminator belongs to it, so the sum is that of the whole text.
        """
        ...

    def close(self) -> None:
        """Free what it holds; further questions raise ModelLost."""
        ...
