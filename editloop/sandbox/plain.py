"""Reads what a candidate answered, outside of the sandbox: plain data only, and nothing that costs
much to compare.
"""

from __future__ import annotations

from typing import Any

from editloop.sandbox.inner.decode import DEPTH_CAP, BadValue, Decoder
from editloop.sandbox.inner.encode import NODE_CAP


def _weight(item: Any) -> int:
    """Of one reference: long texts and numbers take as long to compare as many short ones."""
    if isinstance(item, dict):
        return 1 + sum(len(part) >> 6 for part in item.values() if isinstance(part, str))
    return 1 + (len(item) >> 6) if isinstance(item, str) else 1


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
            size[index] = sum(map(_weight, table[index])) + sum(size[k] for k in inner)
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
    if any(node[0] in ("O", "R") for node in table):
        table = [node if node[0] not in ("O", "R") else ["X", str(node[-1])] for node in table]
    return Decoder().message({"r": message["r"], "t": table})
