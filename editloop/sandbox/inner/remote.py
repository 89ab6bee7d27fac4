"""The judge's stand-ins for what lives in the player: functions, classes and objects of the
candidate.

A comparison of a stand-in with plain data is made here and is never true: what the candidate's
objects say about expected values must not count. Operators are passed on only between two
stand-ins. Where nothing but the candidate's own object can say whether it is right, `note` is told
so: the test is then weaker evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

Ask = Callable[..., Any]
"""ask(op, target, args=(), kwargs=None, name="")"""
Note = Callable[[str], None]

_PREDICATES = frozenset(
    [
        *("startswith", "endswith", "issubset", "issuperset", "isdisjoint", "count", "index"),
        *("find", "rfind", "isdigit", "isalpha", "isupper", "islower"),
    ]
)
"""Methods of built-in values that tests ask about a result: an object that merely claims them is
not that value.
"""
_BUILTIN: Final = frozenset(
    name
    for kind in (str, bytes, list, tuple, dict, set, frozenset, int, float, complex)
    for name in dir(kind)
    if not name.startswith("_")
)
OWN: Final = "an object of the file says itself that it is right"
TRUTH: Final = "an object of the file says itself that it is true"


class Remote:
    """An object in the player. `_made`: the tests constructed it themselves by calling a class;
    `_sure`: by one that is named as classes are, so no function was meant.
    """

    __slots__ = ("_ask", "_callable", "_made", "_names", "_node", "_note", "_sure")

    def __init__(
        self, ask: Ask, note: Note, node: list[Any], callable_: bool, names: tuple[str, ...]
    ) -> None:
        values = {
            "_ask": ask,
            "_note": note,
            "_node": node,
            "_callable": callable_,
            "_names": names,
            "_made": False,
            "_sure": False,
        }
        for slot, value in values.items():
            object.__setattr__(self, slot, value)  # our own __setattr__ asks the player

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and name not in ("__name__", "__doc__"):
            raise AttributeError(name)
        if name in _PREDICATES and not self._made:
            raise AttributeError(f"{self!r} is not a built-in value")
        value = self._ask("attr", self, name=name)
        if isinstance(value, Remote) and value._callable:
            return Method(self, name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("setattr", self, (value,), name=name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        value = self._ask("call", self, args, kwargs)
        if isinstance(value, Remote) and "type" in self._names:
            object.__setattr__(value, "_made", True)
            named = str(self._node[1]).lstrip("_") if self._node[0] == "N" else ""
            object.__setattr__(value, "_sure", named[:1].isupper())
        return value

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        if not isinstance(other, Remote):
            return False
        self._note(OWN)
        return self._node == other._node or self._ask("eq", self, (other,)) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return int(self._ask("hash", self))

    def __bool__(self) -> bool:
        self._note(TRUTH)
        return bool(self._ask("bool", self))

    def __len__(self) -> int:
        return int(self._ask("len", self))

    def __iter__(self) -> Iterator[Any]:
        source = self._ask("iter", self)
        while True:
            try:
                value = self._ask("next", source)
            except StopIteration:
                return
            yield value

    def __next__(self) -> Any:
        return self._ask("next", self)

    def __contains__(self, item: object) -> bool:
        if self._made or isinstance(item, Remote):
            self._note(OWN)
            return self._ask("contains", self, (item,)) is True
        return any(part is item or part == item for part in self)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("getitem", self, (key,))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("setitem", self, (key, value))

    def __delitem__(self, key: Any) -> None:
        self._ask("delitem", self, (key,))

    def __str__(self) -> str:
        return str(self._ask("str", self))

    def __repr__(self) -> str:
        return f"<{self._names[0] if self._names else 'object'} of the candidate>"

    def __abs__(self) -> Any:
        return self._ask("abs", self)

    def __neg__(self) -> Any:
        return self._ask("neg", self)

    def __enter__(self) -> Any:
        return self._ask("enter", self)

    def __exit__(self, *args: Any) -> Any:
        return self._ask("call", self, (None, None, None), name="__exit__")

    def __instancecheck__(self, value: object) -> bool:
        own = self._node[1] if self._node[0] == "N" else self.__name__
        self._note(OWN)
        return isinstance(value, Remote) and own in value._names


def _between(op: str) -> Callable[[Remote, object], Any]:
    def method(self: Remote, other: object) -> Any:
        if not isinstance(other, Remote):
            return NotImplemented
        if op in ("lt", "le", "gt", "ge"):
            self._note(OWN)
        return self._ask(op, self, (other,))

    return method


for _name in ("lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "matmul"):
    setattr(Remote, f"__{_name}__", _between(_name))
for _name in ("and", "or"):
    setattr(Remote, f"__{_name}__", _between(f"{_name}_"))


class Method:
    """A method of a stand-in."""

    __slots__ = ("_name", "_owner")

    def __init__(self, owner: Remote, name: str) -> None:
        self._owner = owner
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        value = self._owner._ask("call", self._owner, args, kwargs, name=self._name)
        if self._name in _BUILTIN and not self._owner._sure and not _is_evidence(value):
            self._owner._note(OWN)
        return value


def _is_evidence(value: Any) -> bool:
    """Whether a candidate would have to know what is right to answer this."""
    return not isinstance(value, (bool, Remote)) and bool(value)
