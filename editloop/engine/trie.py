"""A trie of candidate token rows, walked by whole edges (runs without a choice)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Node", "build", "edge"]


@dataclass(eq=False, slots=True)
class Node:
    """`children` by token; `ends` are the indices of the candidates that end here."""

    children: dict[int, Node] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)


def build(candidates: Sequence[Sequence[int]]) -> Node:
    """The root over all candidates; equal candidates share their end."""
    root = Node()
    for index, candidate in enumerate(candidates):
        node = root
        for token in candidate:
            child = node.children.get(token)
            if child is None:
                child = node.children[token] = Node()
            node = child
        node.ends.append(index)
    return root


def edge(first: int, node: Node) -> tuple[list[int], Node]:
    """Tokens from `first` to the next node with a choice or an end, and that node."""
    tokens = [first]
    while len(node.children) == 1 and not node.ends:
        ((token, node),) = node.children.items()
        tokens.append(token)
    return tokens, node
