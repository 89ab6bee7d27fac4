from __future__ import annotations

import math

import pytest

from editloop.commands import Command, CommandError
from editloop.policy import ScriptedPolicy, UniformPolicy
from editloop.state import EditState
from editloop.text import Snapshot
from editloop.transcript import Transcript, observe

TRANSCRIPT = Transcript((observe(EditState.open(Snapshot.from_text("a\n")), []),))
MOVES = [Command("DELL", n) for n in range(1, 9)]


def test_uniform_is_a_permutation_that_the_seed_decides() -> None:
    policy = UniformPolicy()
    first = list(policy.propose(TRANSCRIPT, MOVES, seed=1))
    assert first == list(policy.propose(TRANSCRIPT, MOVES, seed=1))
    assert first != list(policy.propose(TRANSCRIPT, MOVES, seed=2))
    assert sorted(p.command.line for p in first) == list(range(1, 9))
    assert math.isclose(sum(math.exp(p.log_prob) for p in first), 1.0)
    assert list(policy.propose(TRANSCRIPT, [], seed=1)) == []


def test_scripted_proposes_its_texts_before_all_moves() -> None:
    policy = ScriptedPolicy(["### DELL 3", "### REPL 1 >>>b"])
    later = TRANSCRIPT.extend(Command("DELL", 3), TRANSCRIPT.observations[0])
    assert next(policy.propose(later, MOVES, seed=0)).command == Command("REPL", 1, "b")
    last = later.extend(Command("REPL", 1, "b"), TRANSCRIPT.observations[0])
    assert next(policy.propose(last, MOVES, seed=0)).command == MOVES[0]
    proposals = list(policy.propose(TRANSCRIPT, MOVES, seed=0))
    assert [p.command.line for p in proposals][:2] == [3, 1]
    assert len(proposals) == len(MOVES)
    assert [p.log_prob for p in proposals] == sorted((p.log_prob for p in proposals), reverse=True)


def test_a_broken_script_is_an_error_of_the_caller() -> None:
    with pytest.raises(CommandError):
        list(ScriptedPolicy(["nonsense"]).propose(TRANSCRIPT, MOVES, seed=0))
