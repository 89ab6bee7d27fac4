"""Rewards, advantages, rows, curriculum and generation, each against values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset  # type: ignore[import-untyped]  # it has no stubs
from editloop_trainer.encode import Base, load_base
from editloop_trainer.keeper import Clock, known_warnings
from editloop_trainer.reward import (
    RewardSettings,
    Turn,
    advantages,
    group_rewards,
    returns,
    standings,
    turn_rewards,
)
from editloop_trainer.rlvr.adapter import TurnTrainer, micro_batches
from editloop_trainer.rlvr.curriculum import Curriculum
from editloop_trainer.rlvr.episodes import Limits, Played, Table
from editloop_trainer.rlvr.games import Commands
from editloop_trainer.rlvr.judge import Judge, UntrustedSandbox
from editloop_trainer.rlvr.player import training_rows
from editloop_trainer.rlvr.settings import make_config
from editloop_trainer.run import Budget, RunFolder
from editloop_trainer.sft import load_model
from rlvr_samples import FAILED, PASSED, SETTINGS, make_tasks, shapeless
from tiny_bases import make_base
from trl.trainer.grpo_trainer import GRPOTrainer

from editloop.document.commands import EXIT, Command, render
from editloop.document.state import EditState, apply
from editloop.document.text import Snapshot
from editloop.document.transcript import Transcript, observe
from editloop.sandbox.level import Level, LevelReport

WRONG, FIX = Turn(FAILED, edited=True), Turn(PASSED, edited=True)
BAD, IMPOSSIBLE = Turn(FAILED, malformed=True), Turn(FAILED)
DONE, GIVEN_UP = Turn(PASSED, is_exit=True), Turn(FAILED, is_exit=True)


@pytest.mark.parametrize(
    ("turns", "rewards"),
    [
        ([FIX, DONE], [1.0, 0.0]),
        ([WRONG, FIX, DONE], [0.0, 1.0, 0.0]),
        ([BAD, FIX, DONE], [-0.5, 1.0, 0.0]),
        ([FIX, WRONG, FIX, DONE], [1.0, 0.0, 0.0, 0.0]),
        ([IMPOSSIBLE, FIX, DONE], [0.0, 1.0, 0.0]),
        ([FIX], [0.5]),
        ([WRONG, BAD], [0.0, -1.0]),
        ([GIVEN_UP], [-0.5]),
        ([FIX, WRONG, GIVEN_UP], [1.0, 0.0, -0.5]),
    ],
)
def test_rewards_of_turns(turns: list[Turn], rewards: list[float]) -> None:
    assert turn_rewards(turns, RewardSettings()) == rewards


def test_excess_edits_cost_only_where_a_group_mostly_solves() -> None:
    short, long = [FIX, DONE], [WRONG, WRONG, FIX, DONE]
    mostly = group_rewards([short, long, short, [GIVEN_UP]])
    assert mostly[1] == pytest.approx([0.0, -0.1, 0.9, 0.0])
    assert mostly[0] == [1.0, 0.0]
    half = group_rewards([short, long, [GIVEN_UP], [GIVEN_UP]])
    assert half[1] == [0.0, 0.0, 1.0, 0.0]


def test_returns_sum_what_is_to_come() -> None:
    assert returns([-0.5, 1.0, 0.0, -0.5]) == [0.0, 0.5, -0.5, -0.5]


def test_advantages_are_normalized_turn_by_turn_among_those_that_stand_alike() -> None:
    """Turn 0: returns 1, 0, 0 and -1, mean 0, standard deviation sqrt(2/3). Turn 1: 0 and -1 of
    those still unsolved, mean -1/2, deviation sqrt(1/2); the first is solved and alone."""
    group = [[1.0, -0.5], [0.0], [0.0, 0.0], [-1.0, -1.0]]
    standing = [[False, True], [False], [False, False], [False, False]]
    found = advantages(group, standing, epsilon=1e-12)
    spread = math.sqrt(2 / 3)
    assert found[0] == pytest.approx([1 / spread, 0.0])
    assert found[1] == pytest.approx([0.0])
    assert found[2] == pytest.approx([0.0, math.sqrt(0.5)])
    assert found[3] == pytest.approx([-1 / spread, -math.sqrt(0.5)])


def test_a_turn_is_judged_by_what_passed_before_it() -> None:
    assert standings([WRONG, FIX, WRONG, DONE]) == [False, False, True, False]


def test_a_group_of_equals_teaches_nothing() -> None:
    equal = [[1.0, 0.0], [1.0, 0.0]]
    assert advantages(equal, [[False, True]] * 2) == [[0.0, 0.0], [0.0, 0.0]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return shapeless(tmp_path_factory.mktemp("tiny"))


class Playing:
    """Writes fixed answers to whatever is asked, by the copy that asks; keeps the questions."""

    def __init__(self, base: Base, answers: Sequence[Sequence[Sequence[int]]]) -> None:
        self._base, self._left = base, [list(row) for row in answers]
        self.asked: list[str] = []

    def __call__(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        self.asked += [self._base.tokenizer.decode(list(prompt)) for prompt in prompts]
        going = [row for row in self._left if row]
        assert len(going) == len(prompts)
        return [list(row.pop(0)) for row in going]


def ids_of(base: Base, command: Command) -> list[int]:
    return [*base.encoder.tokens.tokenize(render(command)), base.encoder.end]


def played(
    base: Base, answers: Sequence[Sequence[Sequence[int]]], limits: Limits
) -> tuple[Played, list[str]]:
    """The first task, played by fixed answers of some copies; and what was asked."""
    write = Playing(base, answers)
    with Judge(1) as judge:
        task = make_tasks()[0][0]
        table = Table(Commands(base), base, limits)
        return table.play([task], len(answers), write, judge), write.asked


def test_an_answer_is_a_row_that_serving_would_build(tiny: Base) -> None:
    task, command = make_tasks()[0]
    answers = [[ids_of(tiny, command), ids_of(tiny, EXIT)], [ids_of(tiny, EXIT)]]
    [group] = played(tiny, answers, Limits())[0].groups
    solved, given_up = group
    assert (solved.solved, solved.stop, len(solved.turns)) == (True, "exit", 2)
    assert (given_up.solved, given_up.stop, len(given_up.turns)) == (False, "exit", 1)
    first, last, exit_ = training_rows(group, group_rewards([e.turns for e in group]))
    # Returns 1 and -1/2 at the first turn, mean 1/4, deviation 3 sqrt(1/8); then one is alone.
    value = 0.75 / (3 * math.sqrt(0.125) + 1e-4)
    assert [row.worth for row in (first, last, exit_)] == pytest.approx([value, 0.0, -value])
    before = EditState.open(Snapshot.from_text(task.buggy))
    with Judge(1) as judge:
        findings = judge.submit(task, task.buggy).result().findings
    shown = Transcript((observe(before, findings),))
    assert list(first.asked) == list(exit_.asked) == tiny.encoder.prefix(shown)
    assert list(first.written) == ids_of(tiny, command)
    after = shown.extend(command, observe(apply(before, command), ()))
    assert list(last.asked) == tiny.encoder.prefix(after)
    assert list(last.written) == ids_of(tiny, EXIT)


def test_what_is_no_command_is_refused_and_shown(tiny: Base) -> None:
    *exit_ids, end = ids_of(tiny, EXIT)
    for ids in (exit_ids, [end], [*exit_ids, *exit_ids, end], []):
        found, asked = played(tiny, [[ids, [*exit_ids, end]]], Limits())
        [episode] = found.episodes
        assert episode.turns[0].malformed
        assert not episode.turns[0].edited
        assert episode.state.text == make_tasks()[0][0].buggy
        assert "error: " not in asked[0]
        assert "error: " in asked[1]


def test_episodes_end_when_turns_or_room_do(tiny: Base) -> None:
    impossible = ids_of(tiny, Command("DELL", 9))
    found, _ = played(tiny, [[impossible]], Limits(turns=1))
    [episode] = found.episodes
    assert (episode.stop, episode.turns[0].malformed) == ("turns", False)
    size = len(episode.answers[0].asked) + len(impossible)
    [episode] = played(tiny, [[impossible]], Limits(tokens=size))[0].episodes
    assert (episode.stop, len(episode.turns)) == ("room", 1)
    tasks = [task for task, _ in make_tasks()]
    assert Table(Commands(tiny), tiny, Limits()).fitting(tasks) == tasks
    assert not Table(Commands(tiny), tiny, Limits(tokens=size)).fitting(tasks)


def test_below_level_b_nothing_is_judged() -> None:
    with pytest.raises(UntrustedSandbox, match=r"level B .* or better, here it is level F: home"):
        Judge(1, LevelReport(Level.F, "level F: home"))


def test_the_curriculum_prefers_half_solved_tasks() -> None:
    ids = [f"t{n}" for n in range(40)]
    curriculum = Curriculum(ids)
    results = [(i, 0 if n < 16 else 4 if n < 32 else 2, 4) for n, i in enumerate(ids)]
    for _ in range(3):
        curriculum.learn(results)
    drawn = [i for seed in range(200) for i in curriculum.choose(4, str(seed))]
    half = sum(int(i[1:]) >= 32 for i in drawn) / len(drawn)
    assert half > 0.4  # 8 of 40 tasks
    assert {int(i[1:]) < 16 for i in drawn} == {True, False}
    again = Curriculum(ids)
    again.restore(curriculum.state())
    assert again.choose(10, "x") == curriculum.choose(10, "x")
    assert len(set(curriculum.choose(40, "y"))) == 40


def test_micro_batches_have_rows_of_like_length() -> None:
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]])
    batch = {
        "prompt_ids": torch.arange(4)[:, None],
        "prompt_mask": torch.ones(4, 1, dtype=torch.long),
        "completion_mask": mask,
        "advantages": torch.tensor([1.0, 0.0, 3.0, 4.0]),
        "num_items_in_batch": torch.tensor(10),
    }
    parts = micro_batches(batch, 2, 4)
    assert [part["advantages"].tolist() for part in parts] == [[0.0, 3.0], [4.0, 1.0]]
    assert [part["prompt_ids"].flatten().tolist() for part in parts] == [[1, 2], [3, 0]]
    # Row 1 has no advantage: it is kept last.
    parts = micro_batches(batch, 3, 3)
    assert [part["prompt_ids"].flatten().tolist() for part in parts] == [[2], [3], [0]]
    assert len(micro_batches(batch, 4, 0)) == 4
    assert all(part["num_items_in_batch"] == 10 for part in parts)


def test_all_processes_keep_as_many_rows_as_the_one_with_most() -> None:
    """TRL gathers an entry for each row, and gloo aborts where one process has fewer."""
    elsewhere = SimpleNamespace(gather=lambda own: torch.cat([own, torch.tensor([3])]))
    batch = {"advantages": torch.tensor([0.0, 1.0, 0.0, 0.0])}
    kept = TurnTrainer._kept(SimpleNamespace(beta=0.0, accelerator=elsewhere), batch)
    assert kept == 3
    assert TurnTrainer._kept(SimpleNamespace(beta=0.1, accelerator=elsewhere), batch) == 4


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> TurnTrainer:
    """One of a base that knows nothing, which plays nothing."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trainer")
    base = load_base(make_base(folder / "base"))
    return TurnTrainer(
        play=lambda trainer, rows: ([], {}),
        run=RunFolder(folder / "run", {}),
        clock=Clock(Budget()),
        curriculum=Curriculum([]),
        end=base.encoder.end,
        config=make_config(folder / "run", SETTINGS, 3),
        model=load_model(base.folder, full=True),
        processing_class=base.tokenizer,
        train_dataset=Dataset.from_dict({"prompt": ["episode"] * 64}),
    )


