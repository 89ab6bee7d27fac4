"""Qwen2.5-Coder-0.5B-Instruct as it is, where ``$EDITLOOP_TEST_MODEL`` names its file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from editloop.cli.doctor_model import faster, probe_model, probe_speed
from editloop.cli.findings import OK
from editloop.engine.checks import check_kind
from editloop.engine.gguf_info import read_info
from editloop.model.catalogue import find_entry
from editloop.model.download import get
from editloop.models import chosen_default
from editloop.store import add_model

NAME = "qwen2.5-coder-0.5b"
MODEL = Path(os.environ.get("EDITLOOP_TEST_MODEL", ""))

pytestmark = pytest.mark.skipif(
    not MODEL.is_file(), reason="EDITLOOP_TEST_MODEL names no model (editloop models get)"
)


@pytest.fixture
def linked(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that has the model by a link."""
    store.mkdir(parents=True)
    (store / f"{NAME}.gguf").symlink_to(MODEL.absolute())
    monkeypatch.setenv("XDG_DATA_HOME", str(store.parents[1]))
    return store


def test_it_is_what_the_catalogue_says(linked: Path) -> None:
    entry = find_entry(NAME)
    assert get(entry, linked) == linked / f"{NAME}.gguf"
    assert chosen_default(linked) == NAME
    info = read_info(MODEL)
    check_kind(info)
    assert info.fill_in
    assert info.bulk == "Q5_0"
    assert any("Q5_0" in text for text in faster(info))


def test_it_is_accepted_and_tried(linked: Path) -> None:
    assert add_model(MODEL, "mine", store=linked).stat().st_size == find_entry(NAME).bytes
    (linked / "default").write_text(f"{NAME}\n")
    [model] = probe_model()
    assert model.mark == OK
    assert NAME in model.text
    assert "fills in" in model.text
    speed = next(probe_speed())
    assert speed.mark == OK
    assert "tokens a second" in speed.text
    assert "llama.cpp on the" in speed.text
