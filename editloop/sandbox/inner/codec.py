"""Python values as tagged JSON: a flat table of containers, so sharing and cycles survive and depth
costs nothing.

Wire form `{"r": ref, "t": [node, ...]}`. A ref is a JSON atom (null, bool, string, small int,
float), `[k]` for node k, `{"i": hex}` for a large int, or `{"f"|"c"|"b": text}` for odd floats,
complex and bytes. A node is `[tag, ref...]`: L list, T tuple, S set, F frozenset, Q deque, D/DC/DO
dict/Counter/OrderedDict (keys and values in turn), O an instance of a trusted class (name,
attribute, ref, ...), R an object that stays in the process that made it, X something foreign (its
type's name). Subclasses are flattened with the base class's own methods; `type(x)` decides, never
`x.__class__`.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

NODE_CAP = 200_000
TEXT_CAP = 1 << 20
DEPTH_CAP = 150
HASHED_CAP = 5000
_SMALL = 1 << 53


class ValueTooLarge(ValueError):
    """More than an answer may hold."""


class ForeignValue(ValueError):
    """Not plain data; the argument is the name of its type."""


class BadValue(ValueError):
    """Not something that `encode` wrote."""


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


def _tag(kind: type) -> str | None:
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
        tag = _tag(kind)
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
            for key, item in _attributes(value):
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


def _attributes(value: Any) -> list[tuple[str, Any]]:
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
            self._pending += [
                k for k in seeds if self._table[k][0] in _EMPTY or self._table[k][0] == "O"
            ]
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
            made = self._built[index] = tuple(parts) if tag == "T" else frozenset(parts)
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
            for key, _ in _attributes(target):
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
            target.update(values_list)
        else:
            target.clear()
            # Not update(): a Counter's would add.
            for key, item in zip(values_list[::2], values_list[1::2], strict=True):
                dict.__setitem__(target, key, item)


_EMPTY: dict[str, Callable[[], Any]] = {
    "L": list,
    "S": set,
    "Q": collections.deque,
    "D": dict,
    "DC": collections.Counter,
    "DO": collections.OrderedDict,
}


def _check_size(table: list[Any], top: Any) -> None:
    """Refuse cycles, depth and shared parts that would unfold to a huge value: comparing walks all
    of it.
    """
    size: dict[int, int] = {}
    depth: dict[int, int] = {}
    stack = [(top[0], False)] if isinstance(top, list) else []
    open_nodes: set[int] = set()
    while stack:
        index, left = stack.pop()
        inner = [item[0] for item in table[index][1:] if isinstance(item, list)]
        if left:
            open_nodes.discard(index)
            size[index] = len(table[index]) + sum(size[k] for k in inner)
            depth[index] = 1 + max((depth[k] for k in inner), default=0)
            if size[index] > NODE_CAP or depth[index] > DEPTH_CAP:
                raise BadValue("too large")
        elif index not in size:
            if index in open_nodes:
                raise BadValue("cycle")
            open_nodes.add(index)
            stack.append((index, True))
            stack += [(k, False) for k in inner if k not in size]
            if open_nodes.intersection(inner):
                raise BadValue("cycle")


def _check_hashing(table: list[Any]) -> None:
    """Bound members and keys whose hashes can be chosen: equal ones cost quadratic time."""
    chosen = 0
    for node in table:
        if node[0] in ("S", "F"):
            members = node[1:]
        elif node[0] in ("D", "DC", "DO"):
            members = node[1::2]
        else:
            continue
        chosen += sum(not isinstance(member, (str, int)) for member in members)
    if chosen > HASHED_CAP:
        raise BadValue("too many keys")


def decode_plain(message: Any) -> Any:
    """Plain data from an untrusted answer: no trusted classes, no cycles, bounded size when
    unfolded.

    Counter and OrderedDict become dict. Raises ForeignValue or BadValue.
    """
    try:
        _check_size(message["t"], message["r"])
        table = [["D", *node[1:]] if node[0] in ("DC", "DO") else node for node in message["t"]]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BadValue(
            str(error) if isinstance(error, BadValue) else type(error).__name__
        ) from None
    _check_hashing(message["t"])
    if any(node[0] in ("O", "R") for node in table):
        table = [node if node[0] not in ("O", "R") else ["X", str(node[-1])] for node in table]
    return Decoder().message({"r": message["r"], "t": table})
