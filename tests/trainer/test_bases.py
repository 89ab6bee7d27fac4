"""What a training command takes as its base: a folder, or a GGUF that becomes one once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gguf
import pytest
from editloop_export import write_gguf
from editloop_trainer.bases import base_folder
from editloop_trainer.encode import load_base
from editloop_trainer.run import RunError
from tiny_bases import make_base

from editloop.cli import run as cli


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "cache" / "editloop" / "bases"


def test_a_gguf_becomes_a_base_once(cache: Path, tmp_path: Path) -> None:
    folder = make_base(tmp_path / "first", architecture="qwen2")
    model = write_gguf(folder, tmp_path / "data" / "editloop" / "models" / "tiny.gguf")
    with ThreadPoolExecutor(2) as pool:  # as two processes of one training do
        one, two = pool.map(base_folder, ["tiny", str(model)])
    assert one == two
    made = (one / "model.safetensors").stat()
    assert base_folder("tiny") == one
    assert (one / "model.safetensors").stat() == made
    load_base(one)
    assert base_folder(str(folder)) == folder
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [one.name]


def test_what_is_no_base_is_one_line(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demos = tmp_path / "demos.jsonl"
    demos.write_text("")
    assert cli(["train", "sft", str(demos), "--base", "nobody", "-o", str(tmp_path / "run")]) == 2
    assert "no model named 'nobody'" in capsys.readouterr().err
    other = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(other, "mamba")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with pytest.raises(RunError, match=r"no base out of .*other\.gguf"):
        base_folder(str(other))
    assert not [path for path in cache.iterdir() if path.is_dir()]
