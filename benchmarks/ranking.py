"""Where the right move stands: by the model alone, by the prior alone, by both.

    python benchmarks/ranking.py DEMONSTRATIONS.jsonl [--number 400] [--model MODEL.gguf]

One state of each demonstration, drawn at random; only those that some move of the generator undoes.
The file is to be held out from the training of both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from editloop.commands import Command, effect
from editloop.engine.policy import ModelPolicy, load_policy
from editloop.models import find_model
from editloop.prior import PriorPolicy, shipped
from editloop.transcript import Observation, Transcript
from trainer.prior import sample_lines, state_of

LIMITS = (1, 5, 20, 50)
Order = Callable[[Observation, Sequence[Command]], Iterable[Command]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demonstrations", type=Path)
    parser.add_argument("--number", type=int, default=400)
    parser.add_argument("--model")
    options = parser.parse_args()
    policy = load_policy(find_model(options.model), threads=1)
    prior = PriorPolicy(shipped())

    def both(seen: Observation, moves: Sequence[Command]) -> Iterable[Command]:
        found = policy.propose(Transcript((seen,)), moves, seed=0, free=False)
        return (proposal.command for proposal in found)

    def alone(seen: Observation, moves: Sequence[Command]) -> Iterable[Command]:
        return (proposal.command for proposal in prior.propose(Transcript((seen,)), moves, seed=0))

    orders: dict[str, Order] = {
        "model": lambda seen, moves: by_model(policy, seen, moves),
        "prior": alone,
        "both": both,
    }
    ranks: dict[str, list[int]] = {name: [] for name in orders}
    moves_seen = 0
    for line in sample_lines([options.demonstrations], options.number, seed=0):
        found = state_of(line)
        if found is None:
            continue
        seen, right, wrong = found
        moves_seen += len(right) + len(wrong)
        targets = {effect(command, seen.window) for command in right}
        for name, order in orders.items():
            places = enumerate(order(seen, [*wrong, *right]))
            ranks[name].append(next(n for n, c in places if effect(c, seen.window) in targets))
    states = len(ranks["model"])
    print(f"{states} states, {moves_seen / states:.0f} moves each")
    for name, found_at in ranks.items():
        shares = (sum(rank < limit for rank in found_at) / states for limit in LIMITS)
        print(name, *(f"among {n}: {share:.1%}" for n, share in zip(LIMITS, shares, strict=True)))


def by_model(policy: ModelPolicy, seen: Observation, moves: Sequence[Command]) -> Iterable[Command]:
    """All moves in the model's exact order."""
    rows = [policy.dialect.command(move) for move in moves]
    prefix = policy.prefix(Transcript((seen,)))
    return (moves[at] for at, _ in policy.engine.rank(prefix, rows, constrained=False))


if __name__ == "__main__":
    main()
