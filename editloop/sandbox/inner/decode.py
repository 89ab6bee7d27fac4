"""Rebuilds Python values from the wire form that `encode` describes.

It refuses neither size nor cycles: `sandbox.plain` does, for what a candidate answers.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Sequence
from typing import Any

from editloop.sandbox.inner import encode

DEPTH_CAP = 150
SAME_HASH_CAP = 64
_EMPTY: dict[str, Callable[[], Any]] = {
    "L": list,
    "S": set,
    "Q": collections.deque,
    "D": dict,
    "DC": collections.Counter,
    "DO": collections.OrderedDict,
}


class ForeignValue(ValueError):
    """Not plain data; the argument is the name of its type."""


class BadValue(ValueError):
    """Not something that `encode` wrote."""


def spread(members: Collection[Any]) -> Collection[Any]:
    """The members of a set, or keys of a dict, to be made of them. Raises BadValue where many have
    the same hash: each then costs a comparison with all before it.
    """
    if len(members) > SAME_HASH_CAP:
        (_, most), *_ = collections.Counter(map(hash, members)).most_common(1)
        if most > SAME_HASH_CAP:
            raise BadValue("too many equal hashes")
    return members


class Decoder:
    """Rebuilds a message. `seeds` are updated in place to the state the message gives them."""

    def __init__(
        self,
        seeds: Sequence[Any] = (),
        classes: dict[str, type] | None = None,
        special: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        self._seeds = list(seeds)
        self._classes = classes or {}
        self._special = special
        self._built: dict[int, Any] = {}
        self._table: list[list[Any]] = []
        self._pending: list[int] = []

    def message(self, message: Any) -> Any:
        """The value; raises ForeignValue or BadValue."""
        try:
            self._table = message["t"]
            self._pending = []
            seeds = range(len(self._seeds))
            for index in seeds:
                self._built[index] = self._seeds[index]
            value = self._value(message["r"], 0)
            self._pending += [k for k in seeds if self._changes(k)]
            while self._pending:
                self._fill(self._pending.pop())
            return value
        except (ForeignValue, BadValue):
            raise
        except (
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as error:
            raise BadValue(type(error).__name__) from None

    def _changes(self, index: int) -> bool:
        """Whether the message tells a new state of a seed; one of another kind than the seed's is
        refused, since what is not data (a stand-in, say) is nobody's to rewrite.
        """
        tag, *items = self._table[index]
        kind = type(self._seeds[index])
        if tag == "O":
            fits = items and self._classes.get(items[0]) is kind
        elif tag in _EMPTY:
            fits = encode.tag_of(kind) == tag
        else:
            return False
        if not fits:
            raise BadValue("another kind of object")
        return True

    def objects(self) -> list[Any]:
        """All nodes in table order, for a later reply with the same numbering."""
        return [self._value([k], 0) for k in range(len(self._table))]

    def _value(self, ref: Any, depth: int) -> Any:
        if ref is None or isinstance(ref, (bool, str, int, float)):
            return ref
        if isinstance(ref, list):
            (index,) = ref
            if type(index) is not int or index < 0:
                raise BadValue("reference")
            return self._built[index] if index in self._built else self._make(index, depth + 1)
        ((form, text),) = ref.items()
        if form == "i":
            return int(text, 16)
        if form == "f":
            return float(text)
        if form == "c":
            return complex(float(text[0]), float(text[1]))
        if form == "b":
            return bytes.fromhex(text)
        raise BadValue("form")

    def _make(self, index: int, depth: int) -> Any:
        if depth > DEPTH_CAP:
            raise BadValue("too deep")
        tag, *items = self._table[index]
        made: Any
        if tag in ("T", "F"):
            parts = [self._value(item, depth) for item in items]
            made = self._built[index] = tuple(parts) if tag == "T" else frozenset(spread(parts))
            return made
        if tag == "O":
            kind = self._classes[items[0]]
            made = object.__new__(kind)
        elif tag == "X" or (self._special is None and tag not in _EMPTY):
            raise ForeignValue(str(items[-1])[:100] if items else "?")
        elif tag in _EMPTY:
            made = _EMPTY[tag]()
        else:
            assert self._special is not None
            made = self._special([tag, *items])
            self._built[index] = made
            return made
        self._built[index] = made
        self._pending.append(index)
        return made

    def _fill(self, index: int) -> None:
        tag, *items = self._table[index]
        target = self._built[index]
        if tag == "O":
            values = {
                str(key): self._value(item, 0)
                for key, item in zip(items[1::2], items[2::2], strict=True)
            }
            for key, _ in encode.attributes(target):
                if key not in values:
                    object.__delattr__(target, key)
            for key, item in values.items():
                if key.startswith("__"):
                    raise BadValue("attribute")
                object.__setattr__(target, key, item)
            return
        values_list = [self._value(item, 0) for item in items]
        if tag in ("L", "Q"):
            target.clear()
            target.extend(values_list)
        elif tag == "S":
            target.clear()
            target.update(spread(values_list))
        else:
            target.clear()
            spread(values_list[::2])
            # Not update(): a Counter's would add.
            for key, item in zip(values_list[::2], values_list[1::2], strict=True):
                dict.__setitem__(target, key, item)
