"""What an episode is worth in training: rewards of turns, returns, advantages.

A training choice, kept apart from the truth: whether a module is repaired is said by ``Verdict``
alone, and nothing here looks at code. Rewards follow Chain-of-Edits (arXiv 2507.05065, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from editloop.checks.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Turn:
    """What a reward may see of a turn.

    ``verdict`` is that of the state after it, ``edited`` whether the document is another one now,
    ``malformed`` whether the answer means nothing, ``is_exit`` whether it ended the episode by its
    own word or by passing.
    """

    verdict: Verdict
    edited: bool = False
    malformed: bool = False
    is_exit: bool = False


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """Values of one turn each; ``mostly`` is the share of a group that has to solve its task
    before edits count that its shortest solution does not need.

    EXIT while checks fail costs what no EXIT costs. Were it free, as in the paper, a model
    that solves little would earn most by giving up at once, and some runs end there.
    """

    solved: float = 1.0
    malformed: float = -0.5
    no_exit: float = -0.5
    gave_up: float = -0.5
    excess_edit: float = -0.1
    mostly: float = 0.75


def group_rewards(
    group: Sequence[Sequence[Turn]], settings: RewardSettings = RewardSettings()
) -> list[list[float]]:
    """Rewards of every turn of the episodes of one task."""
    needed = [edits for edits in map(edits_to_solve, group) if edits is not None]
    mostly = bool(needed) and len(needed) >= settings.mostly * len(group)
    return [turn_rewards(turns, settings, min(needed) if mostly else None) for turns in group]


def turn_rewards(
    turns: Sequence[Turn], settings: RewardSettings, fewest: int | None = None
) -> list[float]:
    """Rewards of one episode of one turn or more; each edit after the first ``fewest`` costs, or
    none where that is None.

    ``solved`` is paid once, so undoing and repeating a fix gains nothing. A command that the state
    does not allow costs no more than its turn: with a price on it, giving up at once is worth more
    than trying to a model that solves little yet.
    """
    rewards = [0.0] * len(turns)
    solved, edits = False, 0
    for at, turn in enumerate(turns):
        if turn.malformed:
            rewards[at] += settings.malformed
        if turn.edited:
            edits += 1
            if fewest is not None and edits > fewest:
                rewards[at] += settings.excess_edit
        if turn.verdict.passed and not solved:
            solved = True
            rewards[at] += settings.solved
    if not turns[-1].is_exit:
        rewards[-1] += settings.no_exit
    elif not turns[-1].verdict.passed:
        rewards[-1] += settings.gave_up
    return rewards


def edits_to_solve(turns: Sequence[Turn]) -> int | None:
    """Edits up to the first turn after which every check passes; None where there is none."""
    edits = 0
    for turn in turns:
        edits += turn.edited
        if turn.verdict.passed:
            return edits
    return None


def returns(rewards: Sequence[float]) -> list[float]:
    """The return of each turn: the sum of the rewards from it on."""
    total, found = 0.0, list[float]()
    for reward in reversed(rewards):
        total += reward
        found.append(total)
    return found[::-1]


def standings(turns: Sequence[Turn]) -> list[bool]:
    """Whether every check passed before each turn."""
    return [False, *(turn.verdict.passed for turn in turns[:-1])]


def advantages(
    group: Sequence[Sequence[float]],
    standing: Sequence[Sequence[bool]],
    epsilon: float = 1e-4,
) -> list[list[float]]:
    """Returns of a group's episodes, normalized turn by turn.

    Turn t is compared with turn t of those episodes that stand alike before it (``standing``): once
    the task is solved little can be gained, so an EXIT there says nothing about an edit elsewhere.
    A turn that has no other to be compared with has no advantage.
    """
    normalized: list[list[float]] = [[] for _ in group]
    for turn in range(max(map(len, group), default=0)):
        alive = [at for at, episode in enumerate(group) if turn < len(episode)]
        for at in alive:
            alike = [i for i in alive if standing[i][turn] == standing[at][turn]]
            values = [group[i][turn] for i in alike]
            mean = math.fsum(values) / len(values)
            spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1))
            normalized[at].append((group[at][turn] - mean) / (spread + epsilon))
    return normalized
