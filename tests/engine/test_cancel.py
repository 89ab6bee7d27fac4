"""Cancelling within 200 ms, wherever the engine is, and using it again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from editloop.engine import Engine
from editloop.policy import Cancelled

from .conftest import score

LONG = [5 + (i * 7919) % 1490 for i in range(4000)]
LIMIT = 0.2  # seconds


@pytest.fixture(scope="module")
def slow(slow_model: Path) -> Iterator[Engine]:
    with Engine.load(slow_model, transcript_version=0, n_threads=1, n_ctx=6000) as engine:
        yield engine


def assert_cancelled_in_time(work: Callable[[threading.Event], object], delay: float) -> None:
    """Sets the event after `delay` seconds and measures until the exception.

    Processor time holds on a busy machine too; wall time is only fair on a free one.
    """
    cancel, asked = threading.Event(), [0.0, 0.0]

    def ask() -> None:
        asked[:] = time.perf_counter(), time.process_time()
        cancel.set()

    timer = threading.Timer(delay, ask)
    timer.start()
    with pytest.raises(Cancelled):
        work(cancel)
    wall, busy = time.perf_counter(), time.process_time()
    timer.join()
    assert busy - asked[1] < LIMIT
    if os.getloadavg()[0] < (os.cpu_count() or 1):
        assert wall - asked[0] < LIMIT


@pytest.mark.parametrize("delay", [0.1, 0.35, 0.6])
def test_during_a_long_prefill(slow: Engine, delay: float) -> None:
    slow.forget()
    assert_cancelled_in_time(lambda cancel: slow.token_scores(LONG, [1], cancel=cancel), delay)
    assert slow.open_rows == 0


def test_what_was_read_is_kept(slow: Engine) -> None:
    slow.forget()
    cancel, start = threading.Event(), slow.tokens_decoded

    def ask() -> None:
        while slow.tokens_decoded < start + 500:
            time.sleep(0.001)
        cancel.set()

    thread = threading.Thread(target=ask)
    thread.start()
    with pytest.raises(Cancelled):
        slow.token_scores(LONG, [1], cancel=cancel)
    thread.join()
    before = slow.tokens_decoded
    slow.token_scores(LONG[:700], [1])
    assert slow.tokens_decoded - before <= 200


def written(engine: Engine, cancel: threading.Event, tokens: int) -> object:
    return engine.generate(
        [LONG[:50]],
        16,
        ended=lambda ids: False,
        temperature=1.0,
        seed=0,
        max_tokens=tokens,
        cancel=cancel,
    )


def test_during_writing(slow: Engine) -> None:
    assert_cancelled_in_time(lambda cancel: written(slow, cancel, 2000), 0.3)
    assert slow.open_rows == 0
    assert score(slow, LONG[:50], [7, 8]) < 0


def test_set_before_the_call(engine: Engine) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        engine.token_scores([5, 6], [1], cancel=cancel)
    with pytest.raises(Cancelled):
        written(engine, cancel, 8)
    assert score(engine, [5, 6], [7]) < 0


def test_threads_take_turns(engine: Engine) -> None:
    wanted = [score(engine, list(range(10 + k, 60 + k)), [7, 8]) for k in range(6)]
    engine.forget()
    found: dict[int, float] = {}

    def work(k: int) -> None:
        for _ in range(5):
            found[k] = score(engine, list(range(10 + k, 60 + k)), [7, 8])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[k] for k in range(6)] == pytest.approx(wanted, abs=2e-3)
