"""The way back: a GGUF as a Hugging Face folder that is the same model."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from editloop.models import SHIPPED
from export import UnsupportedModel, write_gguf
from export.cli import main
from export.parity import compare, open_engine
from export.reference import compute_reference
from export.testing import ModelSize, make_checkpoint, make_tokenizer
from export.unpack import unpack


@pytest.mark.skipif(not SHIPPED.is_file(), reason="this tree ships no model")
def test_there_and_back(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert main([str(SHIPPED), "--unpack", "-o", str(folder)]) == 0
    again = gguf.GGUFReader(write_gguf(folder, tmp_path / "again.gguf"))
    first = gguf.GGUFReader(SHIPPED)
    tensors = {tensor.name: tensor for tensor in again.tensors}
    assert tensors.keys() == {tensor.name for tensor in first.tensors}
    for tensor in first.tensors:
        assert np.array_equal(tensors[tensor.name].data, tensor.data), tensor.name
    for key, field in first.fields.items():
        if key.startswith(("tokenizer.", "qwen3.")):
            assert again.fields[key].contents() == field.contents(), key
    prompts = [list(range(300, 420)), list(range(900, 1020))]
    reference, _ = compute_reference(folder, prompts)
    with open_engine(SHIPPED, 128) as engine:
        report = compare(engine, reference)
    assert report.agreement > 0.95
    assert report.largest_difference < 0.5  # llama.cpp rounds activations to 8 bits, too


def test_other_models_are_refused(tmp_path: Path, tokenizer: Path) -> None:
    llama = write_gguf(make_checkpoint(tmp_path / "l", ModelSize(), tokenizer), tmp_path / "l.gguf")
    with pytest.raises(UnsupportedModel, match="only qwen2, qwen3 is unpacked"):
        unpack(llama, tmp_path / "out")
    mixed = make_tokenizer(tmp_path / "mixed.json")  # its special tokens come first
    qwen = make_checkpoint(tmp_path / "q", ModelSize("qwen2"), mixed)
    written = write_gguf(qwen, tmp_path / "q.gguf")
    assert main([str(written), "--unpack", "-o", str(tmp_path / "out")]) == 2
    assert not list(tmp_path.glob("out*"))
