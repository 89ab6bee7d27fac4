"""Plays the episodes of one training step in this process, and turns them into rows with worth.

A group lives in one process, so its advantages need nothing from the others. What all processes
learn about the tasks is shared, so they choose from the same curriculum.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from accelerate.utils import gather_object  # type: ignore[import-untyped]  # it has no stubs

from editloop.tasks import Task
from editloop_trainer.reward import RewardSettings, advantages, group_rewards, returns, standings
from editloop_trainer.rlvr.adapter import Row, TurnTrainer
from editloop_trainer.rlvr.curriculum import Curriculum
from editloop_trainer.rlvr.episodes import Episode
from editloop_trainer.rlvr.generate import Writer
from editloop_trainer.rlvr.placed import PlaceEpisode
from editloop_trainer.rlvr.rollouts import Played

PlayTasks = Callable[[Sequence[Task], int, Writer], Played]
"""Plays so many episodes of each task."""
OpenWriter = Callable[[TurnTrainer, torch.Generator], AbstractContextManager[Writer]]


@dataclass(frozen=True, slots=True)
class Player:
    """``tasks`` by id; ``copies`` episodes make a group, and each has at most ``parts`` rows.

    ``empty`` fills what an episode lacks of them: TRL takes a fixed number.
    """

    tasks: Mapping[str, Task]
    curriculum: Curriculum
    play: PlayTasks
    open_writer: OpenWriter
    copies: int
    parts: int
    empty: Row
    reward: RewardSettings
    seed: int

    def __call__(self, trainer: TurnTrainer, rows: int) -> tuple[list[Row], dict[str, float]]:
        started = time.perf_counter()
        groups, left = divmod(rows, self.copies * self.parts)
        if left:
            raise AssertionError(f"{rows} rows are no whole groups of {self.copies}")
        rank, world = trainer.accelerator.process_index, trainer.accelerator.num_processes
        step = trainer.state.global_step
        drawn = self.curriculum.choose(groups * world, f"{self.seed}/{step}")
        tasks = [self.tasks[i] for i in drawn[rank * groups : (rank + 1) * groups]]
        seed = torch.Generator(trainer.args.device)
        seed.manual_seed((self.seed * 1_000_003 + step) * 1_009 + rank)
        with self.open_writer(trainer, seed) as writer:
            played = self.play(tasks, self.copies, writer)
        outcomes = [(g[0].task.id, sum(e.solved for e in g), len(g)) for g in played.groups]
        self.curriculum.learn(_gathered(outcomes))
        rewards = [group_rewards([e.turns for e in g], self.reward) for g in played.groups]
        made = [
            row
            for group, scores in zip(played.groups, rewards, strict=True)
            for row in training_rows(group, scores)
        ]
        made += [self.empty] * (rows - len(made))
        return made, measure(trainer, played, time.perf_counter() - started)


def training_rows(
    group: Sequence[Episode | PlaceEpisode], rewards: Sequence[Sequence[float]]
) -> list[Row]:
    """A group's episodes for the loss: each token the model wrote gets its turn's advantage."""
    made = []
    standing = [standings(episode.turns) for episode in group]
    worths = advantages([returns(scores) for scores in rewards], standing)
    for episode, scores, values in zip(group, rewards, worths, strict=True):
        made += [Row(*part, sum(scores)) for part in episode.parts(values)]
    return made


def measure(trainer: TurnTrainer, played: Played, seconds: float) -> dict[str, float]:
    """Over all processes: shares of episodes and of turns, lengths, episodes a second, and where
    the slowest process spent its seconds."""
    episodes = played.episodes
    turns = [turn for episode in episodes for turn in episode.turns]
    mixed = [len({e.solved for e in group}) > 1 for group in played.groups]
    sums = {
        "episodes": len(episodes),
        "groups": len(mixed),
        "turns": len(turns),
        "solved": sum(e.solved for e in episodes),
        "mixed": sum(mixed),
        "malformed": sum(turn.malformed for turn in turns),
        "refused": sum(turn.error is not None for turn in turns),
        "no_exit": sum(e.stop != "exit" for e in episodes),
        "row_tokens": sum(len(e.ids) for e in episodes),
        "written_tokens": sum(sum(e.written) for e in episodes),
    }
    device = trainer.args.device
    added = trainer.accelerator.reduce(
        torch.tensor(list(sums.values()), device=device, dtype=torch.float64)
    )
    total = dict(zip(sums, added.tolist(), strict=True))
    spent = torch.tensor([seconds, played.waiting], device=device, dtype=torch.float64)
    slowest = trainer.accelerator.gather(spent).view(-1, 2).max(0).values.tolist()
    return {
        "solved": total["solved"] / total["episodes"],
        "mixed_groups": total["mixed"] / total["groups"],
        "malformed": total["malformed"] / total["turns"],
        "refused": total["refused"] / total["turns"],
        "no_exit": total["no_exit"] / total["episodes"],
        "turns": total["turns"] / total["episodes"],
        "row_tokens": total["row_tokens"] / total["episodes"],
        "written_tokens": total["written_tokens"] / total["episodes"],
        "rollouts_per_second": total["episodes"] / slowest[0],
        "episodes": total["episodes"],
        "seconds_rollouts": slowest[0],
        "seconds_verification": slowest[1],
    }


def _gathered(outcomes: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Of all processes, in the order of their ranks."""
    return list(gather_object(outcomes))
