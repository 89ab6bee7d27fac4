"""Cached prefixes: same numbers, less work, several at once; failures leave the engine usable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from editloop.engine import Engine
from editloop.engine.errors import ContextTooSmall, EngineClosed, EngineCrashed

from .conftest import score

BASE = list(range(200, 500))
CANDIDATES = [[10, 11, 2], [10, 12, 2], [13, 2]]


def scores(engine: Engine, prefix: list[int]) -> list[float]:
    return [score(engine, prefix, candidate) for candidate in CANDIDATES]


def test_a_longer_prefix_reads_only_what_is_new(engine: Engine) -> None:
    scores(engine, BASE)
    grown = [*BASE, 21, 22, 23]
    before = engine.tokens_decoded
    warm = scores(engine, grown)
    assert engine.tokens_decoded - before < 10
    engine.forget()
    assert warm == pytest.approx(scores(engine, grown), abs=2e-3)


def test_a_shorter_prefix_is_the_same_as_a_fresh_one(engine: Engine) -> None:
    fresh = scores(engine, BASE)
    scores(engine, [*BASE, 21, 22, 23])
    assert scores(engine, BASE) == pytest.approx(fresh, abs=2e-3)
    assert scores(engine, BASE[:150]) != pytest.approx(fresh, abs=2e-3)


def test_two_alternating_prefixes(engine: Engine) -> None:
    left, right = [*BASE, *range(600, 660)], [*BASE, *range(700, 760)]
    wanted = []
    for prefix in (left, right):
        engine.forget()
        wanted.append(scores(engine, prefix))
    before = engine.tokens_decoded
    for _ in range(3):
        assert scores(engine, left) == pytest.approx(wanted[0], abs=2e-3)
        assert scores(engine, right) == pytest.approx(wanted[1], abs=2e-3)
    # 60 tokens of `left`, at most 360 cells; each round decodes only the candidates
    assert engine.tokens_decoded - before <= 60 + 6 * 5


def test_what_others_begin_with_stays(engine: Engine) -> None:
    """Gaps in one text: the deepest prefix is read once, though many shallower ones come after."""
    scores(engine, BASE)
    for number in range(20):
        scores(engine, [*BASE[: 100 + number], 700 + number, 800])
    before = engine.tokens_decoded
    scores(engine, [*BASE, 900])
    assert engine.tokens_decoded - before < 20


def test_many_prefixes_do_not_run_out_of_cells(engine: Engine) -> None:
    for start in range(40):
        prefix = [5 + (start * 37 + i * 13) % 1400 for i in range(900)]
        assert len(scores(engine, prefix)) == 3
    assert engine.open_rows == 0


def test_logits_do_not_depend_on_the_cache(engine: Engine) -> None:
    alone = engine.logits(BASE)
    assert alone.shape == (300, engine.n_vocab)
    assert alone.dtype == np.float32
    scores(engine, BASE)
    assert np.abs(engine.logits(BASE) - alone).max() < 1e-3


def test_prefix_as_long_as_the_context(engine: Engine) -> None:
    full = [5 + i % 1400 for i in range(engine.n_ctx - 3)]
    assert len(scores(engine, full)) == 3
    with pytest.raises(ContextTooSmall):
        engine.token_scores(full, [1, 2, 3, 4])
    with pytest.raises(ContextTooSmall):
        engine.logits([5] * (engine.n_ctx + 1))


class FailsOnce:
    """The native module with one decode that fails."""

    def __init__(self, native: Any, code: int) -> None:
        self._native, self._code = native, code

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def llama_decode(self, context: Any, batch: Any) -> int:
        code, self._code = self._code, 0
        return code or int(self._native.llama_decode(context, batch))


@pytest.mark.parametrize("code", [-1, -3])
def test_the_next_call_works_after_a_crash(engine: Engine, code: int) -> None:
    wanted = scores(engine, BASE)
    engine.forget()
    context = engine._context
    native, context._native = context._native, FailsOnce(context._native, code)
    try:
        with pytest.raises(EngineCrashed, match=f"failed with code {code}.*try again"):
            scores(engine, BASE)
        assert scores(engine, BASE) == pytest.approx(wanted, abs=1e-6)
        assert engine.open_rows == 0
    finally:
        context._native = native


def test_closed(model: Any) -> None:
    engine = Engine.load(model, transcript_version=7, n_threads=1)
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed, match="load it again"):
        engine.token_scores(BASE, [1])
