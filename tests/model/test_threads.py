"""The number of threads: chosen by time, remembered, and without effect on results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoints import ModelSize

from editloop.engine import Engine, host
from editloop.model import threads

from .tiny_gguf import make_gguf


@pytest.mark.parametrize(
    ("times", "count"),
    [({1: 1.0, 2: 0.5}, 2), ({1: 1.0, 2: 0.97}, 1), ({1: 1.0, 2: 3.0}, 1),
     ({4: 1.0, 7: 0.6, 8: 0.59}, 7), ({4: 1.0, 7: 0.6, 8: 0.5}, 8)],
)  # fmt: skip
def test_more_threads_have_to_be_worth_it(times: dict[int, float], count: int) -> None:
    assert threads.fastest(times) == count


def test_what_is_tried() -> None:
    assert [threads.candidates(n) for n in (1, 2, 3, 8)] == [[1], [1, 2], [1, 2, 3], [4, 7, 8]]


def test_a_burst_of_other_work_does_not_decide() -> None:
    asked: list[int] = []

    def step(count: int) -> float:
        asked.append(count)
        return 1.0 / count if len(asked) > 3 else 5.0

    assert threads.measured([1, 2], step) == {1: 1.0, 2: 0.5}
    assert asked == [2, 1, 2, 1, 2, 1, 2]


def test_measured_apart_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = make_gguf(tmp_path, ModelSize(context=256)), tmp_path / "cache"
    monkeypatch.setattr(host, "physical_cores", lambda: 2)
    with Engine.load(path, transcript_version=0, n_threads=1) as engine:
        monkeypatch.setattr(threads, "_others_at_work", lambda: 7.0)
        assert threads.known(engine.info, folder) == 1
        assert threads.set_fastest(engine, folder) in (1, 2)
        assert not folder.exists()  # another program slowed it: not to be kept
        monkeypatch.setattr(threads, "_others_at_work", lambda: 0.0)
        assert threads.known(engine.info, folder) == 2
        count = threads.set_fastest(engine, folder)
        [(key, kept)] = json.loads((folder / "threads.json").read_text()).items()
        assert kept == count
        assert str(engine.info.file_size) in key
        decoded = engine.tokens_decoded
        (folder / "threads.json").write_text(json.dumps({key: 1}))
        assert threads.known(engine.info, folder) == 1
        assert engine.tokens_decoded == decoded
        for damaged in ("", "[]", '{"a": "b"}', json.dumps({key: -3})):
            (folder / "threads.json").write_text(damaged)
            assert threads.known(engine.info, folder) == 2


def test_threads_do_not_change_results(tmp_path: Path) -> None:
    path = make_gguf(tmp_path, ModelSize(context=256))
    with Engine.load(path, transcript_version=0, n_threads=1) as engine:
        one = engine.logits([5, 6, 7])
        engine.set_threads(2)
        np.testing.assert_allclose(engine.logits([5, 6, 7]), one, atol=1e-4)
