"""A base for training out of a GGUF: behaves like the file, and loads where training loads it."""

from __future__ import annotations

from pathlib import Path

import editloop_export.unpack as unpacking
import pytest
from editloop_export import write_gguf

from editloop.cli import run

TEMPLATE = "{% for m in messages %}<|cmd|>{{ m['content'] }}<|end|>{% endfor %}"


@pytest.fixture(scope="module")
def model(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quantized file with a chat template."""
    folder = checkpoints["qwen2"]
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    try:
        return write_gguf(folder, tmp_path_factory.mktemp("base") / "tiny.gguf")
    finally:
        (folder / "chat_template.jinja").unlink()


def test_a_base_behaves_like_its_file(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path / "base"
    assert run(["train", "base", str(model), "-o", str(folder)]) == 0
    told = capsys.readouterr().err
    assert "token ids: identical in 200 files; likeliest token: the same at" in told
    assert "bfloat16" in (folder / "config.json").read_text()
    loaded, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert str(loaded.dtype) == "torch.bfloat16"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == TEMPLATE
    assert tokenizer.eos_token == "<|end|>"
    text = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert text == "<|cmd|>hi<|end|>"
    assert {path.name for path in tmp_path.iterdir()} == {"base"}


def test_only_a_base_is_replaced(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("not to be lost")
    assert run(["train", "base", str(model), "-o", str(tmp_path)]) == 2
    assert "exists and is no base" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").exists()


def test_weights_that_are_read_wrongly_are_refused(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here: the vectors of a layer in the places of another's."""
    names = dict(unpacking._LAYER)
    names["ffn_gate"], names["ffn_up"] = names["ffn_up"], names["ffn_gate"]
    monkeypatch.setattr(unpacking, "_LAYER", names)
    assert run(["train", "base", str(model), "-o", str(tmp_path / "base")]) == 2
    assert "the weights are read wrongly" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
