"""Tiny real models, made once a session: random weights behind a tokenizer trained here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from editloop_export import write_gguf
from tiny_checkpoints import ModelSize, make_checkpoint, make_tokenizer

from editloop.engine import Engine

VERSION = 7


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def model(folder: Path) -> Path:
    """A Llama of 2 layers, F32 so that numbers can be compared closely."""
    tokenizer = make_tokenizer(folder / "trained.json")
    checkpoint = make_checkpoint(folder / "llama", ModelSize(context=1024), tokenizer)
    metadata = {
        "editloop.transcript_version": VERSION,
        "editloop.rendering": "chat",
        "editloop.base_model": "tiny",
        "editloop.eval.pass@1": 0.5,
        "editloop.eval.suite": "none",
    }
    return write_gguf(checkpoint, folder / "tiny.gguf", quant="f32", metadata=metadata)


@pytest.fixture(scope="session")
def slow_model(folder: Path, model: Path) -> Path:
    """Large enough that reading 4,000 tokens takes many seconds on one thread."""
    size = ModelSize("llama", 8, 512, 8, 8, 2048, context=8192)
    checkpoint = make_checkpoint(folder / "slow", size, folder / "trained.json", scale=0.03)
    return write_gguf(checkpoint, folder / "slow.gguf")


@pytest.fixture(scope="session")
def shared(model: Path) -> Iterator[Engine]:
    with Engine.load(model, transcript_version=VERSION, n_threads=1) as engine:
        yield engine


def score(engine: Engine, prefix: Sequence[int], continuation: Sequence[int]) -> float:
    """Log-probability in nats of a whole continuation."""
    return sum(engine.token_scores(prefix, continuation))


@pytest.fixture
def engine(shared: Engine) -> Engine:
    """The session's engine with nothing cached."""
    shared.forget()
    return shared
