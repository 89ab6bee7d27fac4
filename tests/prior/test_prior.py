"""The prior: what its features tell apart, and what it learns."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from editloop_trainer.prior import example, fit, ranks, sample_lines
from typer.testing import CliRunner

from editloop.cli import app
from editloop.document.commands import Command, edit_line
from editloop.document.state import EditState
from editloop.document.text import Snapshot
from editloop.document.transcript import Finding, Observation, Transcript, observe
from editloop.moves import moves
from editloop.policy import Proposal
from editloop.prior import SIZE, Prior, PriorPolicy, shipped
from editloop.prior.features import Features
from editloop.prior.signs import sign, signs

SOURCE = "def total(values):\n    result = 1\n    for value in values:\n        result += value\n"


def seen(source: str, *findings: str) -> tuple[EditState, Observation]:
    state = EditState.open(Snapshot.from_text(source))
    return state, observe(state, [Finding(text) for text in findings])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("SyntaxError: '(' was never closed", "SyntaxError: _ was never closed"),
        ("F821 Undefined name `x`", "F821"),
        (
            "f(1) -> TypeError: f() takes 1 argument, expected 3",
            "TypeError _ takes _ argument",
        ),
        ("f(1) -> None, expected 3", "NoneType for int"),
        ("f(1) -> 4, expected 3", "one more"),
        ("f(1) -> -3, expected 3", "sign"),
        ("f(1) -> 3, expected '3'", "int for str"),
        ("f(1) -> 3, expected 3.0", "int for float equal"),
        ("f(1) -> True, expected False", "True for False"),
        ("f(1) -> [3, 1], expected [1, 3]", "list reversed"),
        ("f(1) -> [2, 1, 3], expected [1, 2, 3]", "list order"),
        ("f(1) -> 'ab', expected 'abc'", "str shorter end"),
        ("f(1) -> [1, 2, 3, expected [1, 2...", "value"),
        ("f(1) -> {}, expected {1: 2}", "dict empty"),
        ("something else", "other"),
    ],
)
def test_what_a_finding_is_a_sign_of(text: str, word: str) -> None:
    assert sign(text) == word


def test_signs_are_the_most_frequent_first() -> None:
    assert signs(["F821 a", "F401 b", "F401 c"]) == ("F401", "F821")


@pytest.mark.parametrize(
    ("command", "feature"),
    [
        (Command("REPW", 2, "0", "1"), "1 > 0 | zero"),
        (Command("REPW", 4, "result", "value"), "name > name | for"),
        (Command("REPL", 4, "    result += value"), "move out"),
        (Command("ADDL", 5, "    return result"), "insert return name after += before nothing"),
        (Command("DELL", 2), "delete = | zero"),
    ],
)
def test_features_of_a_command(command: Command, feature: str) -> None:
    _, observation = seen(SOURCE, "total([1]) -> 0, expected 1")
    found = Features(observation).of(command)
    if command.line == 4 and command.verb == "REPW":
        feature = "name > name | +="
    assert feature in found


@pytest.mark.parametrize(
    ("new", "feature"),
    [
        ("fib(n - 1) + fib(n - 2) + max(n, 0)", "repeated number"),
        ("fib(n - 1) + fib(n - 1) + min(n, 0)", "sibling name"),
        ("fib(n - 1) + fib(n - 1) + max(n, 1)", None),
        ("fib(n - 1) + fib(n - 1) + fib(n, 0)", None),
    ],
)
def test_words_that_people_mix_up_and_what_a_line_has_twice_are_features(
    new: str, feature: str | None
) -> None:
    line = "    return fib(n - 1) + fib(n - 1) + max(n, 0)"
    _, observation = seen(f"def fib(n):\n{line}\n")
    found = Features(observation).of(edit_line(2, line, f"    return {new}"))
    told = {word for word in found if word.startswith(("repeated", "sibling"))}
    assert told == ({feature, f"{feature} | nothing"} if feature else set())


def test_a_programs_own_words_are_no_features() -> None:
    _, one = seen(SOURCE, "total([1]) -> 0, expected 1")
    _, other = seen(SOURCE.replace("result", "amount"), "total([1]) -> 0, expected 1")
    command = Command("REPW", 2, "0", "1")
    assert Features(one).of(command) == Features(other).of(command)


def test_every_move_has_features() -> None:
    for source in (SOURCE, "x = (1\n", "\n", "x\ty\n\n# only\n"):
        state, observation = seen(source)
        features = Features(observation)
        for move in moves(state, []):
            assert all(features.of(move)), move


def test_belief_is_a_distribution_over_the_moves() -> None:
    state, observation = seen(SOURCE, "total([1]) -> None, expected 1")
    choice = moves(state, [])
    belief = shipped().belief(observation, choice)
    assert list(belief) == choice
    assert math.isclose(sum(math.exp(p) for p in belief.values()), 1.0, rel_tol=1e-6)
    assert shipped().belief(observation, []) == {}


def test_the_policy_is_a_permutation_of_the_moves_best_first() -> None:
    state, observation = seen(SOURCE, "total([1]) -> None, expected 1")
    choice = moves(state, [])
    policy = PriorPolicy(shipped())
    found: list[Proposal] = list(policy.propose(Transcript((observation,)), choice, seed=0))
    scores = [proposal.log_prob for proposal in found]
    assert scores == sorted(scores, reverse=True)
    assert {proposal.command for proposal in found} == set(choice)
    missing = Command("ADDL", 5, "    return result")
    assert [proposal.command for proposal in found].index(missing) < 5


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.zeros(7, np.float32))
    with pytest.raises(ValueError, match=f"not \\({SIZE},\\)"):
        Prior.load(tmp_path / "w.npy")


def demonstration(number: int) -> str:
    """A comparison that is one off, among other things that could be wrong."""
    name = f"value{number}"
    window = [f"def f({name}):", f"    if {name} < {number}:", f"        return {name}"]
    return json.dumps(
        {
            "v": 1,
            "observations": [{"window": window, "findings": [[None, "f(1) -> None, expected 1"]]}],
            "commands": ["### REPW 2 >>>< >>><="],
            "family": ["comparison"],
            "source": name,
        }
    )


def test_it_learns_what_undoes_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "demos.jsonl"
    path.write_text("".join(demonstration(n) + "\n" for n in range(40)))
    lines = sample_lines([path], 30, seed=0)
    assert len(set(lines)) == 30
    known = [one for line in lines if (one := example(line, 20))]
    weights = fit(known, seed=0)
    unknown = [one for n in range(90, 100) if (one := example(demonstration(n), None))]
    assert ranks(unknown, np.zeros(SIZE, np.float32)).five < 1
    assert ranks(unknown, weights).first == 1
    assert np.array_equal(weights, fit(known, seed=0))


def test_the_command_writes_weights_and_says_what_they_are_worth(tmp_path: Path) -> None:
    demos, out = tmp_path / "demos.jsonl", tmp_path / "prior.npy"
    demos.write_text("".join(demonstration(n) + "\n" for n in range(12)))
    words = ["train", "prior", str(demos), "-o", str(out), "--dev", str(demos), "--workers", "1"]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    assert "of 12 states" in found.output
    assert "first in 100.0%" in found.output
    assert Prior.load(out).weights.any()
    assert [path.name for path in tmp_path.glob("prior*")] == ["prior.npy"]
    demos.write_text("")
    assert CliRunner().invoke(app, words).exit_code == 2


def test_a_demonstration_that_no_move_makes_gives_no_example() -> None:
    row = json.loads(demonstration(1))
    row["commands"] = ["### REPL 2 >>>    while something_else(entirely, new):"]
    assert example(json.dumps(row)) is None
    row["commands"] = ["### EXIT"]
    assert example(json.dumps(row)) is None
