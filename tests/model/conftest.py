"""A catalogue of one small model, a hub that serves it, and an empty store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from editloop.model.catalogue import Entry, HubFile, PackageParts, Source

from .gguf_bytes import INSTRUCT, gguf
from .hub_server import Hub, running

HUB = HubFile("some/model-GGUF", "0" * 40, "model.gguf")
PART = 100_000


@pytest.fixture(scope="session")
def data() -> bytes:
    """A file of 256 KB that reads as an instruct model; no llama.cpp would load it."""
    return gguf(INSTRUCT, size=64_000)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "data" / "editloop" / "models"


@pytest.fixture
def hub(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A server at ``HF_ENDPOINT``."""
    monkeypatch.setattr("editloop.model.hub._PAUSE", 0.01)
    with running(data) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def entry_of(data: bytes, *sources: Source) -> Entry:
    return Entry(
        name="small",
        title="Small-Instruct",
        family="Small",
        parameters=64_000,
        quantization="F32",
        licence="Apache-2.0",
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        memory=1_000_000,
        cores=1,
        fill_in=False,
        good_for="tests",
        score="",
        sources=sources or (HUB,),
    )


def catalogue_text(entry: Entry) -> str:
    """The data file of a catalogue with one model."""
    lines = ["[[model]]"]
    for name, value in asdict(entry).items():
        if name != "sources":
            lines.append(f"{name} = {json.dumps(value)}")
    for source in entry.sources:
        lines += [
            "[[model.source]]",
            *(f"{k} = {json.dumps(v)}" for k, v in asdict(source).items()),
        ]
    return "\n".join(lines)


@pytest.fixture
def entry(data: bytes) -> Entry:
    return entry_of(data)


PARTS = PackageParts("some-model-part{n}", "1.0", "some_model_part{n}/data/part{n:02}.bin", PART)
