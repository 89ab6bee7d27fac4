"""Files that are not what they should be, in the store and beside it: one line each."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editloop.cli import run
from editloop.engine.checks import check_kind
from editloop.engine.errors import EngineError, NoChatTemplate, NotAGguf
from editloop.engine.gguf_info import read_info
from editloop.model.store import find_model, list_models
from editloop.model.storing import StoreError, add_model, remove_model, use_model

from .gguf_bytes import (
    ARRAY,
    BOOL,
    F32,
    F64,
    I32,
    INSTRUCT,
    STRING,
    U32,
    U64,
    gguf,
    string,
)

HUGE = struct.pack("<Q", 2**63)


def but(key: str | bytes, kind: int, content: Any) -> bytes:
    """A file that is right but for one value."""
    return gguf({**INSTRUCT, key: (kind, content)})


def without(key: str) -> bytes:
    return gguf({name: value for name, value in INSTRUCT.items() if name != key})


UNREADABLE: dict[str, bytes] = {
    "alignment is a string": but("general.alignment", STRING, "32"),
    "alignment is an array": but("general.alignment", ARRAY, (U32, [32])),
    "alignment is zero": but("general.alignment", U32, 0),
    "alignment is negative": but("general.alignment", I32, -1),
    "file type is an array": but("general.file_type", ARRAY, (U32, [7])),
    "context length is a string": but("llama.context_length", STRING, "many"),
    "context length is an array": but("llama.context_length", ARRAY, (U32, [512])),
    "context length is not a number": but("llama.context_length", F32, float("nan")),
    "transcript version is a string": but("editloop.transcript_version", STRING, "1"),
    "architecture is a number": but("general.architecture", U32, 7),
    "architecture is empty": but("general.architecture", STRING, ""),
    "architecture is an array": but("general.architecture", ARRAY, (STRING, ["llama"])),
    "no architecture": without("general.architecture"),
    "an array of arrays": but("x", ARRAY, (ARRAY, [(U32, [1])])),
    "an empty array of arrays": but("x", ARRAY, (ARRAY, [])),
    "arrays in arrays, ten thousand deep": but(
        "x", ARRAY, struct.pack("<IQ", ARRAY, 1) * 10_000 + struct.pack("<IQ", U32, 0)
    ),
    "an array of an unknown type": but("x", ARRAY, struct.pack("<IQ", 99, 0)),
    "a value of an unknown type": but("x", 99, b""),
    "a huge array": but("x", ARRAY, struct.pack("<I", U32) + HUGE),
    "a huge array of strings": but("x", ARRAY, struct.pack("<I", STRING) + HUGE),
    "a huge string": but("x", ARRAY, struct.pack("<IQ", STRING, 1) + HUGE),
    "a huge number of values": b"GGUF" + struct.pack("<IQ", 3, 1) + HUGE,
    "a huge number of tensors": b"GGUF" + struct.pack("<I", 3) + HUGE + struct.pack("<Q", 0),
    "a tensor as large as the world": gguf(INSTRUCT, dims=(2**62, 2**62, 2**62)),
    "no tensors": b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
    "an unknown version": b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
    "cut in the tensors": gguf(INSTRUCT)[:-1],
    "cut in a string": gguf(INSTRUCT)[:40],
    "four bytes": b"GGUF",
    "empty": b"",
    "text": b"not a model [red]at all",
}

STRANGE: dict[str, bytes] = {
    "a key that is not UTF-8": but(b"\xff\xfe.x", U32, 1),
    "a text that is not UTF-8": but("general.name", STRING, b"\xff\xfe"),
    "a name that a terminal obeys": but("general.name", STRING, "\x1b[2J\x07"),
    "a rendering that is a number": but("editloop.rendering", U32, 1),
    "a base model that is an array": but("editloop.base_model", ARRAY, (U32, [1])),
    "a score that is not finite": but("editloop.eval.x", F64, float("nan")),
    "a score that a terminal obeys": but("editloop.eval.\x1b]0;x\x07", STRING, "\x1b[31m[bold]"),
    "a score that is true": but("editloop.eval.x", BOOL, True),
    "a huge count of heads": but("llama.attention.head_count", U64, 2**64 - 1),
    "heads that are words": but("llama.attention.head_count", STRING, "many"),
}

REFUSED: dict[str, bytes] = {
    "zero layers": but("llama.block_count", U32, 0),
    "minus one layer": but("llama.block_count", I32, -1),
    "layers in words": but("llama.block_count", STRING, "two"),
    "no layers said": without("llama.block_count"),
    "no width": without("llama.embedding_length"),
    "width is not finite": but("llama.embedding_length", F32, float("inf")),
    "an adapter": but("general.type", STRING, "adapter"),
    "a projector": but("general.type", STRING, "mmproj"),
    "a kind that is a number": but("general.type", U32, 3),
    "a part of several": but("split.count", U32, 3),
    "no chat template": without("tokenizer.chat_template"),
    "a chat template that is a number": but("tokenizer.chat_template", U32, 3),
}


def parametrized(table: dict[str, bytes]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("content", table.values(), ids=table.keys())


@pytest.fixture
def home(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one good model in it, which is the default."""
    monkeypatch.setenv("XDG_DATA_HOME", str(store.parents[1]))
    monkeypatch.setenv("COLUMNS", "300")
    store.mkdir(parents=True)
    (store / "good.gguf").write_bytes(gguf(INSTRUCT))
    (store / "default").write_text("good\n")
    return store


