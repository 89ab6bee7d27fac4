"""Sampling under constraints: determinism, greedy, ends, empty constraints, probabilities."""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np
import pytest

from editloop.engine import DecodeFailed, Engine, FreeText, OneOf

PREFIX = list(range(300, 340))
ROWS = [[10, 11, 2], [10, 12, 13, 14, 2], [10, 12, 13, 15, 2], [16, 2]]


def test_same_seed_same_text(engine: Engine) -> None:
    free = FreeText([2], n_vocab=engine.n_vocab, banned=[0, 1, 3, 4])
    runs = [
        engine.sample(PREFIX, 8, allowed=free, temperature=1.0, seed=seed, max_tokens=10)
        for seed in (1, 1, 2)
    ]
    assert [ids for ids, _ in runs[0]] == [ids for ids, _ in runs[1]]
    assert [ids for ids, _ in runs[0]] != [ids for ids, _ in runs[2]]
    assert all(token not in (0, 1, 3, 4) for ids, _ in runs[0] for token in ids)


def test_a_branch_does_not_depend_on_the_number_of_branches(engine: Engine) -> None:
    free = FreeText([2], n_vocab=engine.n_vocab)
    few, many = (
        engine.sample(PREFIX, n, allowed=free, temperature=0.7, seed=3, max_tokens=6)
        for n in (2, 70)
    )
    assert [ids for ids, _ in few] == [ids for ids, _ in many[:2]]
    assert len(many) == 70
    assert engine.open_rows == 0


def test_greedy_is_argmax(engine: Engine) -> None:
    free = FreeText([2], n_vocab=engine.n_vocab)
    ((ids, score),) = engine.sample(PREFIX, 1, allowed=free, temperature=0, seed=0, max_tokens=8)
    row = list(PREFIX)
    for token in ids:
        assert int(engine.logits(row)[-1].argmax()) == token
        row.append(token)
    assert score == pytest.approx(engine.score(PREFIX, ids), abs=2e-3)


def test_greedy_under_a_constraint_is_the_best_legal_token(engine: Engine) -> None:
    ((ids, _),) = engine.sample(PREFIX, 1, allowed=OneOf(ROWS), temperature=0, seed=0)
    assert ids in ROWS
    generated: list[int] = []
    for token in ids:
        legal = OneOf(ROWS).allowed(generated)
        assert legal is not None
        logits = engine.logits([*PREFIX, *generated])[-1]
        assert token == max(legal, key=lambda t: logits[t])
        generated.append(token)


@pytest.mark.parametrize("constrained", [True, False])
def test_scores_are_those_of_rank(engine: Engine, constrained: bool) -> None:
    ranked = dict(engine.rank(PREFIX, ROWS, constrained=constrained))
    found = engine.sample(
        PREFIX, 40, allowed=OneOf(ROWS), temperature=3.0, seed=5, constrained=constrained
    )
    assert len({tuple(ids) for ids, _ in found}) > 1
    for ids, score in found:
        assert score == pytest.approx(ranked[ROWS.index(ids)], abs=2e-3)


def test_frequencies_follow_the_probabilities(engine: Engine) -> None:
    wanted = {tuple(ROWS[i]): np.exp(score) for i, score in engine.rank(PREFIX, ROWS)}
    found = engine.sample(PREFIX, 2000, allowed=OneOf(ROWS), temperature=1.0, seed=6)
    counts = collections.Counter(tuple(ids) for ids, _ in found)
    for row, probability in wanted.items():
        assert counts[row] / 2000 == pytest.approx(probability, abs=0.04)


def test_forced_tokens_are_read_together(engine: Engine) -> None:
    engine.score(PREFIX, [5])
    before = engine.tokens_decoded
    engine.sample(PREFIX, 16, allowed=OneOf([[10, 11, 12, 13, 2]]), temperature=1.0, seed=0)
    assert engine.tokens_decoded == before + 0


def test_max_tokens_cuts(engine: Engine) -> None:
    free = FreeText([], n_vocab=engine.n_vocab)
    found = engine.sample(PREFIX, 3, allowed=free, temperature=1.0, seed=0, max_tokens=5)
    assert [len(ids) for ids, _ in found] == [5, 5, 5]


class Wrong:
    """A constraint with a mistake in it."""

    def __init__(self, answer: Sequence[int] | np.ndarray) -> None:
        self.answer = answer

    def allowed(self, generated: Sequence[int]) -> Sequence[int] | np.ndarray | None:
        return self.answer if len(generated) >= 2 else [10, 11]

    def done(self, generated: Sequence[int]) -> bool:
        return False


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "allows nothing after 2 tokens"),
        (np.zeros(1500, np.bool_), "allows nothing after 2 tokens"),
        ([99999, 1], "outside 0..1499"),
        ([-1, 4], "outside 0..1499"),
        (np.ones(7, np.bool_), "outside 0..1499"),
    ],
)
def test_a_wrong_constraint_is_an_error(engine: Engine, answer: list[int], message: str) -> None:
    with pytest.raises(DecodeFailed, match=message):
        engine.sample(PREFIX, 4, allowed=Wrong(answer), temperature=1.0, seed=0)
    assert engine.open_rows == 0
    assert len(engine.sample(PREFIX, 2, allowed=OneOf(ROWS), temperature=1.0, seed=0)) == 2


def test_a_mask_of_one_is_a_forced_token(engine: Engine) -> None:
    mask = np.zeros(engine.n_vocab, np.bool_)
    mask[77] = True
    found = engine.sample(PREFIX, 1, allowed=Wrong(mask), temperature=1.0, seed=0, max_tokens=6)
    assert found[0][0][2:] == [77] * 4


def test_arguments(engine: Engine) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        engine.sample(PREFIX, 0, allowed=OneOf(ROWS), temperature=1.0, seed=0)
    with pytest.raises(ValueError, match="within 0"):
        engine.score([99999], [1])
