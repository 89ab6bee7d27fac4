from __future__ import annotations

import math

import pytest

from editloop.document.commands import Command, CommandError
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.document.transcript import Transcript, observe
from editloop.policy import ScriptedPolicy, SpectrumPolicy, UniformPolicy

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


def test_the_spectrum_changes_an_order_and_keeps_it_a_distribution() -> None:
    texts = "right\nwrong\nright\nnew\n"
    state = EditState.open(Snapshot.from_text(texts))
    transcript = Transcript((observe(state, []),))
    asked = []

    def spectrum() -> dict[str, float]:
        asked.append(1)
        return {"right": -3.0, "wrong": 0.0}

    policy = SpectrumPolicy(UniformPolicy(), spectrum)
    moves = [Command("DELL", 1), Command("DELL", 2), Command("DELL", 4), Command("ADDL", 3, "x")]
    for seed in range(5):
        found = list(policy.propose(transcript, moves, seed=seed))
        assert found[-1].command == Command("DELL", 1)
        assert math.isclose(sum(math.exp(p.log_prob) for p in found), 1.0)
        assert math.isclose(found[0].log_prob - found[-1].log_prob, 3.0)
    assert asked == [1]
    assert list(policy.propose(transcript, [], seed=0)) == []


def test_without_a_spectrum_the_order_is_as_it_was() -> None:
    plain = list(UniformPolicy().propose(TRANSCRIPT, MOVES, seed=3))
    assert list(SpectrumPolicy(UniformPolicy(), dict).propose(TRANSCRIPT, MOVES, seed=3)) == plain
