"""Outputs of ordered work: complete ones are left alone, those of other work are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from editloop_trainer.stream import Rows, StreamError, stream


def worker(factor: int, deadly: bool = False) -> Callable[[int], Rows]:
    def work(number: int) -> Rows:
        if deadly and number == 13:
            os._exit(1)
        return {"products": [str(factor * number)]}

    return work


def dying(factor: int) -> Callable[[int], Rows]:
    return worker(factor, deadly=True)


def run(out: Path, factor: int) -> tuple[int, bool]:
    return stream("products", range(20), worker, {"products": out}, arguments=(factor,), workers=1)


def test_an_output_belongs_to_its_work(tmp_path: Path) -> None:
    out = tmp_path / "new" / "products.jsonl"
    assert run(out, 3) == (20, True)
    wanted = [str(3 * number) for number in range(20)]
    assert out.read_text().splitlines() == wanted
    assert run(out, 3) == (0, True)
    with pytest.raises(StreamError, match="other settings"):
        run(out, 4)
    assert out.read_text().splitlines() == wanted
    os.truncate(out, 10)
    with pytest.raises(StreamError, match="was shortened"):
        run(out, 3)


def test_a_worker_that_dies_ends_the_work_with_what_is_done_kept(tmp_path: Path) -> None:
    out = tmp_path / "products.jsonl"
    with pytest.raises(StreamError, match="a worker process died"):
        stream(
            "products",
            range(20),
            dying,
            {"products": out},
            arguments=(3,),
            workers=1,
        )
    assert run(out, 3) == (8, True)
    assert out.read_text().splitlines() == [str(3 * number) for number in range(20)]
