"""Rewards, advantages, rows, curriculum and generation, each against values worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from editloop_trainer.encode import Base
from editloop_trainer.reward import (
    RewardSettings,
    advantages,
    group_rewards,
    returns,
    standings,
    turn_rewards,
)
from editloop_trainer.rlvr.adapter import TurnTrainer, _score_written, micro_batches
from editloop_trainer.rlvr.curriculum import Curriculum
from editloop_trainer.rlvr.dialect import NO_COMMAND, Dialect
from editloop_trainer.rlvr.episodes import Limits, begin, settle, understand
from editloop_trainer.rlvr.generate import Sampling, TorchWriter
from editloop_trainer.rlvr.judge import Judge, UntrustedSandbox
from editloop_trainer.rlvr.player import training_rows
from rlvr_samples import FAILED, PASSED, make_tasks, shapeless
from transformers import LlamaConfig, LlamaForCausalLM

from editloop.commands import EXIT, Command, render
from editloop.sandbox.level import Level, LevelReport
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.transcript import Observation, Transcript
from editloop.verdict import Verdict


@dataclass(frozen=True)
class Turn:
    verdict: Verdict
    edited: bool = False
    malformed: bool = False
    is_exit: bool = False


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


def test_only_written_tokens_have_worth(tiny: Base) -> None:
    dialect, limits = Dialect(tiny), Limits()
    task, command = make_tasks()[0]
    group = []
    for commands, verdicts in (([command, EXIT], [PASSED] * 2), ([EXIT], [FAILED])):
        episode = begin(task, FAILED, dialect)
        for given, verdict in zip(commands, verdicts, strict=True):
            move = understand(episode, tiny.encoder.command(given), dialect)
            episode = settle(episode, move, verdict, dialect, limits)
        group.append(episode)
    solved, given_up = training_rows(group, group_rewards([e.turns for e in group]))
    # Returns 1 and -1/2 at the first turn, mean 1/4, deviation 3 sqrt(1/8); then one is alone.
    first, last = group[0].turns
    first_ids = tiny.encoder.command(command)
    value = 0.75 / (3 * math.sqrt(0.125) + 1e-4)
    assert solved.worth[first.start : first.stop] == pytest.approx([value] * len(first_ids))
    assert solved.worth[last.start : last.stop] == [0.0] * (last.stop - last.start)
    assert [at for at, flag in enumerate(solved.written) if flag] == [
        *range(first.start, first.stop),
        *range(last.start, last.stop),
    ]
    assert not any(w for w, flag in zip(solved.worth, solved.written, strict=True) if not flag)
    assert solved.reward == 1.0
    assert given_up.worth[-1] == pytest.approx(-value)
    # The row is the transcript that serving would build.
    shown = Transcript((Observation(("def add(a, b):", "    return a - b")),))
    after = Observation(("def add(a, b):", "    return a + b"))
    expected = tiny.encoder.prefix(shown.extend(command, after)) + tiny.encoder.command(EXIT)
    assert list(solved.ids) == expected


@pytest.mark.parametrize(
    "command",
    [
        EXIT,
        Command("DELL", 7),
        Command("REPL", 3, "    return 'é' >>> 1"),
        Command("ADDL", 1, ""),
        Command("REPW", 12, "b", "a - 1"),
    ],
)
def test_written_tokens_read_as_their_command(tiny: Base, command: Command) -> None:
    assert Dialect(tiny).text(tiny.encoder.command(command)) == render(command)


def test_what_is_no_command_is_refused_and_shown(tiny: Base) -> None:
    dialect = Dialect(tiny)
    *exit_ids, end = tiny.encoder.command(EXIT)
    episode = begin(make_tasks()[0][0], FAILED, dialect)
    for ids in (exit_ids, [end], [*exit_ids, *exit_ids, end]):
        move = understand(episode, ids, dialect)
        assert move.command is None
        after = settle(episode, move, FAILED, dialect, Limits())
        assert after.turns[0].malformed
        assert not after.turns[0].edited
        assert after.state is episode.state
        text = tiny.tokenizer.decode(after.ids[after.turns[0].stop :])
        assert "error: " in text
    assert dialect.text([]) == NO_COMMAND


def test_episodes_end_when_turns_or_room_do(tiny: Base) -> None:
    dialect = Dialect(tiny)
    episode = begin(make_tasks()[0][0], FAILED, dialect)
    move = understand(episode, tiny.encoder.command(Command("DELL", 9)), dialect)
    size = len(episode.ids) + len(move.ids)
    assert settle(episode, move, FAILED, dialect, Limits(turns=1)).stop == "turns"
    assert settle(episode, move, FAILED, dialect, Limits(tokens=size)).stop == "room"
    assert settle(episode, move, FAILED, dialect, Limits()).stop == ""


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


def test_micro_batches_hold_every_row_and_no_column_in_vain() -> None:
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]])
    batch = {
        "prompt_ids": torch.arange(4)[:, None],
        "completion_mask": mask,
        "advantages": mask * torch.tensor([1, 0, 3, 4])[:, None],
        "num_items_in_batch": torch.tensor(10),
    }
    parts = micro_batches(batch, 2, 4)
    assert [part["advantages"].tolist() for part in parts] == [
        [[0, 0], [3, 3]],
        [[4, 4, 4, 0], [1, 1, 1, 1]],
    ]
    assert [part["prompt_ids"].flatten().tolist() for part in parts] == [[1, 2], [3, 0]]
    # Row 1 has no advantage: it is kept last.
    parts = micro_batches(batch, 3, 3)
    assert [part["prompt_ids"].flatten().tolist() for part in parts] == [[2], [3], [0]]
    assert len(micro_batches(batch, 4, 0)) == 4
    assert all(part["num_items_in_batch"] == 10 for part in parts)


def test_all_processes_keep_as_many_rows_as_the_one_with_most() -> None:
    """TRL gathers an entry for each row, and gloo aborts where one process has fewer."""
    elsewhere = SimpleNamespace(gather=lambda own: torch.cat([own, torch.tensor([3])]))
    batch = {
        "completion_mask": torch.ones(4, 2, dtype=torch.long),
        "advantages": torch.tensor([[0, 0], [0, 1], [0, 0], [0, 0]]),
    }
    kept = TurnTrainer._kept(SimpleNamespace(beta=0.0, accelerator=elsewhere), batch)
    assert kept == 3
    parts = micro_batches(batch, 2, kept)
    assert [len(part["advantages"]) for part in parts] == [2, 1]
    assert sum(int(part["advantages"].sum()) for part in parts) == 1
    assert TurnTrainer._kept(SimpleNamespace(beta=0.1, accelerator=elsewhere), batch) == 4


@pytest.fixture(scope="module")
def llama() -> LlamaForCausalLM:
    """Grouped heads, sharp distributions."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.4,
    )
    model = LlamaForCausalLM(config)
    model.train(False)
    return model


