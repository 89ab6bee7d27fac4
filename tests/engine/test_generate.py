"""Continuations and scores: determinism, ends, refused ids, probabilities, room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from editloop.engine import Engine
from editloop.engine.errors import ContextTooSmall, DecodeFailed
from editloop.engine.generate import Continuation

from .conftest import VERSION, score

PREFIX = [5 + i * 7 % 900 for i in range(60)]


def drawn(
    engine: Engine,
    n: int,
    prefixes: Sequence[Sequence[int]] = (PREFIX,),
    *,
    temperature: float = 1.0,
    seed: int = 1,
    end: int = -1,
    refused: Sequence[int] = (),
) -> list[list[Continuation]]:
    return engine.generate(
        prefixes,
        n,
        ended=lambda ids: ids[-1] == end,
        temperature=temperature,
        seed=seed,
        max_tokens=8,
        refused=lambda ids: refused,
    )


def test_greedy_is_argmax_and_equal_continuations_are_decoded_once(engine: Engine) -> None:
    before = engine.tokens_decoded
    [found] = drawn(engine, 8, temperature=0.0)
    assert engine.tokens_decoded - before <= len(PREFIX) + 8
    assert len(set(found)) == 1
    ids = list(found[0].ids)
    for at, token in enumerate(ids):
        assert engine.logits([*PREFIX, *ids[:at]])[-1].argmax() == token
    assert found[0].log_prob == pytest.approx(score(engine, PREFIX, ids), abs=2e-3)
    assert engine.open_rows == 0


def test_one_seed_one_text_however_many_there_are(engine: Engine) -> None:
    [many] = drawn(engine, 100)  # more than there are sequences: in waves
    [few] = drawn(engine, 5)
    assert [one.ids for one in few] == [one.ids for one in many[:5]]
    assert len({one.ids for one in many}) > 90
    assert [one.ids for one in drawn(engine, 5, seed=2)[0]] != [one.ids for one in few]
    for one in few:
        assert one.log_prob == pytest.approx(score(engine, PREFIX, one.ids), abs=2e-3)


def test_several_prefixes_are_the_same_together_and_alone(engine: Engine) -> None:
    other = [*PREFIX, 21, 22]
    together = drawn(engine, 1, [PREFIX, other], temperature=0.0)
    alone = [drawn(engine, 1, [prefix], temperature=0.0)[0] for prefix in (PREFIX, other)]
    assert [one[0].ids for one in together] == [one[0].ids for one in alone]


def test_the_end_is_heard_and_refused_ids_do_not_come(engine: Engine) -> None:
    [[whole]] = drawn(engine, 1, temperature=0.0)
    assert not whole.finished
    [[cut]] = drawn(engine, 1, temperature=0.0, end=whole.ids[2])
    assert cut.finished
    assert cut.ids == whole.ids[: whole.ids.index(whole.ids[2]) + 1]
    [others] = drawn(engine, 20, refused=[whole.ids[0]], temperature=0.0)
    assert whole.ids[0] not in {one.ids[0] for one in others}


def test_frequencies_are_the_probabilities(engine: Engine) -> None:
    logits = engine.logits(PREFIX)[-1].astype(np.float64)
    wanted = np.exp(logits / 0.25 - (logits / 0.25).max())
    wanted /= wanted.sum()
    found = np.bincount(
        [one.ids[0] for one in drawn(engine, 400, temperature=0.25)[0]], minlength=len(wanted)
    )
    for token in np.argsort(-wanted)[:3]:
        spread = (wanted[token] * (1 - wanted[token]) / 400) ** 0.5
        assert abs(found[token] / 400 - wanted[token]) < 5 * spread


def test_few_sequences_are_enough(model: Path) -> None:
    with Engine.load(model, transcript_version=VERSION, n_threads=1, n_seq_max=6) as engine:
        assert len(drawn(engine, 30)[0]) == 30
        assert engine.open_rows == 0


def test_token_scores_are_those_of_the_whole_vocabulary(engine: Engine) -> None:
    found = engine.token_scores(PREFIX, [7, 8, 9])
    assert engine.token_scores(PREFIX, []) == []
    logits = engine.logits([*PREFIX, 7, 8])[-3:].astype(np.float64)
    exact = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert found == pytest.approx(
        [exact[at, token] for at, token in enumerate((7, 8, 9))], abs=2e-3
    )


def test_what_does_not_fit_is_said_at_once(engine: Engine) -> None:
    long = [5 + i % 900 for i in range(1020)]
    with pytest.raises(ContextTooSmall, match="1020 tokens and 8 to come exceed the context of"):
        drawn(engine, 1, [long])
    for prefix in ([], [99999], [-1]):
        with pytest.raises(ValueError, match="token"):
            drawn(engine, 1, [prefix])
    with pytest.raises(DecodeFailed, match="outside"):
        engine.detokenize([99999])
