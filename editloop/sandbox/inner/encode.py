"""Python values as tagged JSON: a flat table of containers, so sharing and cycles survive and depth
costs nothing.

`decode` reads it back; what the host reads of a candidate goes through `sandbox.plain`.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# Wire form `{"r": ref, "t": [node, ...]}`. A ref is a JSON atom (null, bool, string, small int,
# float), `[k]` for node k, `{"i": hex}` for a large int, or `{"f"|"c"|"b": text}` for odd floats,
# complex and bytes. A node is `[tag, ref...]`: L list, T tuple, S set, F frozenset, Q deque,
# D/DC/DO dict/Counter/OrderedDict (keys and values in turn), O an instance of a trusted class
# (name, attribute, ref, ...), R an object that stays in the process that made it, X something
# foreign (its type's name). Subclasses are flattened with the base class's own methods; `type(x)`
# decides, never `x.__class__`.

NODE_CAP = 200_000
TEXT_CAP = 1 << 20
_SMALL = 1 << 53


class ValueTooLarge(ValueError):
    """More than an answer may hold."""


_BASES: tuple[tuple[type, str], ...] = (
    (list, "L"),
    (tuple, "T"),
    (set, "S"),
    (frozenset, "F"),
    (collections.deque, "Q"),
    (collections.Counter, "DC"),
    (collections.OrderedDict, "DO"),
    (dict, "D"),
)
_EXACT = dict(_BASES)
_MRO = type.__dict__["__mro__"]
_ITER: dict[str, Callable[[Any], Iterable[Any]]] = {
    "L": list.__iter__,
    "T": tuple.__iter__,
    "S": set.__iter__,
    "F": frozenset.__iter__,
    "Q": collections.deque.__iter__,
}


def tag_of(kind: type) -> str | None:
    """The node's tag for containers of a class, None for what is not one."""
    tag = _EXACT.get(kind)
    if tag is None:
        mro = _MRO.__get__(kind)
        tag = next((_EXACT[base] for base in mro if base in _EXACT), None)
    return tag


class Encoder:
    """Encodes values that share one table.

    `seeds` are objects that the reader already has, nodes 0 to n-1.
    """

    def __init__(
        self,
        seeds: Sequence[Any] = (),
        classes: Callable[[type], str | None] | None = None,
        special: Callable[[Any], list[Any] | None] | None = None,
    ) -> None:
        self.objects: list[Any] = list(seeds)
        self._index = {id(value): k for k, value in enumerate(self.objects)}
        self._classes = classes or (lambda kind: None)
        self._special = special or (lambda value: None)
        self._text = 0

    def _spend(self, amount: int) -> None:
        self._text += amount
        if self._text > TEXT_CAP:
            raise ValueTooLarge("answer over 1 MB")

    def ref(self, value: Any) -> Any:
        """The reference of one value; containers are queued for `message`."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        mro = _MRO.__get__(kind)
        if int in mro:
            whole = int.__index__(value)
            if -_SMALL < whole < _SMALL:
                return whole
            self._spend(int.bit_length(whole) // 4)
            return {"i": int.__format__(whole, "x")}
        if str in mro:
            self._spend(str.__len__(value))
            return str.__str__(value) if kind is str else str.join("", [str.__str__(value)])
        if float in mro:
            number = float.__float__(value)
            return number if math.isfinite(number) else {"f": float.__repr__(number)}
        if complex in mro:
            return {
                "c": [
                    float.__repr__(complex.real.__get__(value)),
                    float.__repr__(complex.imag.__get__(value)),
                ]
            }
        if bytes in mro:
            self._spend(2 * bytes.__len__(value))
            return {"b": bytes.hex(value)}
        return [self._node(value)]

    def _node(self, value: Any) -> int:
        known = self._index.get(id(value))
        if known is None:
            known = self._index[id(value)] = len(self.objects)
            self.objects.append(value)  # also keeps it alive, so that ids stay unique
            if known > NODE_CAP:
                raise ValueTooLarge("answer has too many parts")
        return known

    def _write(self, value: Any) -> list[Any]:
        kind = type(value)
        tag = tag_of(kind)
        if tag in _ITER:
            out: list[Any] = [tag]
            for item in _ITER[tag](value):
                self._spend(2)
                out.append(self.ref(item))
            return out
        if tag is not None:
            out = [tag]
            for key, item in dict.items(value):
                self._spend(4)
                out += [self.ref(key), self.ref(item)]
            return out
        name = self._classes(kind)
        if name is not None:
            out = ["O", name]
            for key, item in attributes(value):
                out += [key, self.ref(item)]
            return out
        return self._special(value) or ["X", str(type.__dict__["__name__"].__get__(kind))[:100]]

    def message(self, value: Any) -> dict[str, Any]:
        """The wire form of `value` (and of the seeds as they are now)."""
        top = self.ref(value)
        table: list[list[Any]] = []
        while len(table) < len(self.objects):
            table.append(self._write(self.objects[len(table)]))
        return {"r": top, "t": table}


def attributes(value: Any) -> list[tuple[str, Any]]:
    """What an instance of a trusted class holds, in `__dict__` and slots: name, value."""
    found = dict(getattr(value, "__dict__", {}))
    for kind in _MRO.__get__(type(value)):
        slots = vars(kind).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, slot) and slot not in ("__dict__", "__weakref__"):
                found[slot] = getattr(value, slot)
    return [(key, item) for key, item in found.items() if type(key) is str]


def encode(value: Any) -> dict[str, Any]:
    """The wire form of plain data; what is not plain becomes an X node. Raises ValueTooLarge."""
    return Encoder().message(value)
