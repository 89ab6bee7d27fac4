"""Outputs of ordered work: complete ones are left alone, those of other work are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainer.stream import Rows, StreamError, stream

_factor = 0


def start(factor: int) -> None:
    global _factor
    _factor = factor


def work(number: int) -> Rows:
    return {"products": [str(_factor * number)]}


def run(out: Path, factor: int) -> tuple[int, bool]:
    return stream(
        "products", range(20), work, {"products": out}, start=start, arguments=(factor,), workers=1
    )


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
