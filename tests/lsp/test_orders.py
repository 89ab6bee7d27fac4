"""The job that a target becomes, as far as no client is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from editloop_lsp.documents import Documents
from editloop_lsp.orders import importers, seconds_of
from editloop_lsp.settings import Settings
from editloop_lsp.targets import Target
from editloop_lsp.text import Text

from editloop.budget import SECONDS, SECONDS_WITH_MODEL
from editloop.model.store import NO_MODEL

ONE, ALL = Target("file:///a.py", "function"), Target("file:///a.py", "all")


@pytest.fixture
def with_model(tmp_path: Path) -> Settings:
    script = tmp_path / "model.gguf"
    script.write_bytes(b"GGUF")
    return replace(Settings(), model=str(script))


def test_a_model_needs_seconds_for_each_place(with_model: Settings) -> None:
    assert seconds_of(with_model, ONE, refused=False) == SECONDS_WITH_MODEL
    assert seconds_of(with_model, ONE, refused=True) == SECONDS
    assert seconds_of(with_model, ALL, refused=False) == SECONDS


def test_without_a_model_a_fix_is_short() -> None:
    assert seconds_of(replace(Settings(), model=NO_MODEL), ONE, refused=False) == SECONDS


def test_what_a_person_set_holds(with_model: Settings) -> None:
    assert seconds_of(replace(with_model, budget=3.0), ONE, refused=False) == 3.0


@pytest.mark.parametrize(
    ("module", "text", "imports"),
    [
        ("shop", "import shop\n", True),
        ("shop", "def f():\n    from site.shop import total\n", True),
        ("shop", "from . import (\n    cart,\n    shop,\n)\n", True),
        ("shop/__init__", "from shop import total\n", True),
        ("shop", "import shopping\nshop = 1\n", False),
        ("shop", "# from shop import total\n", False),
    ],
)
def test_open_files_that_import_a_module(module: str, text: str, imports: bool) -> None:
    documents = Documents()
    own = Text(f"file:///site/{module}.py", 1, "import shop\n")
    for document in (own, Text("file:///b.py", 1, text), Text("untitled:c", 1, text)):
        documents.open(document)
    assert importers(documents, own) == ({"/b.py": text} if imports else {})
    assert importers(documents, Text("untitled:shop", 1, "")) == {}
