from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from data_samples import FIND, SOURCES, TABLE
from editloop_trainer.corruptions import (
    FAMILIES,
    Fault,
    Module,
    compose,
    corrupt,
    corrupt_many,
    training_families,
    undoes,
)
from editloop_trainer.corruptions.base import Change
from editloop_trainer.corruptions.inverse import inverse
from hypothesis import given, settings
from hypothesis import strategies as st

from editloop.document.commands import parse, render


@given(source=st.sampled_from(SOURCES), seed=st.integers(0, 10**9), size=st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_commands_give_the_original_back(source: str, seed: int, size: int) -> None:
    corruption = corrupt_many(source, Random(seed), size, tuple(FAMILIES.values()))
    if corruption is None:
        return
    assert corruption.source != source
    assert undoes(corruption, source)
    assert all(parse(render(command)) == command for command in corruption.commands)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_finds_a_place(name: str) -> None:
    family = FAMILIES[name]
    module = Module(TABLE)
    found = {
        corruption.source
        for seed in range(60)
        if (corruption := corrupt(module, Random(seed), [family])) is not None
    }
    if name not in ("division", "statement_order", "missing_import", "comment_swallows"):
        assert found, name


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_family_never_fails(name: str) -> None:
    for source in (*SOURCES, "x = 1\n", "\n", "pass"):
        for seed in range(25):
            FAMILIES[name].propose(Module(source), Random(seed))


def test_same_seed_same_corruption() -> None:
    assert corrupt(FIND, Random(3)) == corrupt(FIND, Random(3))


def test_groups_and_held_out_families() -> None:
    training = training_families()
    assert {f.name for f in FAMILIES.values() if not f.held_out} == {f.name for f in training}
    assert len(training) == 49
    assert len(Counter(f.group for f in training)) == 4


def test_syntax_errors_are_undone_first() -> None:
    module = Module(FIND)
    logic = Fault(FAMILIES["comparison"], Change(6, 7, (FIND.split("\n")[6].replace("!=", "=="),)))
    broken = Fault(FAMILIES["missing_colon"], Change(3, 4, (FIND.split("\n")[3][:-1],)))
    name = Fault(FAMILIES["undefined_name"], Change(8, 9, ("        sen[num] = i",)))
    corruption = compose(module, [logic, broken, name])
    assert corruption is not None
    assert corruption.family == "missing_colon+undefined_name+comparison"
    assert [c.line for c in corruption.commands] == [4, 9, 7]


def test_a_move_is_undone_by_two_commands() -> None:
    module = Module("a = 1\nb = 2\n")
    commands = inverse(module, Change(0, 2, ("b = 2", "a = 1")))
    assert [render(c) for c in commands] == ["### DELL 2", "### ADDL 1 >>>a = 1"]


def test_numbers_count_the_lines_that_faults_above_took() -> None:
    module = Module("a = 1\nb = 2\nc = 3\nd = 4\ne = 5\n")
    upper = Fault(FAMILIES["delete_line"], Change(0, 1, ()))
    lower = Fault(FAMILIES["missing_bracket"], Change(3, 4, ("d = (4",)))
    corruption = compose(module, [upper, lower])
    assert corruption is not None
    assert corruption.source == "b = 2\nc = 3\nd = (4\ne = 5\n"
    assert [c.line for c in corruption.commands] == [3, 1]
