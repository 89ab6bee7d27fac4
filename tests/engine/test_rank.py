"""Ranking: order and values against brute force, laziness, sequences, interleaving."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editloop.engine import ContextTooSmall, Engine

PREFIX = list(range(300, 340))
TOLERANCE = 2e-3  # of a sum of log-probabilities: batches are summed in another order


def log_softmax(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    top = logits.max()
    return logits - (top + np.log(np.exp(logits - top).sum()))


def brute_force(
    engine: Engine, prefix: list[int], candidates: list[list[int]], constrained: bool
) -> list[float]:
    """Scores one candidate at a time from whole-row logits."""
    scores = []
    for candidate in candidates:
        rows = engine.logits([*prefix, *candidate])[len(prefix) - 1 :]
        score = 0.0
        for depth, token in enumerate(candidate):
            legal = sorted(
                {c[depth] for c in candidates if c[:depth] == candidate[:depth] and len(c) > depth}
            )
            if constrained:
                score += log_softmax(rows[depth][legal])[legal.index(token)]
            else:
                score += log_softmax(rows[depth])[token]
        scores.append(score)
    return scores


def some_candidates(seed: int, count: int, n_vocab: int = 1500) -> list[list[int]]:
    """Rows that branch at every depth, some of them forced runs."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        head = [100 + draw.randrange(3), 110 + draw.randrange(4)]
        body = [120 + draw.randrange(2) for _ in range(draw.randrange(4))]
        tail = [draw.randrange(200, n_vocab) for _ in range(draw.randrange(3))]
        rows.append([*head, *body, *tail, 2])
    return rows


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_equals_brute_force(engine: Engine, constrained: bool, batch: int) -> None:
    candidates = some_candidates(1, 40)
    wanted = brute_force(engine, PREFIX, candidates, constrained)
    found = list(engine.rank(PREFIX, candidates, constrained=constrained, batch=batch))
    assert sorted(index for index, _ in found) == list(range(40))
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert [score for _, score in sorted(found)] == pytest.approx(wanted, abs=TOLERANCE)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.lists(st.integers(5, 12), max_size=5), max_size=12),
    constrained=st.booleans(),
)
def test_any_candidates(engine: Engine, rows: list[list[int]], constrained: bool) -> None:
    """Empty ones, equal ones and beginnings of others included."""
    found = list(engine.rank(PREFIX, rows, constrained=constrained))
    wanted = brute_force(engine, PREFIX, rows, constrained)
    assert [score for _, score in sorted(found)] == pytest.approx(wanted, abs=TOLERANCE)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert engine.open_rows == 0


def test_unconstrained_agrees_with_score(engine: Engine) -> None:
    candidates = some_candidates(2, 10)
    for index, score in engine.rank(PREFIX, candidates, constrained=False):
        assert score == pytest.approx(engine.score(PREFIX, candidates[index]), abs=TOLERANCE)


def test_constrained_probabilities_sum_to_one(engine: Engine) -> None:
    candidates = [list(row) for row in {tuple(row) for row in some_candidates(3, 60)}]
    total = sum(np.exp(score) for _, score in engine.rank(PREFIX, candidates))
    assert total == pytest.approx(1.0, abs=1e-6)


def test_lazy(engine: Engine) -> None:
    candidates = some_candidates(4, 400)
    before = engine.tokens_decoded
    first = list(itertools.islice(engine.rank(PREFIX, candidates, batch=4), 1))
    few = engine.tokens_decoded - before - len(PREFIX)
    engine.forget()
    before = engine.tokens_decoded
    every = list(engine.rank(PREFIX, candidates, batch=4))
    all_of_them = engine.tokens_decoded - before - len(PREFIX)
    assert first[0][0] == every[0][0]
    assert few < all_of_them / 2


def test_a_forced_run_costs_nothing(engine: Engine) -> None:
    engine.score(PREFIX, [5])
    start = engine.tokens_decoded
    assert list(engine.rank(PREFIX, [[100, 101, 102, 2]])) == [(0, 0.0)]
    assert engine.tokens_decoded == start


def test_sequences_are_freed(engine: Engine) -> None:
    ranking = engine.rank(PREFIX, some_candidates(5, 300))
    next(ranking)
    assert engine.open_rows > 0
    ranking.close()  # type: ignore[attr-defined]
    assert engine.open_rows == 0
    for _ in range(70):  # more than there are sequences
        next(engine.rank(PREFIX, some_candidates(5, 300)))
    assert engine.open_rows == 0


def test_open_rankings_do_not_disturb_each_other(engine: Engine) -> None:
    """With few sequences each evicts the other's rows, which are then computed again."""
    candidates = some_candidates(6, 120)
    other = list(range(900, 950))
    alone = [list(engine.rank(p, candidates, batch=4)) for p in (PREFIX, other)]
    engine.forget()
    pairs = [engine.rank(p, candidates, batch=4) for p in (PREFIX, other)]
    mixed: list[list[tuple[int, float]]] = [[], []]
    for step in range(len(candidates)):
        for which, ranking in enumerate(pairs):
            mixed[which].append(next(ranking))
        if step % 40 == 5:
            engine.forget()
        if step % 40 == 20:
            engine.score(list(range(400, 500)), [7, 8, 9])
    for found, wanted in zip(mixed, alone, strict=True):
        assert [s for _, s in found] == pytest.approx([s for _, s in wanted], abs=TOLERANCE)
    del pairs, ranking
    assert engine.open_rows == 0


def test_few_sequences(model: object) -> None:
    with Engine.load(str(model), transcript_version=7, n_threads=1, n_seq_max=6) as engine:
        candidates = some_candidates(1, 40)
        wanted = brute_force(engine, PREFIX, candidates, True)
        found = sorted(engine.rank(PREFIX, candidates))
        assert [score for _, score in found] == pytest.approx(wanted, abs=TOLERANCE)


def test_context_too_small_is_said_at_once(engine: Engine) -> None:
    with pytest.raises(ContextTooSmall, match="1020 tokens and 5 to come exceed the context of"):
        engine.rank(list(range(5, 1025)), [[1, 2], [1, 2, 3, 4, 5]])


def test_no_candidates(engine: Engine) -> None:
    assert list(engine.rank(PREFIX, [])) == []


def test_empty_prefix_is_a_mistake(engine: Engine) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        engine.rank([], [[1]])