def one_line(error: BaseException) -> bool:
    return bool(str(error)) and "\n" not in str(error)


@parametrized(UNREADABLE)
def test_an_unreadable_file_has_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(EngineError) as failed:
        read_info(path)
    assert one_line(failed.value)
    assert str(path) in str(failed.value)


@parametrized(STRANGE)
def test_a_strange_file_is_read(
    content: bytes, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "odd.gguf").write_bytes(content)
    info = read_info(home / "odd.gguf")
    assert info.architecture == "llama"
    assert info.number("block_count") == 2
    check_kind(info)
    assert run(["models", "list"]) == 0
    shown = capsys.readouterr().out
    assert "odd" in shown
    assert not set(shown) & set("\x1b\x07")
    assert run(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert {row["name"] for row in rows} >= {"good", "odd"}


@parametrized(REFUSED)
def test_what_is_no_model_to_ask_is_refused(content: bytes, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    for change in (lambda: add_model(path, store=home), lambda: use_model(str(path), home)):
        with pytest.raises((NotAGguf, NoChatTemplate)) as failed:
            change()
        assert one_line(failed.value)
        assert str(path) in str(failed.value)
    assert sorted(p.name for p in home.iterdir()) == ["default", "good.gguf"]


def test_what_llama_cpp_does_not_load_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Metadata that look right, of an architecture that nobody has, or without a vocabulary."""
    for name in ("llama", "nobodys"):
        path = tmp_path / f"{name}.gguf"
        renamed = {key.replace("llama", name): value for key, value in INSTRUCT.items()}
        path.write_bytes(gguf({**renamed, "general.architecture": (STRING, name)}))
        assert run(["models", "add", str(path)]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"editloop: {name}.gguf does not load here: ")
        assert told.count("\n") == 1
    assert sorted(p.name for p in home.iterdir()) == ["default", "good.gguf"]


def test_bad_files_do_not_hide_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n, content in enumerate((*UNREADABLE.values(), *STRANGE.values(), *REFUSED.values())):
        (home / f"file{n}.gguf").write_bytes(content)
    count = n + 1
    (home / "loop.gguf").symlink_to("loop.gguf")
    (home / "there.gguf").symlink_to("back.gguf")
    (home / "back.gguf").symlink_to("there.gguf")
    (home / "gone.gguf").symlink_to("nothing")
    (home / "around").symlink_to(".")
    (home / "folder.gguf").mkdir()
    (home / "\x1b[2J.gguf").write_bytes(gguf(INSTRUCT))
    listed = {model.name: model for model in list_models(home)}
    assert len([name for name in listed if name.startswith("file")]) == count
    assert listed["good"].error is None
    assert listed["good"].default
    for name in ("loop", "there", "back", "gone"):
        assert listed[name].error
    assert run(["models", "list"]) == 0
    shown = capsys.readouterr()
    assert "good" in shown.out
    assert "\x1b" not in shown.out
    assert shown.err == ""
    assert run(["models", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(listed)


@pytest.mark.parametrize("choice", [b"loop", b"\xff\xfe", b"", b"x" * 5000, b"a\0b", b"good\nx"])
def test_a_choice_that_leads_nowhere(
    home: Path, choice: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "loop.gguf").symlink_to("loop.gguf")
    (home / "default").write_bytes(choice)
    assert run(["models", "list"]) == 0
    assert "good" in capsys.readouterr().out
    if choice:
        with pytest.raises((EngineError, OSError)) as failed:
            find_model(store=home)
        assert one_line(failed.value)


@pytest.mark.parametrize(
    "name",
    ["../../x", "../../x.gguf", "../notes", "/etc/passwd", "out/x", "team/../../../x", "default"],
)
def test_only_models_of_the_store_are_removed(home: Path, name: str) -> None:
    outside = home.parents[1]
    for path in (outside / "x.gguf", home.parent / "notes.gguf", home.parent / "notes"):
        path.write_bytes(gguf(INSTRUCT))
    (home / "out").symlink_to(outside)
    before = {path: path.stat().st_mtime_ns for path in sorted(outside.rglob("*"))}
    with pytest.raises((StoreError, EngineError)) as failed:
        remove_model(name, home)
    assert one_line(failed.value)
    assert {path: path.stat().st_mtime_ns for path in sorted(outside.rglob("*"))} == before


def test_a_partial_file_outside_is_not_removed(home: Path) -> None:
    outside = home.parents[1] / ".x.gguf.part"
    outside.write_bytes(b"x")
    with pytest.raises((StoreError, EngineError)):
        remove_model("../../x", home)
    assert outside.exists()


def test_links_of_the_store_can_be_removed(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(gguf(INSTRUCT))
    (home / "linked.gguf").symlink_to(mine)
    (home / "loop.gguf").symlink_to("loop.gguf")
    (home / "gone.gguf").symlink_to("nothing")
    for name in ("linked", "loop", "gone"):
        assert remove_model(name, home) is False
    assert mine.exists()
    assert sorted(p.name for p in home.iterdir()) == ["default", "good.gguf"]


def test_a_store_that_is_a_link(home: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(home)
    assert remove_model("good", link) is True
    assert list(home.iterdir()) == []


def test_fill_in_tokens_are_seen(tmp_path: Path) -> None:
    tokens = ["a", "<|fim_prefix|>", *[f"t{n}" for n in range(300)]]
    body = {**INSTRUCT, "tokenizer.ggml.tokens": (ARRAY, (STRING, tokens))}
    del body["tokenizer.chat_template"]
    path = tmp_path / "code.gguf"
    path.write_bytes(gguf(body))
    assert read_info(path).fill_in
    check_kind(read_info(path))
    path.write_bytes(but("general.description", STRING, "it has <|fim_prefix|> and more"))
    assert not read_info(path).fill_in


GOOD = gguf({**INSTRUCT, "x.list": (ARRAY, (STRING, ["a", "b"])), "general.alignment": (U32, 32)})
HEAD = len(GOOD) - 256


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, HEAD - 1), st.binary(min_size=1, max_size=8), st.integers(0, len(GOOD)))
def test_no_change_of_the_bytes_is_a_fault_of_the_program(
    tmp_path: Path, at: int, new: bytes, size: int
) -> None:
    path = tmp_path / "x.gguf"
    for content in (GOOD[:at] + new + GOOD[at + len(new) :], GOOD[:size]):
        path.write_bytes(content)
        found: EngineError | None = None
        try:
            check_kind(read_info(path))
        except EngineError as error:
            found = error
        assert found is None or one_line(found)


def test_the_unchanged_file_is_right(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(GOOD)
    check_kind(read_info(path))
    assert string("a") == b"\x01" + bytes(7) + b"a"
