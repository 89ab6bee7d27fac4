"""The store of models: what is found, what is chosen, and how a damaged file is shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from editloop import models
from editloop.engine.errors import ModelNotFound
from editloop.models import SHIPPED, find_model, list_models, store_folder

from .conftest import Cli

SHIPS = SHIPPED.is_file()


def test_store_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store_folder() == tmp_path / "editloop" / "models"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert store_folder().is_absolute()
    assert store_folder().parts[-2:] == ("editloop", "models")


def test_find_by_name_path_and_choice(store: Path, tiny_model: Path) -> None:
    named = Path(shutil.copy(tiny_model, store / "small.gguf"))
    deep = store / "team" / "other.gguf"
    deep.parent.mkdir()
    shutil.copy(tiny_model, deep)
    assert find_model("small", store=store) == named
    assert find_model("small.gguf", store=store) == named
    assert find_model("team/other", store=store) == deep
    assert find_model(tiny_model, store=store) == tiny_model
    (store / models.CHOICE).write_text("team/other\n")
    assert find_model(store=store) == deep
    (store / models.CHOICE).write_text(f"{tiny_model}\n")
    assert find_model(store=store) == tiny_model
    assert any(m.source == "path" and m.default for m in list_models(store))


def test_what_is_not_found_says_where_it_looked(store: Path, tiny_model: Path) -> None:
    shutil.copy(tiny_model, store / "small.gguf")
    with pytest.raises(ModelNotFound, match=r"no model named 'big' .* known: .*small"):
        find_model("big", store=store)
    with pytest.raises(ModelNotFound, match=r"no model file at folder/big\.gguf"):
        find_model("folder/big.gguf", store=store)
    (store / models.CHOICE).write_text("gone")
    with pytest.raises(ModelNotFound, match=r"the default in .* is wrong: .*gone"):
        find_model(store=store)


@pytest.mark.skipif(SHIPS, reason="this tree ships a model")
def test_without_any_model(store: Path) -> None:
    with pytest.raises(ModelNotFound, match="ships none"):
        find_model(store=store)


@pytest.mark.skipif(not SHIPS, reason="this tree ships no model")
def test_the_shipped_model_needs_no_configuration(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert find_model(store=nowhere) == find_model("shipped", store=nowhere) == SHIPPED
    assert [(m.name, m.default, m.error) for m in list_models(nowhere)] == [("shipped", True, None)]


def test_list_shows_damaged_files_with_their_error(cli: Cli, store: Path, tiny_model: Path) -> None:
    shutil.copy(tiny_model, store / "good.gguf")
    (store / "cut.gguf").write_bytes(tiny_model.read_bytes()[:5000])
    (store / "text.gguf").write_text("not a model [red]at all")
    (store / "gone.gguf").symlink_to(store / "nothing")
    (store / "notes.txt").write_text("ignored")
    (store / models.CHOICE).write_text("good")
    done = cli("models", "list", "--json")
    assert done.returncode == 0
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) - {"shipped"} == {"good", "cut", "text", "gone"}
    good = rows["good"]
    assert good["default"]
    assert good["error"] is None
    assert good["quantization"] == "Q8_0"
    assert good["rendering"] == "compact"
    assert good["parameters"] > 100_000
    assert good["eval"] == {"pass@1": 0.125}
    for name in ("cut", "text", "gone"):
        assert rows[name]["error"]
        assert rows[name]["parameters"] is None
    table = cli("models", "list")
    assert table.returncode == 0
    assert "pass@1 0.125" in table.stdout
    assert "unreadable" in table.stdout
    assert "cut short" in table.stdout


def test_list_without_a_store(cli: Cli, data_home: Path) -> None:
    done = cli("models", "list")
    assert done.returncode == 0
    assert str(data_home / "editloop" / "models") in done.stdout
    assert not data_home.exists()
