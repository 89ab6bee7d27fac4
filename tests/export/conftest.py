"""Tiny checkpoints of the three shapes, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_checkpoints import ModelSize, make_checkpoint, make_tokenizer

SHAPES = {
    "llama": ModelSize("llama"),
    "llama-biased": ModelSize("llama", width=128, heads=4, kv_heads=4, tied=False, biased=True),
    "qwen2": ModelSize("qwen2", width=128, heads=4, kv_heads=1),
    "qwen3": ModelSize("qwen3", width=128, heads=8, kv_heads=2),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="session")
def tokenizer(folder: Path) -> Path:
    return make_tokenizer(folder / "trained.json")


@pytest.fixture(scope="session")
def checkpoints(folder: Path, tokenizer: Path) -> dict[str, Path]:
    return {name: make_checkpoint(folder / name, s, tokenizer) for name, s in SHAPES.items()}
