"""Reads what a candidate answered, outside of the sandbox: plain data only, and nothing that costs
much to compare.
"""

from __future__ import annotations

from typing import Any

from editloop.sandbox.inner.decode import DEPTH_CAP, BadValue, Decoder
from editloop.sandbox.inner.encode import NODE_CAP

HASHED_CAP = 5000


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
