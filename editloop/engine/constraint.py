"""What may come next while sampling: the protocol and the two constraints the core needs.

A constraint sees only the tokens generated so far, so one object can serve many branches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Allowed", "Constraint", "FreeText", "OneOf"]

Mask: TypeAlias = npt.NDArray[np.bool_]
Allowed: TypeAlias = "Sequence[int] | Mask | None"


class Constraint(Protocol):
    """Rules for one continuation."""

    def allowed(self, generated: Sequence[int]) -> Allowed:
        """Ids that may come next, a mask of shape (n_vocab,), or None for any.

        Never empty while `done` is false: an empty answer makes the engine raise DecodeFailed.
        """
        ...

    def done(self, generated: Sequence[int]) -> bool:
        """True when the continuation is complete."""
        ...


class FreeText:
    """Any text up to one of the `stop` ids; `banned` ids (control tokens) never appear."""

    def __init__(self, stop: Iterable[int], *, n_vocab: int, banned: Iterable[int] = ()) -> None:
        self._stop = frozenset(stop)
        self._mask: npt.NDArray[np.bool_] | None = None
        blocked = [i for i in banned if i not in self._stop]
        if blocked:
            self._mask = np.ones(n_vocab, dtype=np.bool_)
            self._mask[blocked] = False

    def allowed(self, generated: Sequence[int]) -> Allowed:
        return self._mask

    def done(self, generated: Sequence[int]) -> bool:
        return bool(generated) and generated[-1] in self._stop


class OneOf:
    """Exactly one of a closed set of token rows, by a trie.

    A row that is the beginning of another ends the continuation as soon as it is reached, so
    close each row with an end token when both must stay reachable.
    """

    def __init__(self, rows: Iterable[Sequence[int]]) -> None:
        self._root: dict[int, Any] = {}
        for row in rows:
            node = self._root
            for token in row:
                node = node.setdefault(token, {})
            node[-1] = {}

    def _node(self, generated: Sequence[int]) -> dict[int, Any]:
        node = self._root
        for token in generated:
            node = node.get(token, {})
        return node

    def allowed(self, generated: Sequence[int]) -> Allowed:
        return [token for token in self._node(generated) if token >= 0]

    def done(self, generated: Sequence[int]) -> bool:
        return -1 in self._node(generated)
