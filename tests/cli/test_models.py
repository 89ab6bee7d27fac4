"""The store of models: what is found, what is chosen, and how a damaged file is shown."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest

from editloop.engine.errors import ModelNotFound, TruncatedGguf, WrongTranscriptVersion
from editloop.model.store import (
    CHOICE,
    NO_MODEL,
    chosen_default,
    find_model,
    list_models,
    store_folder,
)
from editloop.model.storing import StoreError, add_model, remove_model, use_model

from .conftest import Cli


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
    (store / CHOICE).write_text("team/other\n")
    assert find_model(store=store) == deep
    (store / CHOICE).write_text(f"{tiny_model}\n")
    assert find_model(store=store) == tiny_model
    assert any(m.source == "path" and m.default for m in list_models(store))


def test_what_is_not_found_says_where_it_looked(store: Path, tiny_model: Path) -> None:
    shutil.copy(tiny_model, store / "small.gguf")
    with pytest.raises(ModelNotFound, match=r"no model named 'big' .* known: .*small"):
        find_model("big", store=store)
    with pytest.raises(ModelNotFound, match=r"no model file at folder/big\.gguf"):
        find_model("folder/big.gguf", store=store)
    (store / CHOICE).write_text("gone")
    with pytest.raises(ModelNotFound, match=r"the default in .* is wrong: .*gone"):
        find_model(store=store)


def test_without_any_model(store: Path, tiny_model: Path) -> None:
    with pytest.raises(ModelNotFound, match="no model is the default"):
        find_model(store=store)
    assert list_models(store / "nowhere") == []
    use_model(str(tiny_model), store)
    assert use_model(NO_MODEL, store) is None
    assert chosen_default(store) == NO_MODEL
    with pytest.raises(ModelNotFound, match="no model is the default"):
        find_model(store=store)
    assert list_models(store) == []


def test_list_shows_damaged_files_with_their_error(cli: Cli, store: Path, tiny_model: Path) -> None:
    shutil.copy(tiny_model, store / "good.gguf")
    (store / "cut.gguf").write_bytes(tiny_model.read_bytes()[:5000])
    (store / "text.gguf").write_text("not a model [red]at all")
    (store / "gone.gguf").symlink_to(store / "nothing")
    (store / "notes.txt").write_text("ignored")
    (store / CHOICE).write_text("good")
    done = cli("models", "list", "--json")
    assert done.returncode == 0
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {"good", "cut", "text", "gone"}
    good = rows["good"]
    assert good["default"]
    assert good["error"] is None
    assert good["quantization"] == "Q8_0"
    assert good["rendering"] == "chat"
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


def test_add_use_remove(cli: Cli, store: Path, tiny_model: Path) -> None:
    added = cli("models", "add", tiny_model, "--name", "mine")
    assert (added.returncode, added.stderr) == (0, "")
    assert (store / "mine.gguf").read_bytes() == tiny_model.read_bytes()
    again = cli("models", "add", tiny_model, "--name", "mine")
    assert again.returncode == 2
    assert "mine is in the store already" in again.stderr
    assert cli("models", "use", "mine").returncode == 0
    assert find_model(store=store) == store / "mine.gguf"
    outside = cli("models", "use", tiny_model)
    assert outside.returncode == 0
    assert find_model(store=store) == tiny_model
    cli("models", "use", "mine")
    removed = cli("models", "remove", "mine")
    assert "no model is the default now" in removed.stdout
    assert list(store.iterdir()) == []
    gone = cli("models", "remove", "mine")
    assert gone.returncode == 2
    assert "no model named 'mine'" in gone.stderr


def damaged(path: Path, model: Path) -> Path:
    path.write_bytes(model.read_bytes()[:-100])
    return path


def other_version(path: Path, model: Path) -> Path:
    """The same file with another number behind the key of the version."""
    data, key = model.read_bytes(), b"editloop.transcript_version"
    at = data.index(key) + len(key) + 4
    path.write_bytes(data[:at] + struct.pack("<I", 99) + data[at + 4 :])
    return path


def test_what_the_store_refuses(store: Path, tiny_model: Path, tmp_path: Path) -> None:
    keep = add_model(tiny_model, "keep", store=store)
    before = keep.read_bytes()
    refusals: list[tuple[Path, str, type[Exception], str]] = [
        (damaged(tmp_path / "cut.gguf", tiny_model), "keep", TruncatedGguf, "cut short"),
        (other_version(tmp_path / "v.gguf", tiny_model), "keep", WrongTranscriptVersion, "99"),
        (tmp_path / "nowhere.gguf", "keep", ModelNotFound, "no model file"),
        (tiny_model, "../evil", StoreError, "cannot name a model"),
        (tiny_model, "a/b", StoreError, "cannot name a model"),
        (tiny_model, "none", StoreError, "taken by editloop itself"),
        (tiny_model, "default", StoreError, "taken by editloop itself"),
        (tiny_model, "", StoreError, "cannot name a model"),
    ]
    for path, name, error, message in refusals:
        with pytest.raises(error, match=message):
            add_model(path, name, replace=True, store=store)
    with pytest.raises(WrongTranscriptVersion):
        use_model(str(tmp_path / "v.gguf"), store)
    assert [p.name for p in store.iterdir()] == ["keep.gguf"]
    assert keep.read_bytes() == before


def test_only_what_is_in_the_store_is_removed(store: Path, tiny_model: Path) -> None:
    with pytest.raises(StoreError, match="is not in the store"):
        remove_model(str(tiny_model), store)
    assert tiny_model.is_file()
