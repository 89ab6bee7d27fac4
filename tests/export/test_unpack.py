"""The way back: a GGUF as a Hugging Face folder that is the same model."""

from __future__ import annotations

import json
import shutil
from itertools import islice
from pathlib import Path

import gguf
import numpy as np
import pytest
from editloop_export import UnsupportedModel, write_gguf
from editloop_export.checkpoint import computed
from editloop_export.gguf_writer import write_file
from editloop_export.parity import compare, open_engine
from editloop_export.reference import compute_reference
from editloop_export.unpack import unpack
from safetensors.numpy import load_file, save_file
from tiny_checkpoints import ModelSize, make_instruct, stdlib_texts
from tokenizers import Tokenizer

from editloop.cli import run as cli

ONES = np.ones((2, 32), np.float32)


def test_there_and_back(tmp_path: Path) -> None:
    """A quantized file: the same tensors and tokenizer again, and the logits of llama.cpp."""
    size = ModelSize("qwen3", 6, 256, 4, 2, 768)
    path = write_gguf(make_instruct(tmp_path / "made", size), tmp_path / "first.gguf")
    folder = tmp_path / "folder"
    assert cli(["export", str(path), "--unpack", "-o", str(folder)]) == 0
    again = gguf.GGUFReader(write_gguf(folder, tmp_path / "again.gguf"))
    first = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in again.tensors}
    assert tensors.keys() == {tensor.name for tensor in first.tensors}
    for tensor in first.tensors:
        assert np.array_equal(tensors[tensor.name].data, tensor.data), tensor.name
    for key, field in first.fields.items():
        if key.startswith(("tokenizer.", "qwen3.")):
            assert again.fields[key].contents() == field.contents(), key
    prompts = [list(range(300, 420)), list(range(900, 1020))]
    reference, _ = compute_reference(folder, prompts)
    with open_engine(path, 128) as engine:
        report = compare(engine, reference)
    assert report.agreement > 0.8  # of weights that were drawn many are as likely as each other
    assert report.largest_difference < 0.5  # llama.cpp rounds activations to 8 bits, too


@pytest.mark.parametrize("kind", ["llama", "llama-biased", "qwen2", "qwen3"])
def test_every_shape_comes_back_as_it_was(
    kind: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    first = checkpoints[kind]
    again = unpack(write_gguf(first, tmp_path / "m.gguf", quant="f32"), tmp_path / "again")
    wanted, found = load_file(first / "model.safetensors"), load_file(again / "model.safetensors")
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        assert np.array_equal(tensor, found[name]), name
    prompts = [list(range(300, 360))]
    (one,), _ = compute_reference(first, prompts)
    (other,), _ = compute_reference(again, prompts)
    assert np.allclose(one.logits, other.logits, atol=1e-5)
    texts = [Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (first, again)]
    for text in (*islice(stdlib_texts(), 5), "a<|end|>b <|state|>", "x  \t\n\n  y\r\n é\U0001f600"):
        ids, same = (tokenizer.encode(text).ids for tokenizer in texts)
        assert ids == same


def test_a_matrix_that_is_stored_twice_gives_a_tied_model(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    """As official files do: the embedding roughly, the output matrix finely."""
    config = json.loads((checkpoints["qwen2"] / "config.json").read_text())
    folder = tmp_path / "twice"
    shutil.copytree(checkpoints["qwen2"], folder)
    tensors = load_file(folder / "model.safetensors")
    embedding = tensors["model.embed_tokens.weight"]
    rough = embedding + np.float32(0.005) * np.sign(embedding)  # a twentieth of what is drawn
    tensors |= {"model.embed_tokens.weight": rough, "lm_head.weight": embedding}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    again = unpack(write_gguf(folder, tmp_path / "m.gguf"), tmp_path / "again")
    assert json.loads((again / "config.json").read_text())["tie_word_embeddings"]
    assert "lm_head.weight" not in load_file(again / "model.safetensors")
    other = {"lm_head.weight": embedding[::-1].copy()}
    save_file(tensors | other, folder / "model.safetensors")
    again = unpack(write_gguf(folder, tmp_path / "n.gguf"), tmp_path / "untied")
    assert not json.loads((again / "config.json").read_text())["tie_word_embeddings"]
    assert "lm_head.weight" in load_file(again / "model.safetensors")


def test_other_models_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "gemma.gguf"
    row = ("token_embd.weight", computed(ONES), gguf.GGMLQuantizationType.F32)
    write_file(out, "gemma", lambda writer: None, [row], {})
    with pytest.raises(UnsupportedModel, match="gemma model: only llama, qwen2, qwen3 is unpacked"):
        unpack(out, tmp_path / "out")
    write_file(out, "qwen2", lambda writer: None, [row], {"tokenizer.ggml.pre": "gpt-4o"})
    assert cli(["export", str(out), "--unpack", "-o", str(tmp_path / "out")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["gemma.gguf"]