def test_scores_are_the_log_probabilities_of_what_was_written(llama: LlamaForCausalLM) -> None:
    ids = torch.randint(0, 50, (3, 9))
    mask = torch.rand(3, 8) < 0.4
    expected = (llama(ids).logits[:, :-1] / 0.7).log_softmax(-1)
    plain = llama.forward
    _score_written(llama, temperature=0.7)
    found, entropy = llama(input_ids=ids, scored=mask)
    llama.forward = plain
    picked = expected.gather(-1, ids[:, 1:, None])[..., 0][mask]
    assert torch.allclose(found, picked, atol=1e-5)
    assert torch.allclose(entropy, -(expected.exp() * expected).sum(-1)[mask], atol=1e-5)
    assert found.requires_grad
    assert not entropy.requires_grad


def test_batched_rows_with_a_cache_equal_rows_on_their_own(llama: LlamaForCausalLM) -> None:
    """Greedy text over several turns, rows of unlike lengths that end at unlike times."""
    sampling = Sampling(end=7, pad=0, command=6, temperature=0.0)
    writer = TorchWriter(llama, sampling, torch.Generator())
    prompts = [[1, 2, 3, 4, 5, 6], [9], [11, 12, 13]]
    rows = {row: list(prompts[row // 2]) for row in range(6)}
    news: dict[int, Sequence[int]] = {}
    for turn in range(5):
        written = dict(writer.go_on(news) if turn else writer.start(prompts, 2))
        assert written.keys() == (news.keys() if turn else rows.keys())
        for row, ids in written.items():
            assert ids == greedy(llama, rows[row], sampling)
            rows[row] += ids
        # Rows drop out, the last one alone goes on.
        alive = [row for row in written if row >= turn + (2 if turn > 2 else 0)]
        news = {row: [20 + row, *range(turn + row % 3), 30] for row in alive}
        for row, ids in news.items():
            rows[row] += ids


def greedy(model: LlamaForCausalLM, row: list[int], sampling: Sampling) -> list[int]:
    found: list[int] = []
    while len(found) < sampling.command and sampling.end not in found:
        with torch.no_grad():
            found.append(int(model(torch.tensor([row + found])).logits[0, -1].argmax()))
    return found


def test_sampling_follows_the_seed(llama: LlamaForCausalLM) -> None:
    sampling = Sampling(end=7, pad=0, command=8, temperature=1.5)

    def draw(seed: int) -> list[list[int]]:
        writer = TorchWriter(llama, sampling, torch.Generator().manual_seed(seed))
        return [ids for _, ids in sorted(writer.start([[1, 2], [3]], 4))]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert len({tuple(ids) for ids in draw(1)}) > 4


def test_a_task_opens_as_the_plain_loop_would_open_it(tiny: Base) -> None:
    task = make_tasks()[0][0]
    state = EditState.open(Snapshot.from_text(task.buggy))
    assert begin(task, FAILED, Dialect(tiny)).state == state
