"""Values cross as they are, and nothing that a candidate can write harms the reader."""

from __future__ import annotations

import collections
import contextlib
import enum
import json
import math
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editloop.sandbox import plain
from editloop.sandbox.inner import decode, encode
from editloop.sandbox.inner.show import CAP, show

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**200), max_value=2**200),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
)
HASHED = ATOMS | st.tuples(ATOMS, ATOMS) | st.frozensets(st.integers(), max_size=3)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.sets(HASHED, max_size=4),
        st.frozensets(HASHED, max_size=4),
        st.dictionaries(HASHED, inner, max_size=4),
        st.builds(collections.deque, st.lists(inner, max_size=3)),
    ),
    max_leaves=20,
)


def cross(value: Any) -> Any:
    return plain.decode_plain(json.loads(json.dumps(encode.encode(value))))


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b and show(a) == show(b)


@given(VALUES)
def test_round_trip(value: Any) -> None:
    assert same(cross(value), value)


@given(VALUES)
def test_show_is_short_and_repeats(value: Any) -> None:
    assert show(value) == show(cross(value))
    assert len(show(value)) <= CAP


class Colour(enum.IntEnum):
    RED = 3


class Point(NamedTuple):
    x: int
    y: int


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __index__(self) -> int:
        return 10

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, 3),
        (Point(1, 2), (1, 2)),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (Liar(-1), -1),
    ],
)
def test_subclasses_are_flattened(value: Any, plain: Any) -> None:
    got = cross(value)
    assert type(got) is type(plain)
    assert got == plain


def test_numeric_equality_and_nan() -> None:
    assert cross(2.0) == 2
    assert cross(True) == 1
    assert math.isnan(cross(math.nan))
    assert cross(-math.inf) == -math.inf
    assert math.copysign(1, cross(-0.0)) == -1


class Foreign:
    __class__ = property(lambda self: int)  # type: ignore[assignment]


@pytest.mark.parametrize(
    "value", [Foreign(), object(), len, (n for n in ()), [Foreign()], {1: int}]
)
def test_foreign_objects_do_not_cross(value: Any) -> None:
    with pytest.raises(decode.ForeignValue):
        cross(value)


def test_large_values_are_refused() -> None:
    for value in (["x" * 1000] * 100_000, [[]] * 2_000_000, 1 << 10_000_000, list(range(600_000))):
        with pytest.raises(encode.ValueTooLarge):
            encode.encode(value)


def test_cycles_and_unfolding_bombs_are_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    bomb: list[Any] = [1]
    for _ in range(100):
        bomb = [bomb, bomb]
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for value in (cycle, bomb, deep):
        with pytest.raises(decode.BadValue):
            cross(value)


def test_sharing_survives_in_the_graph_form() -> None:
    shared = [1]
    ring: list[Any] = [shared, shared]
    ring.append(ring)
    got = decode.Decoder().message(json.loads(json.dumps(encode.encode(ring))))
    assert got[0] is got[1]
    assert got[2] is got


def test_arguments_are_updated_in_place() -> None:
    mine = [3, 1, 2]
    sent = encode.Encoder()
    message = sent.message((mine,))
    theirs = decode.Decoder()
    (copy,) = theirs.message(message)
    copy.sort()
    reply = encode.Encoder(theirs.objects()).message(copy)
    assert decode.Decoder(sent.objects).message(reply) is mine
    assert mine == [1, 2, 3]


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 5), st.floats(), st.sampled_from("LTSFQDORXi")
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("rtifcb"), inner),
    max_leaves=25,
)


@given(ANYTHING)
def test_forged_messages_are_refused_or_plain(message: Any) -> None:
    for forged in (message, {"r": [0], "t": message}, {"r": message, "t": [["L", message]]}):
        with contextlib.suppress(decode.BadValue, decode.ForeignValue):
            show(plain.decode_plain(forged))