def test_padding_changes_no_probability(trainer: TurnTrainer) -> None:
    """Rows of unlike lengths, padded on both sides, beside TRL's own way of computing them."""
    sizes = [(3, 1), (9, 6), (5, 2), (1, 4), (7, 5)]
    ids, mask = torch.zeros(5, 15, dtype=torch.long), torch.zeros(5, 15, dtype=torch.long)
    for row, (asked, written) in enumerate(sizes):
        ids[row, 9 - asked : 9 + written] = torch.arange(asked + written) + 20 + row
        mask[row, 9 - asked : 9 + written] = 1
    with torch.no_grad():
        found = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, mask, 6, batch_size=2, compute_entropy=True
        )
        own = GRPOTrainer._get_per_token_logps_and_entropies
        expected = own(trainer, trainer.model, ids, mask, 6, compute_entropy=True)
    written = mask[:, 9:].bool()
    for value, wanted in zip(found[:2], expected[:2], strict=True):
        assert value.shape == (5, 6)
        assert torch.allclose(value[written], wanted[written], atol=2e-2)  # bfloat16


def test_writing_follows_the_seed_and_stops(trainer: TurnTrainer) -> None:
    prompts = [[30, 31, 32, 33], [40]] * 8

    def draw(seed: int) -> list[list[int]]:
        torch.manual_seed(seed)
        with known_warnings():
            return trainer.write(prompts)

    first = draw(1)
    assert first == draw(1)
    assert first != draw(2)
    [end] = trainer.eos_token_ids
    for ids in first:
        assert len(ids) == SETTINGS.command or ids.index(end) == len(ids) - 1
    assert trainer.model.training
