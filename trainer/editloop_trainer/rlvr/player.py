"""Plays the episodes of one training step in this process, and turns them into rows with worth.

A group lives in one process, so its advantages need nothing from the others. What all processes
learn about the tasks is shared, so they choose from the same curriculum.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from accelerate.utils import gather_object  # type: ignore[import-untyped]  # it has no stubs

from editloop.tasks import Task
from editloop_trainer.reward import RewardSettings, advantages, group_rewards, returns, standings
from editloop_trainer.rlvr.adapter import Row, TurnTrainer
from editloop_trainer.rlvr.curriculum import Curriculum
from editloop_trainer.rlvr.episodes import Episode, Played, Table
from editloop_trainer.rlvr.judge import Judge


@dataclass(frozen=True, slots=True)
class Player:
    """``tasks`` by id; ``copies`` episodes make a group."""

    tasks: Mapping[str, Task]
    curriculum: Curriculum
    table: Table
    judge: Judge
    copies: int
    reward: RewardSettings
    seed: int

    def __call__(self, trainer: TurnTrainer, rows: int) -> tuple[list[Row], dict[str, float]]:
        """The rows of one step, and what was measured over all processes."""
        started = time.perf_counter()
        groups, left = divmod(rows, self.copies * self.table.rows)
        assert not left, f"{rows} rows are no whole groups of {self.copies}"
        rank, world = trainer.accelerator.process_index, trainer.accelerator.num_processes
        step = trainer.state.global_step
        drawn = self.curriculum.choose(groups * world, f"{self.seed}/{step}")
        tasks = [self.tasks[i] for i in drawn[rank * groups : (rank + 1) * groups]]
        torch.manual_seed((self.seed * 1_000_003 + step) * 1_009 + rank)
        played = self.table.play(tasks, self.copies, trainer.write, self.judge)
        outcomes = [(g[0].task.id, sum(e.solved for e in g), len(g)) for g in played.groups]
        self.curriculum.learn(list(gather_object(outcomes)))  # in the order of the ranks
        rewards = [group_rewards([e.turns for e in g], self.reward) for g in played.groups]
        pairs = zip(played.groups, rewards, strict=True)
        made = [row for group, scores in pairs for row in training_rows(group, scores)]
        total = sum(sum(scores) for group in rewards for scores in group)
        return made, measure(trainer, played, total, time.perf_counter() - started)


def training_rows(group: Sequence[Episode], rewards: Sequence[Sequence[float]]) -> list[Row]:
    """The answers of a group's episodes; each has the advantage of its turn."""
    standing = [standings(episode.turns) for episode in group]
    worths = advantages([returns(scores) for scores in rewards], standing)
    return [
        Row(one.asked, one.written, values[one.turn])
        for episode, values in zip(group, worths, strict=True)
        for one in episode.answers
    ]


def measure(
    trainer: TurnTrainer, played: Played, reward: float, seconds: float
) -> dict[str, float]:
    """Over all processes: shares of episodes and of turns, lengths, episodes a second, and where
    the slowest process spent its seconds. ``reward`` is the sum of this process."""
    episodes = played.episodes
    turns = [turn for episode in episodes for turn in episode.turns]
    answers = [answer for episode in episodes for answer in episode.answers]
    sums = {
        "episodes": len(episodes),
        "groups": len(played.groups),
        "all_turns": len(turns),
        "mixed_groups": sum(len({e.solved for e in group}) > 1 for group in played.groups),
        "malformed": sum(turn.malformed for turn in turns),
        "reward": reward,
        "solved": sum(e.solved for e in episodes),
        "no_exit": sum(e.stop != "exit" for e in episodes),
        "turns": len(turns),
        "row_tokens": sum(len(one.asked) + len(one.written) for one in answers),
        "written_tokens": sum(len(one.written) for one in answers),
    }
    device = trainer.args.device
    added = trainer.accelerator.reduce(
        torch.tensor(list(sums.values()), device=device, dtype=torch.float64)
    )
    total = dict(zip(sums, added.tolist(), strict=True))
    spent = torch.tensor([seconds, played.waiting], device=device, dtype=torch.float64)
    slowest = trainer.accelerator.gather(spent).view(-1, 2).max(0).values.tolist()
    count, groups, all_turns = (total.pop(name) for name in ("episodes", "groups", "all_turns"))
    of = {"mixed_groups": groups, "malformed": all_turns}
    return {
        **{name: value / of.get(name, count) for name, value in total.items()},
        "rollouts_per_second": count / slowest[0],
        "episodes": count,
        "seconds_rollouts": slowest[0],
        "seconds_verification": slowest[1],
    }
